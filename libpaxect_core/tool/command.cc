#include "command.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <new>
#include <set>
#include <utility>

#include "descriptor.h"
#include "printable.h"
#include "signals.h"
#include "standard_streams.h"

namespace paxect::tool {
namespace {

constexpr const char* kFiles = "FILE";  // the key of positional arguments

// The last occurrence of an option applies, so that a script can append to a command line.
void keep_last(po::parsed_options& parsed) {
  std::set<std::string> later;
  std::vector<po::option> kept;
  for (auto option = parsed.options.rbegin(); option != parsed.options.rend(); ++option)
    if (option->string_key == kFiles || later.insert(option->string_key).second) kept.push_back(*option);
  std::reverse(kept.begin(), kept.end());
  parsed.options = std::move(kept);
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> kCommands = {
      {"encode", "[-i FILE] [-o FILE] [options]", "encode a file as a .freq container", run_encode},
      {"decode", "[-i FILE] [-o FILE] [options]", "decode a container, verifying everything", run_decode},
      {"test", "FILE... [options]", "verify containers as decode does, without writing", run_test},
      {"info", "FILE [options]", "show the header and footer of a container", run_info},
      {"check", "FILE ORIGINAL [options]", "compare a container with its original, frame by frame",
       run_check},
      {"repair", "DAMAGED... -o FILE [options]", "restore a protected container from damaged copies",
       run_repair},
      {"salvage", "DAMAGED... -o FILE [options]", "recover data from damaged copies", run_salvage},
  };
  return kCommands;
}

std::vector<std::string> spelled_out(std::vector<std::string> arguments,
                                     std::span<const std::string_view> names) {
  for (std::string& word : arguments) {
    if (word == "--") break;
    if ((word.starts_with("-i=") || word.starts_with("-o=")) && word.size() > 3) word.erase(2, 1);
    if (!word.starts_with("--")) continue;
    std::string given = word.substr(2, word.find('=') - 2);
    auto is_meant = [&](std::string_view name) { return name.starts_with(given); };
    auto name = std::find_if(names.begin(), names.end(), is_meant);
    if (name != names.end() && std::count_if(names.begin(), names.end(), is_meant) == 1)
      word.replace(2, given.size(), *name);
  }
  return arguments;
}

void complain(const std::string& message) {
  std::string line = printable("paxect-core: " + message) + '\n';
  write_fully(STDERR_FILENO, line.data(), line.size());
}

void say(const std::string& line) { std::cout << printable(line) << '\n'; }

bool parse(const Command& command, po::options_description options, const std::vector<std::string>& arguments,
           po::variables_map& values, std::vector<std::string>* files) {
  options.add_options()("help,h", "show this help");
  po::options_description all;
  all.add(options);
  po::positional_options_description positional;
  if (files != nullptr) {
    all.add_options()(kFiles, po::value<std::vector<std::string>>());
    positional.add(kFiles, -1);
  }
  try {
    int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::parsed_options parsed =
        po::command_line_parser(arguments).options(all).positional(positional).style(style).run();
    keep_last(parsed);
    po::store(parsed, values);
    po::notify(values);
  } catch (const po::too_many_positional_options_error&) {
    throw UsageError{"unexpected argument: files are given with -i and -o"};
  } catch (const po::error& error) {
    throw UsageError{error.what()};
  }
  if (values.count("help") == 0) {
    if (values.count(kFiles) != 0) *files = values[kFiles].as<std::vector<std::string>>();
    return true;
  }
  std::cout << "usage: paxect-core " << command.name << ' ' << command.synopsis << "\n"
            << command.summary << "\n\n"
            << options << '\n'
            << kStatuses;
  return false;
}

void add_talk_options(po::options_description& options, const char* json_help) {
  options.add_options()("json", json_help)("quiet,q", "print errors only")(
      "progress", "show progress from the start, even when stderr is not a terminal")(
      "no-progress", "never show progress; default: on a terminal, after half a second");
}

Talk read_talk(const po::variables_map& values) {
  bool always = values.count("progress") != 0;
  bool never = values.count("no-progress") != 0;
  Talk talk;
  talk.quiet = values.count("quiet") != 0;
  talk.json = values.count("json") != 0;
  if (always && (never || talk.quiet))
    throw UsageError{std::string("--progress contradicts ") + (never ? "--no-progress" : "--quiet")};
  if (always) talk.progress = ProgressWhen::kAlways;
  if (never || talk.quiet) talk.progress = ProgressWhen::kNever;
  return talk;
}

std::optional<std::int64_t> parse_number(const std::string& text, paxect_parameter parameter) {
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;
  paxect_parameter_bounds(parameter, &minimum, &maximum, nullptr);
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value < minimum || value > maximum) return std::nullopt;
  return value;
}

std::int64_t number(const std::string& option, const std::string& text, paxect_parameter parameter) {
  if (std::optional<std::int64_t> value = parse_number(text, parameter)) return *value;
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;
  paxect_parameter_bounds(parameter, &minimum, &maximum, nullptr);
  throw UsageError{"--" + option + " cannot be '" + text + "': give a whole number from " +
                   std::to_string(minimum) + " to " + std::to_string(maximum)};
}

Encoder make_encoder() {
  paxect_encoder* encoder = nullptr;
  if (paxect_encoder_create(nullptr, &encoder) != PAXECT_OK) throw std::bad_alloc();
  return Encoder(encoder);
}

Decoder make_decoder() {
  paxect_decoder* decoder = nullptr;
  if (paxect_decoder_create(nullptr, &decoder) != PAXECT_OK) throw std::bad_alloc();
  return Decoder(decoder);
}

Reader make_reader() {
  paxect_reader* reader = nullptr;
  if (paxect_reader_create(nullptr, &reader) != PAXECT_OK) throw std::bad_alloc();
  return Reader(reader);
}

Outcome outcome(paxect_status status, const paxect_encoder* encoder) {
  return {status, paxect_encoder_error_message(encoder), paxect_encoder_error_offset(encoder),
          paxect_encoder_error_frame(encoder)};
}
Outcome outcome(paxect_status status, const paxect_decoder* decoder) {
  return {status, paxect_decoder_error_message(decoder), paxect_decoder_error_offset(decoder),
          paxect_decoder_error_frame(decoder)};
}
Outcome outcome(paxect_status status, const paxect_reader* reader) {
  return {status, paxect_reader_error_message(reader), paxect_reader_error_offset(reader),
          paxect_reader_error_frame(reader)};
}

std::string shown_name(const std::string& path) { return core::shown_input(path); }

std::uint64_t file_size(const std::string& path) {
  struct stat file {};
  bool there = (path == "-" ? fstat(STDIN_FILENO, &file) : stat(path.c_str(), &file)) == 0;
  return there && S_ISREG(file.st_mode) ? static_cast<std::uint64_t>(file.st_size) : 0;
}

int conclude(const Outcome& outcome, const std::string& input) {
  if (outcome.status == PAXECT_OK) return kExitOk;
  if (outcome.status == PAXECT_ERROR_CANCELLED && stop_requested() != 0) throw StoppedBySignal{};
  const std::string name = shown_name(input);
  if (outcome.status == PAXECT_ERROR_MEMORY && !outcome.message.starts_with(name + ": ")) {
    complain(name + ": " + outcome.message);
  } else if (outcome.status < PAXECT_ERROR_MAGIC) {  // the message names the file
    complain(outcome.message);
  } else {
    complain(name + ": " + outcome.message + " (byte " + std::to_string(outcome.offset) + ", frame " +
             std::to_string(outcome.frame) + ")");
  }
  return paxect_status_exit_code(outcome.status);
}

void warn(const Outcome& outcome, const Talk& talk) {
  if (outcome.status == PAXECT_OK && !outcome.message.empty() && !talk.quiet) complain(outcome.message);
}

}  // namespace paxect::tool

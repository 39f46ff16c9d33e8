#include "command.h"

#include <charconv>
#include <cstdio>
#include <iostream>
#include <new>
#include <sstream>

#include "signals.h"

namespace paxect::tool {

const std::vector<Command>& commands() {
  static const std::vector<Command> kCommands = {
      {"encode", "[-i FILE] [-o FILE] [options]", "make a .freq container of a file", run_encode},
      {"decode", "[-i FILE] [-o FILE] [options]", "get the file back, fully verified", run_decode},
  };
  return kCommands;
}

void complain(const std::string& message) {
  std::string line = "paxect-core: " + message;
  for (char& byte : line)
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) byte = '?';  // names may hold anything
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

bool parse(const Command& command, po::options_description options, const std::vector<std::string>& arguments,
           po::variables_map& values) {
  options.add_options()("help,h", "show this help");
  try {
    int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::store(po::command_line_parser(arguments)
                  .options(options)
                  .positional(po::positional_options_description{})
                  .style(style)
                  .run(),
              values);
    po::notify(values);
  } catch (const po::too_many_positional_options_error&) {
    throw UsageError{"unexpected argument: files are given with -i and -o"};
  } catch (const po::error& error) {
    throw UsageError{error.what()};
  }
  if (values.count("help") == 0) return true;
  std::cout << "usage: paxect-core " << command.name << ' ' << command.synopsis << "\n"
            << command.summary << "\n\n"
            << options;
  return false;
}

std::int64_t number(const std::string& option, const std::string& text, paxect_parameter parameter) {
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;
  paxect_parameter_bounds(parameter, &minimum, &maximum, nullptr);
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value < minimum || value > maximum)
    throw UsageError{"--" + option + " cannot be '" + text + "': give a whole number from " +
                     std::to_string(minimum) + " to " + std::to_string(maximum)};
  return value;
}

Encoder make_encoder() {
  paxect_encoder* encoder = nullptr;
  if (paxect_encoder_create(nullptr, &encoder) != PAXECT_OK) throw std::bad_alloc();
  paxect_encoder_set_progress(encoder, stop_on_signal, nullptr);
  return Encoder(encoder);
}

Decoder make_decoder() {
  paxect_decoder* decoder = nullptr;
  if (paxect_decoder_create(nullptr, &decoder) != PAXECT_OK) throw std::bad_alloc();
  paxect_decoder_set_progress(decoder, stop_on_signal, nullptr);
  return Decoder(decoder);
}

int conclude(paxect_status status, const std::string& input, const char* message, std::uint64_t offset,
             std::uint64_t frame) {
  if (status == PAXECT_OK) return kExitOk;
  if (status == PAXECT_ERROR_CANCELLED && stop_requested() != 0) die_of_signal();
  int code = paxect_status_exit_code(status);
  if (status < PAXECT_ERROR_MAGIC) {  // about the call or a file, which the message names
    complain(message);
  } else {
    complain((input == "-" ? "standard input" : input) + ": " + message + " (byte " + std::to_string(offset) +
             ", frame " + std::to_string(frame) + ")");
  }
  return code;
}

}  // namespace paxect::tool

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <new>
#include <optional>
#include <string_view>

#include "command.h"
#include "copies.h"
#include "last_resort.h"
#include "printable.h"
#include "signals.h"
#include "summary.h"

namespace paxect::tool {
namespace {

struct FreeRepairer {
  void operator()(paxect_repairer* repairer) const { paxect_repairer_free(repairer); }
};
using Repairer = std::unique_ptr<paxect_repairer, FreeRepairer>;

Repairer make_repairer() {
  paxect_repairer* made = nullptr;
  if (paxect_repairer_create(nullptr, &made) != PAXECT_OK) throw std::bad_alloc();
  return Repairer(made);
}

Outcome outcome(paxect_status status, const paxect_repairer* repairer) {
  return {status, paxect_repairer_error_message(repairer), paxect_repairer_error_offset(repairer), 0};
}

Outcome add_copies(paxect_repairer* repairer, Copies& copies, const std::vector<std::string>& names) {
  return copies.open(names, [&](int fd, const std::string& name) {
    return outcome(paxect_repairer_add_fd(repairer, fd, name.c_str()), repairer);
  });
}

paxect_repair_report report_of(const paxect_repairer* repairer) {
  paxect_repair_report report{};
  report.struct_size = sizeof report;
  paxect_repairer_report(repairer, &report);
  return report;
}

std::string count(std::uint64_t number, const char* what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

// The number of a copy that is the container.
using WholeCopy = std::optional<std::size_t>;

// What was damaged and what is left in reserve.
std::string findings(const paxect_repair_report& report, WholeCopy whole, std::size_t copies) {
  if (whole) return "no data and no parity is damaged";
  if (report.damaged == 0 && copies > 1) return "each cell is whole in one of the copies";
  if (report.damaged == 0) return "damaged outside of its " + count(report.cells, "cell");
  return count(report.damaged, "damaged cell") + " of " + std::to_string(report.cells) + " in " +
         count(report.damaged_windows, "window") + "; the code word with the least reserve has " +
         std::to_string(report.spare) + " of " + count(report.parity, "parity cell") + " left";
}

std::int32_t add_window(void* line, const paxect_repair_window* window) {
  JsonLine& json = *static_cast<JsonLine*>(line);
  json.begin_object();
  json.add("number", window->number);
  json.add("offset", window->offset);
  json.add("length", window->length);
  json.add("cells", window->cells);
  json.add("damaged", window->damaged);
  json.add("lacking", window->lacking);
  json.add("start", window->start);
  json.add("end", window->end);
  json.end_object();
  return 0;
}

const char* name_of_reason(std::uint32_t reason) {
  switch (reason) {
    case PAXECT_REPAIR_DIFFERENT_COPIES:
      return "different_copies";
    case PAXECT_REPAIR_DATA_PROVEN:
      return "data_proven";
    default:
      return nullptr;
  }
}

void print_json(const Job& job, double seconds, const Outcome& ended, const paxect_repairer* repairer,
                WholeCopy whole) {
  paxect_repair_report report = report_of(repairer);
  JsonLine line(summary_stream(job));
  line.add("command", job.command);
  line.add("output", job.output);
  line.add("seconds", seconds);
  line.add_outcome(ended);
  line.add("proven", report.proven != 0);
  line.add("undamaged", whole.has_value());
  line.add("protection", std::uint64_t{report.protection});
  line.add("container_size", report.container_size);
  line.add("cells", report.cells);
  line.add("cells_damaged", report.damaged);
  line.add("cells_lacking", report.lacking);
  line.add("parity_spare", std::uint64_t{report.spare});
  line.add("parity", std::uint64_t{report.parity});
  if (const char* reason = name_of_reason(report.reason); reason != nullptr) line.add("reason", reason);
  if (report.proven != 0) line.add("sha256", hex(report.sha256, sizeof report.sha256));
  line.begin_array("windows");
  paxect_repairer_each_window(repairer, add_window, &line);
  line.end_array();
}

// The message with the name of the first copy, unless it begins with the name of one already.
std::string named(const std::string& message, const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs)
    if (message.starts_with(shown_name(input) + ": ")) return message;
  return shown_name(inputs.front()) + ": " + message;
}

std::string salvage_advice(const std::vector<std::string>& inputs, const std::string& options) {
  std::string command = ": recover what is left with: paxect-core salvage";
  for (const std::string& input : inputs) command += ' ' + shell_word(input);
  return command + options + " -o FILE";
}

// What the advised command needs besides the names.
std::string options_for(std::span<const Setting> settings) {
  for (const auto& [parameter, value] : settings)
    if (parameter == PAXECT_PARAM_MAX_FRAME) return " --max-frame " + std::to_string(value);
  return "";
}

constexpr int kMaxWindowLines = 20;

// Reports why, the first windows that are lost if there are several, and what recovers the rest.
void explain_failure(const paxect_repairer* repairer, const std::vector<std::string>& inputs,
                     std::span<const Setting> settings, const Talk& talk) {
  struct Printer {
    std::string name;
    int lines = 0;

    static std::int32_t print(void* self, const paxect_repair_window* window) {
      auto& printer = *static_cast<Printer*>(self);
      if (window->lacking == 0) return 0;
      if (++printer.lines > kMaxWindowLines) {
        complain(printer.name + ": more windows are lost: --json lists all of them");
        return 1;
      }
      complain(printer.name + ": window " + std::to_string(window->number) + ": " +
               count(window->damaged, "cell") + " of " + std::to_string(window->cells) +
               " damaged, between bytes " + std::to_string(window->start) + " and " +
               std::to_string(window->end) + "; " + std::to_string(window->lacking) + " too many");
      return 0;
    }
  };
  Printer printer{.name = shown_name(inputs.front())};
  complain(named(paxect_repairer_error_message(repairer), inputs));
  if (talk.quiet) return;
  if (report_of(repairer).damaged_windows > 1)
    paxect_repairer_each_window(repairer, Printer::print, &printer);
  // For any other reason, the message has the remedy.
  if (report_of(repairer).reason == 0) complain(printer.name + salvage_advice(inputs, options_for(settings)));
}

int conclude_repair(const Outcome& ended, const paxect_repairer* repairer,
                    const std::vector<std::string>& inputs, std::span<const Setting> settings,
                    const std::string& output, WholeCopy whole, const Talk& talk) {
  if (ended.status == PAXECT_ERROR_DAMAGED || ended.status == PAXECT_ERROR_NO_PROTECTION) {
    explain_failure(repairer, inputs, settings, talk);
    return paxect_status_exit_code(ended.status);
  }
  int code = conclude(ended, inputs.front());
  bool to_stdout = &summary_stream({"repair", "", output}) != &std::cout;
  if (code == kExitOk && !talk.quiet && !talk.json && !to_stdout) {
    std::string verdict = output.empty() ? "can be repaired: " : "repaired and proven by the SHA-256: ";
    paxect_repair_report report = report_of(repairer);
    if (whole) verdict = output.empty() ? "" : "written and proven by the SHA-256: ";
    say(shown_name(output.empty() ? inputs[whole.value_or(0)] : output) + ": " + verdict +
        findings(report, whole, inputs.size()));
  }
  return code;
}

// Whether there is a record of protection near the beginning or the end of the file. One is behind the first
// window, which is at most 16 MiB long unless a frame is longer, and others are before the footer.
// `from`: where the file begins for the command.
bool looks_protected(int fd, off_t from = 0) {
  constexpr std::string_view kMagic("\xd1PXheal\x1a", 8);  // FORMAT.md, Protection
  constexpr off_t kEnds = off_t{17} << 20;
  constexpr off_t kBlock = off_t{1} << 20;
  struct stat file {};
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return false;
  std::string block;
  auto has_record = [&](off_t begin, off_t end) {
    for (off_t at = begin; at < end; at += kBlock) {
      const off_t with_next = kBlock + static_cast<off_t>(kMagic.size()) - 1;
      block.resize(static_cast<std::size_t>(std::min(with_next, end - at)));
      const ssize_t size = pread(fd, block.data(), block.size(), at);
      if (size > 0 &&
          std::string_view(block.data(), static_cast<std::size_t>(size)).find(kMagic) != kMagic.npos)
        return true;
    }
    return false;
  };
  const off_t begin = std::min(from + kEnds, file.st_size);
  return has_record(std::max(begin, file.st_size - kEnds), file.st_size) || has_record(from, begin);
}

core::Descriptor open_input(const std::string& input) {
  if (input == "-") return core::Descriptor(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
  return core::open_at(AT_FDCWD, input, O_RDONLY | O_NONBLOCK);
}

// `is_protected`: it has records of protection. Requires: `file` is a regular file.
void suggest_repair_of(int file, const std::string& input, bool is_protected,
                       std::span<const Setting> settings) {
  const std::string name = shown_name(input);
  Repairer repairer = make_repairer();
  for (const Setting& setting : settings)
    paxect_repairer_set_parameter(repairer.get(), setting.first, setting.second);
  if (paxect_repairer_add_fd(repairer.get(), file, input.c_str()) != PAXECT_OK) return;
  paxect_repairer_set_progress(repairer.get(), stop_on_signal, nullptr);
  const paxect_status status = paxect_repairer_check(repairer.get());
  const std::string message = paxect_repairer_error_message(repairer.get());
  const std::string command = "paxect-core repair " + shell_word(input) + options_for(settings);
  if (status == PAXECT_OK)
    complain(name + ": it can be repaired: " + command + " -o FILE");
  else if (status == PAXECT_ERROR_DAMAGED)
    // For any other reason, the message has the remedy.
    complain(named(message, {input}) +
             (report_of(repairer.get()).reason == 0 ? salvage_advice({input}, options_for(settings)) : ""));
  else if (status == PAXECT_ERROR_NO_PROTECTION && is_protected)
    complain(named(message, {input}));
  else if (status == PAXECT_ERROR_MEMORY)
    complain(name + ": whether it can be repaired is not known: " + message +
             ": find it out with more memory: " + command + " --check");
}

}  // namespace

void suggest_repair(const Outcome& ended, const std::string& input, std::span<const Setting> settings,
                    const Talk& talk, bool is_last) {
  int code = paxect_status_exit_code(ended.status);
  const bool is_damage = code == 2 || code == 4 || ended.status == PAXECT_ERROR_READ;
  if (talk.quiet || !is_damage || ended.status == PAXECT_ERROR_LIMIT) return;
  const core::Descriptor opened = open_input(input);
  const int file = opened.get();
  struct stat type {};
  if (!opened.valid() || fstat(file, &type) != 0) return;
  if (!S_ISREG(type.st_mode)) {
    // What went through a pipe is gone. Something else than a container has nothing to do with repair.
    if (ended.status != PAXECT_ERROR_MAGIC && ended.status != PAXECT_ERROR_READ)
      complain(shown_name(input) +
               ": if it was encoded with --protect, save it to a file, and repair that: paxect-core repair " +
               "DAMAGED -o FILE");
    return;
  }
  // All of a large file that is no container is not searched.
  const bool is_protected = ended.status == PAXECT_ERROR_MAGIC && looks_protected(file);
  if (ended.status == PAXECT_ERROR_MAGIC && !is_protected) return;
  const OutOfMemory message(shown_name(input) + ": whether it can be repaired is not known: out of memory" +
                                (is_last ? "" : "; files after it were not tested"),
                            is_last ? code : kExitFile);
  suggest_repair_of(file, input, is_protected, settings);
}

ProtectionTest test_protection(const std::string& file, std::uint64_t begin,
                               std::span<const Setting> settings, const Talk& talk) {
  ProtectionTest result;
  if (file_size(file) == 0) return result;
  if (begin != 0) {
    const core::Descriptor opened = open_input(file);
    if (!talk.quiet && opened.valid() && looks_protected(opened.get(), static_cast<off_t>(begin)))
      complain(shown_name(file) +
               ": its data is whole; its protection was not verified, since it begins at byte " +
               std::to_string(begin) + " of a file: copy it to a file of its own, and test that");
    return result;
  }
  Reader reader = make_reader();
  paxect_container_info info = new_info();
  paxect_status read = paxect_reader_open_path(reader.get(), file.c_str());
  if (read == PAXECT_OK) read = paxect_reader_info(reader.get(), &info);
  // Of the file that was decoded a moment ago, nothing else fails.
  if (read != PAXECT_OK) {
    result.ended = outcome(read, reader.get());
    conclude(result.ended, file);
    return result;
  }
  if (info.protection_size == 0) return result;
  Repairer repairer = make_repairer();
  for (const Setting& setting : settings)
    paxect_repairer_set_parameter(repairer.get(), setting.first, setting.second);
  Progress progress(talk.progress, shown_name(file), 2 * file_size(file));
  paxect_repairer_set_progress(repairer.get(), Progress::callback, &progress);
  Copies copies;
  Outcome ended = add_copies(repairer.get(), copies, {file});
  CopyComparison comparison(copies);
  if (ended.status == PAXECT_OK) {
    paxect_repairer_set_sink(repairer.get(), CopyComparison::sink, &comparison);
    ended = outcome(paxect_repairer_run(repairer.get()), repairer.get());
  }
  progress.erase();
  const bool is_lost = ended.status == PAXECT_ERROR_DAMAGED || ended.status == PAXECT_ERROR_NO_PROTECTION;
  if (ended.status != PAXECT_OK && !is_lost) {
    conclude(ended, file);
    result.ended = ended;
    return result;
  }
  result.is_damaged = is_lost || !comparison.whole_copy();
  if (!*result.is_damaged || talk.quiet) return result;
  complain(shown_name(file) +
           (is_lost ? ": its data is whole, but its protection is lost: decode it and encode it again"
                    : ": its data is whole, but its protection is damaged: restore it with: paxect-core "
                      "repair " +
                          shell_word(file) + " -o FILE"));
  return result;
}

int run_repair(const Command& command, const std::vector<std::string>& arguments) {
  po::options_description options("Options");
  auto text = [] { return po::value<std::string>(); };
  options.add_options()("output,o", text()->value_name("FILE"),
                        "the repaired container; - is standard output")(
      "check", "report whether it can be repaired, and write nothing")(
      "max-frame", text()->value_name("BYTES"), "refuse frames of more data; default: 1 GiB")(
      "threads", text()->value_name("N"), "threads to work with; default: one per core")(
      "no-attributes", "do not give the output the modification time and permissions of the damaged files")(
      "sync", "flush the output to disk before returning");
  add_talk_options(options, "print a summary as one line of JSON");
  po::variables_map values;
  std::vector<std::string> inputs;
  if (!parse(command, options, arguments, values, &inputs)) return kExitOk;
  bool check = values.count("check") != 0;
  if (inputs.empty()) throw UsageError{"repair: give the damaged containers"};
  if (check == (values.count("output") != 0))
    throw UsageError{"repair: give either the output with -o, or --check; - is standard output"};
  Talk talk = read_talk(values);
  const OutOfMemory message(shown_name(inputs.front()) + ": out of memory", kExitFile);
  Repairer repairer = make_repairer();
  std::vector<Setting> settings;
  auto set_number = [&](const char* name, paxect_parameter parameter) {
    if (values.count(name) == 0) return;
    settings.emplace_back(parameter, number(name, values[name].as<std::string>(), parameter));
    paxect_repairer_set_parameter(repairer.get(), parameter, settings.back().second);
  };
  set_number("max-frame", PAXECT_PARAM_MAX_FRAME);
  set_number("threads", PAXECT_PARAM_THREADS);
  paxect_repairer_set_parameter(repairer.get(), PAXECT_PARAM_SPARSE, 0);
  paxect_repairer_set_parameter(repairer.get(), PAXECT_PARAM_SYNC, values.count("sync") != 0 ? 1 : 0);
  paxect_repairer_set_parameter(repairer.get(), PAXECT_PARAM_KEEP_ATTRIBUTES,
                                values.count("no-attributes") != 0 ? 0 : 1);

  Job job{"repair", inputs.front(), check ? "" : values["output"].as<std::string>()};
  Progress progress(talk.progress, shown_name(check ? job.input : job.output),
                    total_size(inputs) + file_size(inputs.front()));
  Copies copies;
  WholeCopy whole;
  Outcome ended = check_summary(job.output, talk);
  if (ended.status == PAXECT_OK) ended = add_copies(repairer.get(), copies, inputs);
  if (ended.status == PAXECT_OK) {
    paxect_repairer_set_progress(repairer.get(), Progress::callback, &progress);
    CopyComparison comparison(copies);
    if (check) paxect_repairer_set_sink(repairer.get(), CopyComparison::sink, &comparison);
    paxect_status status = check ? paxect_repairer_run(repairer.get())
                                 : paxect_repairer_run_path(repairer.get(), job.output.c_str());
    ended = outcome(status, repairer.get());
    // Only a file can be read again; what went elsewhere is reported by its cells. Those of several copies do
    // not show whether one of them has all.
    const bool is_file = job.output != "-" && file_size(job.output) != 0;
    const bool has_whole_cells = status == PAXECT_OK && report_of(repairer.get()).damaged == 0;
    if (has_whole_cells && is_file) comparison.take_file(job.output);
    if (has_whole_cells && (check || is_file))
      whole = comparison.whole_copy();
    else if (has_whole_cells && inputs.size() == 1)
      whole = 0;
  }
  progress.erase();
  int code = conclude_repair(ended, repairer.get(), inputs, settings, job.output, whole, talk);
  warn(ended, talk);
  if (talk.json) print_json(job, progress.seconds(), ended, repairer.get(), whole);
  return code;
}

}  // namespace paxect::tool

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "command.h"
#include "descriptor.h"
#include "summary.h"

namespace paxect::tool {
namespace {

// The byte of a regular file from which it is read: names of open descriptors are read from where they are.
// 0 for anything else, as in a pipe. Requires: nothing was read yet.
std::uint64_t first_byte(const std::string& file) {
  const std::optional<int> given = file == "-" ? STDIN_FILENO : core::descriptor_named(file);
  struct stat type {};
  if (!given || fstat(*given, &type) != 0 || !S_ISREG(type.st_mode)) return 0;
  const off_t at = lseek(*given, 0, SEEK_CUR);
  return at > 0 ? static_cast<std::uint64_t>(at) : 0;
}

int test_file(paxect_decoder* decoder, const std::string& file, std::span<const Setting> settings,
              const Talk& talk, bool is_last) {
  const std::uint64_t begin = first_byte(file);
  Progress progress(talk.progress, shown_name(file), file_size(file));
  paxect_decoder_set_progress(decoder, Progress::callback, &progress);
  paxect_status status = paxect_decoder_decode_path(decoder, file.c_str(), "/dev/null");
  progress.erase();
  Outcome ended = outcome(status, decoder);
  int code = conclude(ended, file);
  suggest_repair(ended, file, settings, talk, is_last);
  ProtectionTest protection;
  const bool is_decoded = ended.status == PAXECT_OK;
  if (is_decoded) protection = test_protection(file, begin, settings, talk);
  if (is_decoded) ended = protection.ended;
  if (talk.json) {
    paxect_container_info info = new_info();
    paxect_decoder_info(decoder, &info);
    const Job job{"test", file, ""};
    JsonLine line(summary_stream(job));
    begin_summary(line, job, progress.seconds(), ended);
    if (is_decoded) line.add_container(info);
    if (protection.is_damaged) line.add("protection_damaged", *protection.is_damaged);
  }
  paxect_decoder_reset(decoder);
  paxect_decoder_set_progress(decoder, nullptr, nullptr);
  return std::max(code, paxect_status_exit_code(ended.status));
}

}  // namespace

int run_test(const Command& command, const std::vector<std::string>& arguments) {
  po::options_description options("Options");
  options.add_options()("max-frame", po::value<std::string>()->value_name("BYTES"),
                        "refuse frames of more data; default: 1 GiB")(
      "threads", po::value<std::string>()->value_name("N"), "threads to work with; default: one per core");
  add_talk_options(options, "print a summary for each file as one line of JSON");
  po::variables_map values;
  std::vector<std::string> files;
  if (!parse(command, options, arguments, values, &files)) return kExitOk;
  if (files.empty()) throw UsageError{"test: give the containers to test; - is standard input"};
  Talk talk = read_talk(values);
  Decoder decoder = make_decoder();
  std::vector<Setting> settings;
  auto set_number = [&](const char* name, paxect_parameter parameter) {
    if (values.count(name) == 0) return;
    std::int64_t value = number(name, values[name].as<std::string>(), parameter);
    paxect_decoder_set_parameter(decoder.get(), parameter, value);
    settings.emplace_back(parameter, value);
  };
  set_number("max-frame", PAXECT_PARAM_MAX_FRAME);
  set_number("threads", PAXECT_PARAM_THREADS);
  int worst = kExitOk;
  for (const std::string& file : files)
    worst = std::max(worst, test_file(decoder.get(), file, settings, talk, &file == &files.back()));
  return worst;
}

}  // namespace paxect::tool

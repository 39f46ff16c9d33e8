#include <algorithm>
#include <array>
#include <charconv>

#include "command.h"
#include "signals.h"
#include "summary.h"

namespace paxect::tool {
namespace {

// The options of the Python tool, which accepts abbreviations.
constexpr std::array<std::string_view, 4> kCompatibleNames = {"help", "input", "output", "verify"};

struct Range {
  std::uint64_t offset = 0;
  std::uint64_t length = UINT64_MAX;  // to the end
};

Range parse_range(const std::string& text) {
  Range range;
  const char* end = text.data() + text.size();
  auto [colon, error] = std::from_chars(text.data(), end, range.offset);
  bool good = error == std::errc{} && colon != end && *colon == ':';
  if (good && colon + 1 != end) {
    auto [stop, length_error] = std::from_chars(colon + 1, end, range.length);
    good = length_error == std::errc{} && stop == end;
    // UINT64_MAX would mean "to the end". No data is so long that one byte less is not refused as well.
    range.length = std::min(range.length, UINT64_MAX - 1);
  }
  if (!good)
    throw UsageError{"--range cannot be '" + text +
                     "': give OFFSET:LENGTH in bytes, or OFFSET: for all from there on"};
  return range;
}

po::options_description make_options() {
  po::options_description options("Options");
  options.add_options()("input,i", po::value<std::string>()->default_value("-")->value_name("FILE"),
                        "the container; - is standard input")(
      "output,o", po::value<std::string>()->default_value("-")->value_name("FILE"),
      "the file; - is standard output")("verify",
                                        "accepted for compatibility: everything is always verified")(
      "range", po::value<std::string>()->value_name("OFFSET:LENGTH"),
      "only this part of the data, in bytes; decompresses and verifies the frames that hold it, and of the "
      "others "
      "checks the headers; the input must be a regular file")("max-frame",
                                                              po::value<std::string>()->value_name("BYTES"),
                                                              "refuse frames of more data; default: 1 GiB")(
      "no-sparse", "write zeros as zeros rather than as holes in the file")(
      "threads", po::value<std::string>()->value_name("N"), "number of threads; default: one per core")(
      "no-attributes", "do not give the output the modification time and permissions of the input")(
      "sync", "flush the output to disk before returning");
  add_talk_options(options, "print a summary as one line of JSON; to stderr when the data goes to stdout");
  return options;
}

constexpr std::array<std::pair<const char*, paxect_parameter>, 2> kNumbers = {
    {{"max-frame", PAXECT_PARAM_MAX_FRAME}, {"threads", PAXECT_PARAM_THREADS}}};

std::vector<Setting> numbers_of(const po::variables_map& values) {
  std::vector<Setting> settings;
  for (const auto& [name, parameter] : kNumbers)
    if (values.count(name) != 0)
      settings.emplace_back(parameter, number(name, values[name].as<std::string>(), parameter));
  return settings;
}

// Options that decoders and readers share.
template <class Handle>
void set_options(Handle* handle, paxect_status (*set)(Handle*, paxect_parameter, std::int64_t),
                 const po::variables_map& values) {
  for (const auto& [parameter, value] : numbers_of(values)) set(handle, parameter, value);
  set(handle, PAXECT_PARAM_SPARSE, values.count("no-sparse") != 0 ? 0 : 1);
  set(handle, PAXECT_PARAM_SYNC, values.count("sync") != 0 ? 1 : 0);
  set(handle, PAXECT_PARAM_KEEP_ATTRIBUTES, values.count("no-attributes") != 0 ? 0 : 1);
}

int decode_whole(const Job& job, const Talk& talk, const po::variables_map& values) {
  Decoder decoder = make_decoder();
  set_options(decoder.get(), paxect_decoder_set_parameter, values);
  Progress progress(talk.progress, shown_name(job.input), file_size(job.input));
  paxect_decoder_set_progress(decoder.get(), Progress::callback, &progress);
  Outcome ended = check_summary(job.output, talk);
  if (ended.status == PAXECT_OK)
    ended = outcome(paxect_decoder_decode_path(decoder.get(), job.input.c_str(), job.output.c_str()),
                    decoder.get());
  progress.erase();
  int code = conclude(ended, job.input);
  suggest_repair(ended, job.input, numbers_of(values), talk);
  warn(ended, talk);
  if (talk.json) {
    paxect_container_info info = new_info();
    paxect_decoder_info(decoder.get(), &info);
    print_summary(job, progress.seconds(), ended, info);
  }
  return code;
}

int decode_range(const Job& job, const Talk& talk, const po::variables_map& values, const Range& range) {
  Reader reader = make_reader();
  set_options(reader.get(), paxect_reader_set_parameter, values);
  Outcome ended = check_summary(job.output, talk);
  paxect_status status = ended.status;
  if (status == PAXECT_OK) status = paxect_reader_open_path(reader.get(), job.input.c_str());
  if (status == PAXECT_OK) status = paxect_reader_set_progress(reader.get(), stop_on_signal, nullptr);
  paxect_container_info info = new_info();
  if (status == PAXECT_OK) status = paxect_reader_info(reader.get(), &info);
  std::uint64_t there = info.total_size - std::min(range.offset, info.total_size);
  std::uint64_t length = range.length == UINT64_MAX ? there : range.length;
  Progress progress(talk.progress, shown_name(job.input), length, Progress::Measure::kOutput);
  if (status == PAXECT_OK) {
    paxect_reader_set_progress(reader.get(), Progress::callback, &progress);
    status = paxect_reader_read_path(reader.get(), range.offset, range.length, job.output.c_str());
  }
  progress.erase();
  if (ended.status == PAXECT_OK) ended = outcome(status, reader.get());
  int code = conclude(ended, job.input);
  suggest_repair(ended, job.input, numbers_of(values), talk);
  warn(ended, talk);
  if (talk.json) {
    JsonLine line(summary_stream(job));
    begin_summary(line, job, progress.seconds(), ended);
    line.add("offset", range.offset);
    line.add("length", length);
  }
  return code;
}

}  // namespace

int run_decode(const Command& command, const std::vector<std::string>& arguments) {
  po::variables_map values;
  if (!parse(command, make_options(), spelled_out(arguments, kCompatibleNames), values)) return kExitOk;
  Talk talk = read_talk(values);
  Job job{"decode", values["input"].as<std::string>(), values["output"].as<std::string>()};
  if (values.count("range") == 0) return decode_whole(job, talk, values);
  return decode_range(job, talk, values, parse_range(values["range"].as<std::string>()));
}

}  // namespace paxect::tool

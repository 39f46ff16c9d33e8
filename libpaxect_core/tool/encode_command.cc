#include <array>
#include <optional>

#include "command.h"
#include "summary.h"

namespace paxect::tool {
namespace {

// The options of the Python tool, which accepts abbreviations.
constexpr std::array<std::string_view, 8> kCompatibleNames = {"help",     "input", "output",  "level",
                                                              "channels", "frame", "mapping", "verify"};

void set(paxect_encoder* encoder, paxect_parameter parameter, std::int64_t value) {
  if (paxect_encoder_set_parameter(encoder, parameter, value) != PAXECT_OK)
    throw UsageError{paxect_encoder_error_message(encoder)};
}

po::options_description make_options() {
  po::options_description options("Options");
  options.add_options()("input,i", po::value<std::string>()->default_value("-")->value_name("FILE"),
                        "the file to encode; - is standard input")(
      "output,o", po::value<std::string>()->default_value("-")->value_name("FILE"),
      "the container; - is standard output")(
      "level", po::value<std::string>()->default_value("5")->value_name("N"), "zstd level, -7 to 22")(
      "channels", po::value<std::string>()->default_value("1")->value_name("N"), "1 to 8, or auto (4)")(
      "frame", po::value<std::string>()->default_value("1048576")->value_name("BYTES"), "data per frame")(
      "mapping", po::value<std::string>()->default_value("virtual")->value_name("NAME"), "virtual or u16")(
      "verify", "set the container's VERIFY flag")(
      "paranoid", "decompress each frame and compare it with its data before it is written")(
      "protect", po::value<std::string>()->value_name("PERCENT"),
      "let so many percent be damaged and still be repaired, 0 to 50; default: 0")(
      "threads", po::value<std::string>()->value_name("N"), "number of threads; default: one per core")(
      "no-attributes", "do not give the output the modification time and permissions of the input")(
      "sync", "flush the output to disk before returning");
  add_talk_options(options,
                   "print a summary as one line of JSON; to stderr when the container goes to stdout");
  return options;
}

std::int64_t channel_count(const std::string& text) {
  if (text == "auto") return PAXECT_CHANNELS_AUTO;
  std::optional<std::int64_t> count = parse_number(text, PAXECT_PARAM_CHANNELS);
  if (count && *count != PAXECT_CHANNELS_AUTO) return *count;
  throw UsageError{"--channels cannot be '" + text + "': give a whole number from 1 to 8, or auto"};
}

void set_options(paxect_encoder* encoder, const po::variables_map& values) {
  auto text = [&](const char* name) { return values[name].as<std::string>(); };
  auto set_number = [&](const char* name, paxect_parameter parameter) {
    if (values.count(name) != 0) set(encoder, parameter, number(name, text(name), parameter));
  };
  auto set_switch = [&](const char* name, paxect_parameter parameter) {
    set(encoder, parameter, values.count(name) != 0 ? 1 : 0);
  };
  set_number("level", PAXECT_PARAM_LEVEL);
  set_number("frame", PAXECT_PARAM_FRAME_SIZE);
  set_number("threads", PAXECT_PARAM_THREADS);
  set_number("protect", PAXECT_PARAM_PROTECT);
  set(encoder, PAXECT_PARAM_CHANNELS, channel_count(text("channels")));
  std::string mapping = text("mapping");
  if (mapping != "virtual" && mapping != "u16")
    throw UsageError{"--mapping cannot be '" + mapping + "': give virtual or u16"};
  set(encoder, PAXECT_PARAM_MAPPING, mapping == "u16" ? PAXECT_MAPPING_U16 : PAXECT_MAPPING_VIRTUAL);
  set_switch("verify", PAXECT_PARAM_VERIFY);
  set_switch("paranoid", PAXECT_PARAM_PARANOID);
  set_switch("sync", PAXECT_PARAM_SYNC);
  set(encoder, PAXECT_PARAM_KEEP_ATTRIBUTES, values.count("no-attributes") != 0 ? 0 : 1);
}

}  // namespace

int run_encode(const Command& command, const std::vector<std::string>& arguments) {
  po::variables_map values;
  if (!parse(command, make_options(), spelled_out(arguments, kCompatibleNames), values)) return kExitOk;
  Talk talk = read_talk(values);
  Encoder encoder = make_encoder();
  set_options(encoder.get(), values);
  Job job{"encode", values["input"].as<std::string>(), values["output"].as<std::string>()};
  Progress progress(talk.progress, shown_name(job.input), file_size(job.input));
  paxect_encoder_set_progress(encoder.get(), Progress::callback, &progress);
  Outcome ended = check_summary(job.output, talk);
  if (ended.status == PAXECT_OK)
    ended = outcome(paxect_encoder_encode_path(encoder.get(), job.input.c_str(), job.output.c_str()),
                    encoder.get());
  progress.erase();
  int code = conclude(ended, job.input);
  warn(ended, talk);
  if (talk.json) {
    paxect_container_info info = new_info();
    paxect_encoder_info(encoder.get(), &info);
    print_summary(job, progress.seconds(), ended, info);
  }
  return code;
}

}  // namespace paxect::tool

#include "command.h"

namespace paxect::tool {

int run_decode(const Command& command, const std::vector<std::string>& arguments) {
  po::options_description options("Options");
  options.add_options()("input,i", po::value<std::string>()->default_value("-")->value_name("FILE"),
                        "the container; - is standard input")(
      "output,o", po::value<std::string>()->default_value("-")->value_name("FILE"),
      "the file; - is standard output")("verify",
                                        "accepted for compatibility: everything is always verified")(
      "max-frame", po::value<std::string>()->value_name("BYTES"),
      "refuse frames of more data; default: 1 GiB")("threads", po::value<std::string>()->value_name("N"),
                                                    "threads to work with; default: one per core")(
      "sync", "make the output durable before returning");
  po::variables_map values;
  if (!parse(command, options, arguments, values)) return kExitOk;
  Decoder decoder = make_decoder();
  auto set_number = [&](const char* name, paxect_parameter parameter) {
    if (values.count(name) == 0) return;
    std::int64_t value = number(name, values[name].as<std::string>(), parameter);
    paxect_decoder_set_parameter(decoder.get(), parameter, value);
  };
  set_number("max-frame", PAXECT_PARAM_MAX_FRAME);
  set_number("threads", PAXECT_PARAM_THREADS);
  paxect_decoder_set_parameter(decoder.get(), PAXECT_PARAM_SYNC, values.count("sync") != 0 ? 1 : 0);
  auto input = values["input"].as<std::string>();
  paxect_status status =
      paxect_decoder_decode_path(decoder.get(), input.c_str(), values["output"].as<std::string>().c_str());
  return conclude(status, input, paxect_decoder_error_message(decoder.get()),
                  paxect_decoder_error_offset(decoder.get()), paxect_decoder_error_frame(decoder.get()));
}

}  // namespace paxect::tool

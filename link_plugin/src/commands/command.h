// The commands for the operator: `paxect link NAME`. Each is a function in a file of its own.
//
// A command only reads: it takes no lock of the relay and writes nothing, but for `quarantine retry` and
// `drop`, which move and remove what the relay does not own any more, `key` and `receipt`, which the relay
// never writes to, `doctor` and `smoke`, in a directory of their own, and the report that `smoke` is asked
// for.
#pragma once

#include <paxect/plugin.h>

#include <optional>
#include <string>
#include <vector>

#include "base/host.h"
#include "base/status.h"
#include "commands/console.h"

namespace paxect::link {

struct Arguments {
  std::vector<std::string> words;  // without options
  bool json = false;
  std::optional<std::string> junit{};    // --junit FILE
  std::vector<std::string> witnesses{};  // --witness FILE, each
  std::optional<std::string> request{};  // --request FILE
};

// One call of a command. Failures are reported through the host's log.
class Call {
 public:
  Call(const Host& host, Console* console, Arguments arguments)
      : host_(host), console_(*console), arguments_(std::move(arguments)) {}

  const Host& host() const { return host_; }
  Console& console() const { return console_; }
  const Arguments& arguments() const { return arguments_; }

  // Tells a failure and gives its status back.
  paxect_plugin_status fail(paxect_plugin_status status, const std::string& message) const {
    host_.log(PAXECT_LOG_ERROR, message);
    return status;
  }

 private:
  const Host& host_;
  Console& console_;
  Arguments arguments_;
};

struct Command {
  paxect_command listing;
  const char* help;  // paragraphs for -h
  bool takes_json;
  bool takes_junit;
  bool takes_witness;
  bool takes_request;
  std::size_t least_words;
  std::size_t most_words;
  paxect_plugin_status (*run)(const Call& call);
};

paxect_plugin_status run_stats(const Call& call);
paxect_plugin_status run_doctor(const Call& call);
paxect_plugin_status run_status(const Call& call);
paxect_plugin_status run_explain(const Call& call);
paxect_plugin_status run_waiting(const Call& call);
paxect_plugin_status run_quarantine(const Call& call);
paxect_plugin_status run_place(const Call& call);
paxect_plugin_status run_audit(const Call& call);
paxect_plugin_status run_missing(const Call& call);
paxect_plugin_status run_key(const Call& call);
paxect_plugin_status run_peers(const Call& call);
paxect_plugin_status run_sent(const Call& call);
paxect_plugin_status run_receipt(const Call& call);
paxect_plugin_status run_resend(const Call& call);
paxect_plugin_status run_write_off(const Call& call);
paxect_plugin_status run_smoke_command(const Call& call);

// What a command line after the command's name says. `*help` is true for -h, and then nothing else counts.
Status parse_arguments(const Command& command, const std::vector<std::string>& given, Arguments* out,
                       bool* help);

// The extension PAXECT_EXTENSION_COMMANDS; catches everything.
const paxect_commands_extension* commands_extension();

}  // namespace paxect::link

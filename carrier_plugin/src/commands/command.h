// The commands for the operator: `paxect carrier NAME`. Each is a function in a file of its own, and only
// reads; doctor writes to the folder, in a file of its own, and forget writes a request into the state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "environment.h"
#include "host.h"
#include "json_object.h"
#include "settings.h"

namespace paxect::carrier {

class Call {
 public:
  Call(const Host& host, Settings settings) : host_(host), settings_(std::move(settings)) {}

  const Host& host() const { return host_; }
  const Settings& settings() const { return settings_; }
  void line(std::string_view text) const { host_.write(std::string(text) + "\n"); }
  // "name        value".
  void row(std::string_view name, std::string_view value) const;
  paxect_plugin_status fail(const std::string& message, paxect_plugin_status status) const {
    host_.log(PAXECT_LOG_ERROR, message);
    return status;
  }
  // INCOMPLETE for a disk that fails, which is no fault of the settings.
  paxect_plugin_status fail(const Status& status) const {
    return fail(status.message(), is_environment(status) ? PAXECT_PLUGIN_INCOMPLETE : PAXECT_PLUGIN_CONFIG);
  }

  std::vector<std::string> words;
  bool json = false;

 private:
  const Host& host_;
  Settings settings_;
};

paxect_plugin_status run_status(const Call& call);
paxect_plugin_status run_explain(const Call& call);
paxect_plugin_status run_doctor(const Call& call);
paxect_plugin_status run_peers(const Call& call);
paxect_plugin_status run_forget(const Call& call);

// What the instance reported last; "" when there is nothing. A failure: there may be one, which this user may
// not read.
Status read_report(const Settings& settings, std::string* text);
// A receiver that the report of a sender names.
struct ReportedReceiver {
  std::string id;
  std::string place;
  std::string last_seen_utc;
  std::uint64_t lists = 0;  // that wait for it
  bool is_connected = false;
};
std::vector<ReportedReceiver> reported_receivers(const JsonReader& report);
// A name for the terminal: control characters become '?'.
std::string shown(std::string_view name);

// The extension PAXECT_EXTENSION_COMMANDS; catches everything.
const paxect_commands_extension* commands_extension();

}  // namespace paxect::carrier

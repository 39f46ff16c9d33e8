// One instance of a plugin: its settings, its view of the host, and its life-cycle calls.
//
// Every call catches what the plugin throws and validates what it returns. Requires: the caller makes all
// calls on one thread, in the order create, init, start, step..., stop, destroy.
#pragma once

#include <paxect/plugin.h>

#include <string>

#include "host_services.h"
#include "plugin_loader.h"
#include "status.h"

namespace paxect::host {

class PluginInstance {
 public:
  PluginInstance(Plugin plugin, InstanceSettings settings, const RunContext& run);
  PluginInstance(const PluginInstance&) = delete;
  PluginInstance& operator=(const PluginInstance&) = delete;

  const std::string& name() const { return services_.settings().name(); }
  const Plugin& plugin() const { return plugin_; }
  Heartbeat& heartbeat() const { return services_.heartbeat(); }

  // A failure carries the plugin's status (70 for one that the ABI does not know) and its error text.
  Status create();
  Status init();
  Status start();
  // On success *result is consistent: a known state, a known outcome, as many watches as it counts.
  Status step(paxect_step* result);
  // Without the extension it does nothing, and *offered is false.
  Status reload(bool* offered);
  // The plugin cannot refuse these: a failure is an exception that it threw. Without an instance, destroy
  // does nothing.
  Status stop();
  Status destroy();

  // Logs a failure as the instance's own line.
  void report(const Status& failure) const;
  // Warns of environment variables that look like settings of this instance but that its plugin has not read.
  // Requires: init has succeeded, in which a plugin reads all of its settings.
  void report_unread_variables() const;

 private:
  template <typename Call>
  Status call(const char* what, Call&& function);
  Status failure(const char* what, paxect_plugin_status status) const;

  Plugin plugin_;
  HostServices services_;
  paxect_plugin_instance* instance_ = nullptr;
};

}  // namespace paxect::host

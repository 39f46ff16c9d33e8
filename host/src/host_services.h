// What one instance sees of the host: a paxect_host with its services. A command has the output service as
// well.
//
// Exists from before create until after destroy. Log, clock, run and secrets may be called on any thread, the
// others on the instance thread only. No exception leaves a service: a lookup that fails for lack of memory
// returns NULL.
#pragma once

#include <paxect/plugin.h>

#include <ostream>
#include <set>
#include <string>

#include "claims.h"
#include "heartbeat.h"
#include "log.h"
#include "sections.h"
#include "settings.h"
#include "stop_request.h"

namespace paxect::host {

// What all instances of one run share; outlives them.
struct RunContext {
  const Log& log;
  const StopRequest& stop;
  bool once = false;
  std::ostream* output = nullptr;      // standard output, for a command; null otherwise
  Claims* claims = nullptr;            // null for a command, which works beside the instance of its section
  const Sections* sections = nullptr;  // likewise
};

class HostServices {
 public:
  HostServices(const RunContext& run, InstanceSettings settings);
  HostServices(const HostServices&) = delete;
  HostServices& operator=(const HostServices&) = delete;

  const paxect_host* host() const { return &host_; }
  const InstanceSettings& settings() const { return settings_; }
  const RunContext& run() const { return run_; }
  // The instance's; it beats when the plugin asks whether to stop.
  Heartbeat& heartbeat() const { return heartbeat_; }
  // The keys that the plugin has asked the config service for. On the instance thread.
  const std::set<std::string>& keys_read() const { return keys_read_; }

 private:
  struct Thunks;

  paxect_host host_;
  RunContext run_;
  InstanceSettings settings_;
  mutable Heartbeat heartbeat_;
  mutable std::set<std::string> keys_read_;
};

}  // namespace paxect::host

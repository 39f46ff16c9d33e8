// What one instance sees of the host: a paxect_host with the services log, clock, run, config
// and, for a command, output.
//
// Made before create, kept until after destroy. Log, clock and run may be called from any thread, config and
// output on the instance thread only. No exception leaves a service: a failure inside reads as "nothing".
#pragma once

#include <paxect/plugin.h>

#include <ostream>
#include <string>

#include "heartbeat.h"
#include "log.h"
#include "settings.h"
#include "stop_request.h"

namespace paxect::host {

// What all instances of one run share; outlives them.
struct RunContext {
  const Log& log;
  const StopRequest& stop;
  bool once = false;
  std::ostream* output = nullptr;  // of a command
};

class HostServices {
 public:
  HostServices(const RunContext& run, InstanceSettings settings);
  HostServices(const HostServices&) = delete;
  HostServices& operator=(const HostServices&) = delete;

  const paxect_host* host() const { return &host_; }
  const InstanceSettings& settings() const { return settings_; }
  const RunContext& run() const { return run_; }
  // The instance's; a plugin that asks whether to stop gives a sign of life.
  Heartbeat& heartbeat() const { return heartbeat_; }

 private:
  struct Thunks;

  paxect_host host_;
  RunContext run_;
  InstanceSettings settings_;
  mutable Heartbeat heartbeat_;
};

}  // namespace paxect::host

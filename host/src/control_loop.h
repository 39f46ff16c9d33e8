// Runs instances, one thread each, until all are done, one fails, or a signal asks to stop.
//
//   instance thread:  create  init  |  start  step...  stop  destroy
//                                   ^ all wait here until the last is initialised; none starts if one failed
//
// The first failure stops the other instances cleanly and becomes the exit status; of those that fail before
// the start, the first in the order given. The first SIGTERM or SIGINT asks all to stop, a second one leaves
// at once with 128 + its number, without waiting for a plugin that hangs. SIGHUP asks every instance to
// reload before its next step.
#pragma once

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "plugin_instance.h"
#include "signals.h"
#include "stop_request.h"
#include "unique_fd.h"

namespace paxect::host {

class ControlLoop {
 public:
  // `stop` is the one in `run`. Throws std::system_error when the system lacks descriptors.
  ControlLoop(std::vector<std::unique_ptr<PluginInstance>> instances, StopRequest& stop,
              const RunContext& run);

  // Called once, on the main thread; returns the exit status when every instance is destroyed:
  // that of the first failure, or 1 if an instance said INCOMPLETE or, with once, was stopped before it was
  // done, or 0.
  int run();

 private:
  void live(std::size_t index);
  Status work(std::size_t index);
  void record(std::size_t index, const Status& failure);
  Status reload(PluginInstance& instance);
  void watch_signals(const Signals& signals);

  std::vector<std::unique_ptr<PluginInstance>> instances_;
  StopRequest& stop_;
  RunContext run_;
  UniqueFd finished_event_;                // counts instances that are destroyed
  std::vector<UniqueFd> reload_requests_;  // by instance: readable until it has heard of a SIGHUP
  std::latch initialised_;
  std::atomic<bool> incomplete_{false};

  struct Failure {
    std::size_t index;
    int code;
  };
  std::mutex failure_mutex_;  // guards what follows
  std::optional<Failure> failure_;
};

}  // namespace paxect::host

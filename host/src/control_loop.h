// Runs instances, one thread each, until all are done, one fails, or a signal requests a stop.
//
//   instance thread:  create  init  |  start  step...  stop  destroy
//                                   ^ all wait here until the last is initialised; none starts if one failed
//
// The first failure stops the other instances cleanly and becomes the exit status; of those that fail before
// the start, the first in the order given. The first SIGTERM or SIGINT requests all to stop, a second one
// ends the process at once (signals.h). SIGHUP requests every instance to reload before its next step; during
// a stop it is ignored.
//
// The main thread reports to the service manager, where there is one: when all have started, each reload and
// its end, the stop, at each of these which instances are still to come, and that all make progress. A stop
// that takes long is reported on standard error too, with the instances that it waits for.
#pragma once

#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "device_wait.h"
#include "plugin_instance.h"
#include "service_manager.h"
#include "signals.h"
#include "stop_reminder.h"
#include "stop_request.h"
#include "unique_fd.h"

namespace paxect::host {

class ControlLoop {
 public:
  // `stop` is the one in `run`, and the one that `signals` requests. Throws std::system_error when the system
  // lacks descriptors.
  ControlLoop(std::vector<std::unique_ptr<PluginInstance>> instances, Signals& signals, StopRequest& stop,
              const RunContext& run);

  // Called once, on the main thread; returns the exit status when every instance is destroyed: that of the
  // first failure, or 1 if an instance said INCOMPLETE or, with once, was stopped before it was done, or 0.
  int run();

 private:
  // How far an instance is: written on its thread, read on the main one after progress_event_.
  struct Progress {
    std::atomic<bool> started{false};
    std::atomic<bool> finished{false};
    std::atomic<std::uint64_t> reloads{0};  // how many of reloads_requested_ it has answered
  };
  struct Failure {
    std::size_t index;
    int code;
    std::string text;
  };
  enum class Phase { kStarting, kRunning, kReloading, kStopping };

  // The main thread's part. No lack of memory ends it while an instance has a thread: it must read signals.
  Status start_thread(std::vector<std::jthread>& threads, std::size_t index);
  void supervise();
  int report();
  void request_reload();
  Phase phase() const;
  void report_state();
  std::string state_text(Phase phase) const;
  void report_liveness();
  void remind();
  std::string awaited() const;
  std::string awaited(std::size_t index, std::uint64_t now_ns) const;
  bool is_alive(std::size_t index, std::uint64_t now_ns, std::uint64_t limit_ns) const;
  int poll_timeout();

  // An instance thread's part.
  void run_instance(std::size_t index);
  Status initialise(std::size_t index);
  Status work(std::size_t index);
  Status reload(std::size_t index);
  void attempt(std::size_t index, const std::function<Status()>& call);
  void finish(std::size_t index);

  // Both.
  void record(std::size_t index, const Status& failure);
  void wake_main() const;

  std::vector<std::unique_ptr<PluginInstance>> instances_;
  DeviceWait device_wait_;
  Signals& signals_;
  StopRequest& stop_;
  RunContext run_;
  std::vector<UniqueFd> reload_requests_;  // by instance: readable until it has answered a SIGHUP
  std::unique_ptr<Progress[]> progress_;
  UniqueFd progress_event_;  // readable when progress_ or failure_ has changed
  std::atomic<std::uint64_t> reloads_requested_{0};
  std::latch initialised_;
  std::atomic<bool> incomplete_{false};

  // Of the main thread.
  ServiceManager manager_;
  StopReminder reminder_;
  bool reload_pending_ = false;  // a SIGHUP that was not passed on to the instances yet
  bool ready_reported_ = false;
  bool stopping_reported_ = false;
  std::uint64_t reloads_reported_ = 0;
  std::string last_state_;

  mutable std::mutex failure_mutex_;  // guards what follows
  std::optional<Failure> failure_;
};

}  // namespace paxect::host

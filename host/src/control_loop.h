// Runs instances, one thread each, until all are done, one fails, or a signal asks to stop.
//
//   instance thread:  create  init  |  start  step...  stop  destroy
//                                   ^ all wait here until the last is initialised; none starts if one failed
//
// The first failure stops the other instances cleanly and becomes the exit status; of those that fail before
// the start, the first in the order given. The first SIGTERM or SIGINT asks all to stop, a second one leaves
// at once with 128 + its number, without waiting for a plugin that hangs. SIGHUP asks every instance to
// reload before its next step.
//
// The service manager, where there is one, hears when all have started, of each reload and its end, of the
// stop, and, while every instance goes round, that we live.
#pragma once

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "plugin_instance.h"
#include "service_manager.h"
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
  void announce(std::size_t index);
  void finish(std::size_t index);

  // The main thread's part.
  void supervise(const Signals& signals);
  void hear_signal(int number);
  void tell_progress();
  void tell_life();
  int poll_timeout() const;
  std::string names() const;

  std::vector<std::unique_ptr<PluginInstance>> instances_;
  StopRequest& stop_;
  RunContext run_;
  std::vector<UniqueFd> reload_requests_;  // by instance: readable until it has heard of a SIGHUP

  // How far an instance is: written on its thread, read on the main one after the event.
  struct Progress {
    std::atomic<bool> started{false};
    std::atomic<bool> finished{false};
    std::atomic<std::uint64_t> reloads{0};  // how many of reloads_asked_ it has answered
  };
  std::unique_ptr<Progress[]> progress_;
  UniqueFd progress_event_;  // readable when some of it is new
  std::atomic<std::uint64_t> reloads_asked_{0};

  // Of the main thread.
  ServiceManager manager_;
  bool stop_signal_ = false;  // one came, and the next one means at once
  bool stop_told_ = false;
  bool ready_told_ = false;
  std::uint64_t reloads_told_ = 0;
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

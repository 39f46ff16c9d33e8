// SIGTERM, SIGINT and SIGHUP as events to read rather than as interruptions.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <string>

#include "log.h"
#include "stop_request.h"
#include "unique_fd.h"

namespace paxect::host {

// Blocks the three signals in the calling thread and in the threads that it starts from then on. `main` makes
// one before anything else, so that a signal which arrives while plugins are being loaded stays pending
// instead of ending the process.
class BlockedSignals {
 public:
  BlockedSignals();
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

  // Gives the thread its former mask back, for commands that a signal may end at any point. There is no
  // destructor that does so: a signal pending at the end of a run would replace its exit status.
  void restore() const;

 private:
  sigset_t former_{};
};

// Reads blocked signals. Used by the main thread alone, from before the plugins are loaded to the end.
class Signals {
 public:
  // Requires: the signals are blocked. Throws std::system_error when there is no descriptor left.
  Signals(StopRequest& stop, const Log& log);

  int fd() const { return fd_.get(); }  // readable when a signal is pending
  // Reads all pending signals. The first SIGTERM or SIGINT requests the stop; a second one ends the process
  // with 128 + its number, without waiting for a plugin that hangs; it is then asked what the stop waits for.
  // Returns whether there was a SIGHUP.
  bool read_pending(const std::function<std::string()>& awaited);
  // What ends a stop that takes long, for a message.
  const char* remedy() const {
    return stop_received_ ? "another SIGTERM ends the process at once"
                          : "two SIGTERM end the process at once";
  }

 private:
  StopRequest& stop_;
  const Log& log_;
  UniqueFd fd_;
  using Clock = std::chrono::steady_clock;
  bool stop_received_ = false;
  std::uint32_t last_signal_ = 0;
  Clock::time_point received_;  // the last signal that asked to stop
};

}  // namespace paxect::host

// SIGTERM, SIGINT and SIGHUP as something to read rather than as interruptions. Threads started in its scope
// inherit the blocked signals, so that only the reader ever sees them; it must be made before them.
#pragma once

#include <csignal>

#include "unique_fd.h"

namespace paxect::host {

class Signals {
 public:
  // Throws std::system_error when the system has no descriptor for it.
  Signals();
  ~Signals();  // gives the thread its former mask back
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int fd() const { return fd_.get(); }  // readable when a signal has arrived
  int take() const;                     // its number, or 0 when none has

 private:
  sigset_t former_{};
  UniqueFd fd_;
};

}  // namespace paxect::host

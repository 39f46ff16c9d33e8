// The signals that ask a program to end, held back while there is something to tidy up first.
//
// SIGINT, SIGTERM and SIGHUP are blocked from the constructor to the destructor, for this thread and those
// that it starts, and a process that they would end ends as the destructor gives them free: with their usual
// status. Signals that are ignored, as SIGHUP is below nohup, stay so. Made and destroyed by one thread;
// arrived() by any.
#pragma once

#include <csignal>

namespace paxect::link {

class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  // Whether one of them has come: time to get to the end.
  bool arrived() const;

 private:
  sigset_t held_{};
  sigset_t former_{};
};

}  // namespace paxect::link

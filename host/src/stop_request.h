// The one wish that all instances share: to stop. Made once, never taken back.
#pragma once

#include <atomic>

#include "unique_fd.h"

namespace paxect::host {

class StopRequest {
 public:
  // Throws std::system_error when there is no descriptor left.
  StopRequest();

  // Any thread.
  void request();
  bool requested() const { return requested_.load(std::memory_order_acquire); }
  // Readable, and for good, once a stop was requested: for poll.
  int fd() const { return event_.get(); }

 private:
  UniqueFd event_;
  std::atomic<bool> requested_{false};
};

}  // namespace paxect::host

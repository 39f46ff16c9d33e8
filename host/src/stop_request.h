// The request to stop that all instances share. Once made it stays.
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
  // For poll: readable from the request on.
  int fd() const { return event_.get(); }

 private:
  UniqueFd event_;
  std::atomic<bool> requested_{false};
};

}  // namespace paxect::host

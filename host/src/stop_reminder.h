// When to report what a stop waits for, so that an operator learns which plugin hangs: 3 s after the request,
// each time the stop has taken twice as long, and at least every hour.
#pragma once

#include <cstdint>

namespace paxect::host {

// Used by the main thread, which asks whenever it wakes up.
class StopReminder {
 public:
  // Whether to report now. The first call with `stop_requested` starts the clock.
  bool is_due(bool stop_requested, std::uint64_t now_ns);
  // In milliseconds, for poll: when is_due() is to be asked again; -1 without a request.
  int timeout(std::uint64_t now_ns) const;

 private:
  std::uint64_t begin_ns_ = 0;  // of the stop; 0: not requested
  std::uint64_t due_ns_ = 0;
};

}  // namespace paxect::host

// Whether an instance still goes round, for the watchdog.
//
// An instance that waits is alive. One that works gives a sign at the beginning of each call, and whenever it
// asks whether it is to stop, which work of any length does all the time. So a file of any size may take as
// long as it takes; what shows is a thread that does neither: a loop without end, a deadlock.
//
// What it cannot see is a thread that the kernel holds in a system call: a flush to a slow stick, a server
// that does not answer. Ending the process would not end that, and the next start would hang in the same
// place. waits_for_device() tells it, and the watchdog counts it as alive.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

namespace paxect::host {

std::uint64_t monotonic_now_ns();

// Any thread.
class Heartbeat {
 public:
  void sign() { last_ns_.store(monotonic_now_ns(), std::memory_order_relaxed); }
  // Nothing is expected until the next sign.
  void rest() { last_ns_.store(kResting, std::memory_order_relaxed); }
  bool is_alive(std::uint64_t now_ns, std::uint64_t limit_ns) const {
    std::uint64_t last = last_ns_.load(std::memory_order_relaxed);
    return last == kResting || now_ns < last || now_ns - last < limit_ns;
  }

 private:
  static constexpr std::uint64_t kResting = std::numeric_limits<std::uint64_t>::max();
  std::atomic<std::uint64_t> last_ns_{kResting};
};

// Whether some thread of this process is in uninterruptible sleep.
bool waits_for_device();

}  // namespace paxect::host

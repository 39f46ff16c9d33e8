// Whether an instance makes progress, for the watchdog and the timeouts of the service manager.
//
// An instance that waits for its next step is alive. One that works beats at the beginning of each call and
// whenever it asks whether to stop, which long work does all the time, so a file of any size may take as long
// as it takes. A thread that does neither is in an endless loop or a deadlock.
//
// The heartbeat cannot see a thread that the kernel holds in a system call: a flush to a slow stick, a server
// that does not answer. Ending the process would not end the call, and the next start would block in the same
// place. DeviceWait finds such a thread, and the watchdog counts its instance as alive.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

namespace paxect::host {

std::uint64_t monotonic_now_ns();

// Any thread.
class Heartbeat {
 public:
  void beat() { last_ns_.store(monotonic_now_ns(), std::memory_order_relaxed); }
  // No beat is expected until the next one.
  void pause() { last_ns_.store(kPaused, std::memory_order_relaxed); }
  // How long ago the last beat was; nothing when none is expected.
  std::optional<std::uint64_t> silence_ns(std::uint64_t now_ns) const {
    const std::uint64_t last = last_ns_.load(std::memory_order_relaxed);
    if (last == kPaused) return std::nullopt;
    return now_ns < last ? 0 : now_ns - last;
  }
  bool is_alive(std::uint64_t now_ns, std::uint64_t limit_ns) const {
    return silence_ns(now_ns).value_or(0) < limit_ns;
  }

 private:
  static constexpr std::uint64_t kPaused = std::numeric_limits<std::uint64_t>::max();
  std::atomic<std::uint64_t> last_ns_{kPaused};
};

}  // namespace paxect::host

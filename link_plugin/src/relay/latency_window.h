// How long the files took that were delivered within the last minute.
//
// A histogram for each ten seconds, with a fixed amount of memory, however many files there are. Its buckets
// are an eighth of a power of two wide, so that a quantile is at most 7 % off. Not for two threads at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "records/state_file.h"

namespace paxect::link {

class LatencyWindow {
 public:
  static constexpr std::uint64_t kSlot = 10 * kSecond;
  static constexpr std::size_t kSlots = 7;  // the one that is being filled, and a minute before it

  // `latency_ns` below 0 counts as 0: the clock was set, or a server stamps the files by its own.
  void add(std::int64_t latency_ns, std::uint64_t monotonic_ns);
  // Of the last 60 to 70 seconds; nothing when no file was delivered in them.
  std::optional<LatencySummary> summary(std::uint64_t monotonic_ns) const;

 private:
  static constexpr std::size_t kBuckets =
      416;  // for each number of microseconds that fits into 63 bits as nanoseconds

  struct Slot {
    std::uint64_t number = 0;  // time in units of kSlot
    std::array<std::uint32_t, kBuckets> counts{};
  };

  static std::size_t bucket_of(std::uint64_t microseconds);
  static double seconds_of(std::size_t bucket);
  static double quantile(const std::array<std::uint64_t, kBuckets>& counts, std::uint64_t files,
                         std::uint64_t percent);

  std::array<Slot, kSlots> slots_{};
};

}  // namespace paxect::link

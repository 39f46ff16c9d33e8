#include "relay/latency_window.h"

#include <algorithm>
#include <bit>

namespace paxect::link {
namespace {

constexpr unsigned kBits = 3;  // of a number that choose its bucket within a power of two
constexpr std::uint64_t kSteps = std::uint64_t{1} << kBits;

}  // namespace

// 0 to 7 have a bucket each. From 8 on the bucket consists of the position of the highest bit and of the
// three bits below it.
std::size_t LatencyWindow::bucket_of(std::uint64_t microseconds) {
  if (microseconds < kSteps) return static_cast<std::size_t>(microseconds);
  const auto shift = static_cast<unsigned>(std::bit_width(microseconds)) - 1 - kBits;
  return static_cast<std::size_t>((shift + 1) * kSteps + ((microseconds >> shift) & (kSteps - 1)));
}

// The middle of the bucket.
double LatencyWindow::seconds_of(std::size_t bucket) {
  constexpr double kMicrosecond = 1e-6;
  if (bucket < kSteps) return static_cast<double>(bucket) * kMicrosecond;
  const std::uint64_t shift = bucket / kSteps - 1;
  const std::uint64_t low = (kSteps + bucket % kSteps) << shift;
  const std::uint64_t width = std::uint64_t{1} << shift;
  return (static_cast<double>(low) + static_cast<double>(width - 1) / 2) * kMicrosecond;
}

void LatencyWindow::add(std::int64_t latency_ns, std::uint64_t monotonic_ns) {
  const std::uint64_t number = monotonic_ns / kSlot;
  Slot& slot = slots_[number % kSlots];
  if (slot.number != number) slot = {.number = number};
  ++slot.counts[bucket_of(static_cast<std::uint64_t>(std::max<std::int64_t>(0, latency_ns)) / 1000)];
}

double LatencyWindow::quantile(const std::array<std::uint64_t, kBuckets>& counts, std::uint64_t files,
                               std::uint64_t percent) {
  const std::uint64_t rank = (files * percent + 99) / 100;  // from 1
  std::uint64_t passed = 0;
  std::size_t bucket = 0;
  while (bucket + 1 < kBuckets && (passed += counts[bucket]) < rank) ++bucket;
  return seconds_of(bucket);
}

std::optional<LatencySummary> LatencyWindow::summary(std::uint64_t monotonic_ns) const {
  const std::uint64_t now = monotonic_ns / kSlot;
  std::array<std::uint64_t, kBuckets> counts{};
  std::uint64_t files = 0;
  for (const Slot& slot : slots_) {
    if (slot.number + kSlots <= now) continue;
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
      counts[bucket] += slot.counts[bucket];
      files += slot.counts[bucket];
    }
  }
  if (files == 0) return std::nullopt;
  return LatencySummary{
      .files = files, .median_s = quantile(counts, files, 50), .p95_s = quantile(counts, files, 95)};
}

}  // namespace paxect::link

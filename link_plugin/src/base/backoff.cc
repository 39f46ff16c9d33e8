#include "base/backoff.h"

#include <algorithm>

#include "base/clock.h"

namespace paxect::link {

std::uint64_t backoff_delay_ns(std::uint64_t backoff_ns, unsigned tries, std::uint64_t random) {
  constexpr std::uint64_t kMaxDelay = 3600 * kSecond;
  std::uint64_t delay = std::min(backoff_ns, kMaxDelay);
  for (unsigned i = 1; i < tries && delay < kMaxDelay; ++i) delay = std::min(delay * 2, kMaxDelay);
  return delay / 2 + (delay > 1 ? random % (delay / 2) : 0);
}

}  // namespace paxect::link

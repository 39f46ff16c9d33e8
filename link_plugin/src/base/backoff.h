// How long to wait before the next try of something that failed.
#pragma once

#include <cstdint>

namespace paxect::link {

// backoff_ns * 2^(tries - 1), at most an hour; of that a random share between a half and the whole, so that
// files that failed together are not tried together. `random` is any 64 bits.
std::uint64_t backoff_delay_ns(std::uint64_t backoff_ns, unsigned tries, std::uint64_t random);

}  // namespace paxect::link

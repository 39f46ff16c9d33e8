// How times are written: UTC, whatever the machine's time zone.
#pragma once

#include <cstdint>
#include <string>

namespace paxect::link {

inline constexpr std::uint64_t kSecond = 1'000'000'000;
inline constexpr std::uint64_t kMillisecond = 1'000'000;

// Processor time that the calling thread has used.
std::uint64_t thread_cpu_ns();

// Nanoseconds since 1970 as "2026-11-22 14:00:00 UTC".
std::string utc_text(std::int64_t realtime_ns);
// The same as "20261122T140000Z", for file names.
std::string utc_stamp(std::int64_t realtime_ns);
// "0.042"
std::string seconds_text(std::uint64_t nanoseconds);

// Identifies this run of the machine, from its start to its end; "" when the kernel does not say.
std::string boot_id();

}  // namespace paxect::link

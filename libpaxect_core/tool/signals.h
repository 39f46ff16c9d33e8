// SIGINT, SIGTERM and SIGHUP ask the work to stop, so that it can clean up; SIGPIPE and SIGXFSZ become write
// errors. Main thread only, but for stop_requested.
#pragma once

#include <cstdint>

namespace paxect::tool {

void catch_signals();
// The signal that asked to stop, or 0.
int stop_requested();
// A progress callback that stops the work once a signal has come.
std::int32_t stop_on_signal(void* opaque, std::uint64_t bytes_in, std::uint64_t bytes_out);
// Ends the process by the signal that asked to stop, so that the caller sees what happened.
[[noreturn]] void die_of_signal();

}  // namespace paxect::tool

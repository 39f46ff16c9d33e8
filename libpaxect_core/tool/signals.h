// SIGINT, SIGTERM and SIGHUP request a stop, so that the job can clean up. SIGPIPE and SIGXFSZ are ignored
// and become write errors. Main thread only, except stop_requested.
#pragma once

#include <cstdint>

namespace paxect::tool {

void catch_signals();
// The signal that requested the stop, or 0.
int stop_requested();
// A progress callback that stops the job after a signal.
std::int32_t stop_on_signal(void* opaque, std::uint64_t bytes_in, std::uint64_t bytes_out);
// Ends the process by the signal that requested the stop, so that the parent sees it.
[[noreturn]] void die_of_signal();

}  // namespace paxect::tool

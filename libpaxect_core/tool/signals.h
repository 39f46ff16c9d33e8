// SIGINT, SIGTERM and every other signal that is sent to end a program request a stop, so that the job can
// clean up; the process then ends by that signal. SIGPIPE and SIGXFSZ are ignored and become write errors.
// Main thread only, except stop_requested.
//
// A request is not lost when it comes just before a system call that blocks: after it, a timer interrupts
// system calls 20 times a second. A job that has not ended a second after the request, such as one that
// compresses a large frame, is ended without its cooperation; its hidden files are removed.
#pragma once

#include <cstdint>

namespace paxect::tool {

// Thrown when the job has stopped at the request of a signal: the process is to end by die_of_signal once
// everything that the job owned is destroyed.
struct StoppedBySignal {};

void catch_signals();
// The signal that requested the stop, or 0.
int stop_requested();
// A progress callback that stops the job after a signal.
std::int32_t stop_on_signal(void* opaque, std::uint64_t bytes_in, std::uint64_t bytes_out);
// Ends the process by the signal that requested the stop, so that the parent sees it.
[[noreturn]] void die_of_signal();

}  // namespace paxect::tool

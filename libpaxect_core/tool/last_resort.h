// How the process ends when memory runs out or an exception has no handler: with one line and a documented
// exit status, leaving no hidden file.
#pragma once

namespace paxect::tool {

// Before anything that allocates.
void set_last_resorts();

// Ends the process with the status for a file or I/O error. Any thread. Allocates nothing.
[[noreturn]] void end_without_memory();

}  // namespace paxect::tool

// How the process ends when memory runs out or an exception has no handler: with one line and a documented
// exit status, leaving no hidden file.
#pragma once

#include <string>

namespace paxect::tool {

// Before anything that allocates.
void set_last_resorts();

// Ends the process with the status for a file or I/O error, or as an OutOfMemory that exists says. Any
// thread. Allocates nothing.
[[noreturn]] void end_without_memory();

// While it exists, a lack of memory ends the process with this message, which names a file, and this status.
// At most one at a time, of the main thread.
class OutOfMemory {
 public:
  OutOfMemory(const std::string& message, int status);
  OutOfMemory(const OutOfMemory&) = delete;
  OutOfMemory& operator=(const OutOfMemory&) = delete;
  ~OutOfMemory();

 private:
  friend void end_without_memory();

  std::string line_;
  int status_;
};

}  // namespace paxect::tool

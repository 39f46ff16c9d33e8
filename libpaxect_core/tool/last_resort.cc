#include "last_resort.h"

#include <unistd.h>

#include <atomic>
#include <exception>
#include <new>
#include <string_view>

#include "command.h"
#include "printable.h"
#include "standard_streams.h"
#include "temporary_file.h"

namespace paxect::tool {
namespace {

std::atomic<const OutOfMemory*> in_force = nullptr;

// Several threads may run out of memory at once: the first one ends the process.
[[noreturn]] void end(std::string_view line, int code) {
  static std::atomic_flag ending;
  while (ending.test_and_set()) pause();
  write_fully(STDERR_FILENO, line.data(), line.size());
  core::remove_own_hidden_files();
  _exit(code);
}

// An exception for which there is no memory ends here too, without being one.
[[noreturn]] void end_without_handler() {
  if (std::current_exception() == nullptr) end_without_memory();
  end("paxect-core: internal error: an exception without a handler\n", kExitInternal);
}

}  // namespace

// An operator new that failed would throw, which takes memory, in places that cannot catch it and that print
// with what they allocate. Memory that the library asks for with malloc does not come here: it returns
// MEMORY.
void set_last_resorts() {
  std::set_new_handler(end_without_memory);
  std::set_terminate(end_without_handler);
}

OutOfMemory::OutOfMemory(const std::string& message, int status)
    : line_("paxect-core: " + printable(message) + '\n'), status_(status) {
  in_force = this;
}

OutOfMemory::~OutOfMemory() { in_force = nullptr; }

void end_without_memory() {
  if (const OutOfMemory* given = in_force) end(given->line_, given->status_);
  end("paxect-core: out of memory\n", kExitFile);
}

}  // namespace paxect::tool

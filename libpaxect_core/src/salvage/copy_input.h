// A damaged copy that the caller opened, as salvage and repair take it.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "status.h"

namespace paxect::core {

inline constexpr std::size_t kMaxCopies = 64;

struct CopyInput {
  int fd = -1;
  std::string name;  // for messages
  struct stat identity {};
  std::uint64_t size = 0;
};

// The descriptor stays the caller's. `earlier`: copies that there are already. Errors: READ when it is not a
// file that can be read at any offset, ARGUMENT when there are too many.
Status open_copy(int fd, const std::string& name, std::size_t earlier, CopyInput& out);

}  // namespace paxect::core

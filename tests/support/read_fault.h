// Replaces read in the programs that have read_fault.cc among their files, and in the libraries that these
// load: they take the symbol of the program. A test chooses which files cannot be read, as on a failing disk.
#pragma once

#include <cstddef>
#include <string>

namespace paxect::test {

// Each read of a file whose path ends so fails with EIO; "" for none.
inline std::string unreadable_end;
// How many did.
inline std::size_t failed_reads = 0;

// Until it goes.
class Unreadable {
 public:
  explicit Unreadable(const std::string& end) {
    unreadable_end = end;
    failed_reads = 0;
  }
  ~Unreadable() { unreadable_end.clear(); }
  Unreadable(const Unreadable&) = delete;
  Unreadable& operator=(const Unreadable&) = delete;
};

}  // namespace paxect::test

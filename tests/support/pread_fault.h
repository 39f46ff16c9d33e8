// Replaces pread in the program whose one file includes this, and in the libraries that it loads: they take
// the symbols of the program. A test chooses which read fails.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <functional>

namespace paxect::test {

// Called before each pread; when it returns an errno, the pread fails with that.
inline std::function<int(int fd, std::uint64_t offset, std::size_t size)> before_pread;

inline ssize_t checked_pread(int fd, void* data, std::size_t size, off_t offset) {
  const int error = before_pread ? before_pread(fd, static_cast<std::uint64_t>(offset), size) : 0;
  if (error == 0) return syscall(SYS_pread64, fd, data, size, offset);
  errno = error;
  return -1;
}

}  // namespace paxect::test

extern "C" {
__attribute__((visibility("default"))) ssize_t replaced_pread(int fd, void* data, size_t size,
                                                              off_t offset) __asm__("pread64");
ssize_t replaced_pread(int fd, void* data, size_t size, off_t offset) {
  return paxect::test::checked_pread(fd, data, size, offset);
}
}

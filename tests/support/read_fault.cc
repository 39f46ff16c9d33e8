#include "support/read_fault.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace paxect::test {
namespace {

ssize_t checked_read(int fd, void* data, std::size_t size) {
  if (!unreadable_end.empty()) {
    std::array<char, 4096> path;
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t length = readlink(link.c_str(), path.data(), path.size());
    if (length > 0 && std::string(path.data(), static_cast<std::size_t>(length)).ends_with(unreadable_end)) {
      ++failed_reads;
      errno = EIO;
      return -1;
    }
  }
  return syscall(SYS_read, fd, data, size);
}

}  // namespace
}  // namespace paxect::test

extern "C" {
__attribute__((visibility("default"))) ssize_t replaced_read(int fd, void* data, size_t size) __asm__("read");
ssize_t replaced_read(int fd, void* data, size_t size) { return paxect::test::checked_read(fd, data, size); }
}

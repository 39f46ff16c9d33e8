// A file in memory, without a name.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

namespace paxect::test {

class MemoryFile {
 public:
  explicit MemoryFile(std::string_view contents) : fd_(memfd_create("test", MFD_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "memfd_create");
    while (!contents.empty()) {
      ssize_t written = write(fd_, contents.data(), contents.size());
      if (written <= 0) throw std::system_error(errno, std::generic_category(), "write to memory");
      contents.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace paxect::test

// Owned file descriptors, and what a path or a descriptor refers to. No thread rules beyond those of the
// system.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "status.h"

namespace paxect::core {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // 0, or the errno value.
  int close();

 private:
  int fd_ = -1;
};

// openat with O_CLOEXEC and O_NOCTTY. Never returns descriptor 0, 1 or 2, which a process may have closed:
// what it prints would end up in the file. Invalid with errno set on failure.
Descriptor open_at(int directory, const std::string& path, int flags, mode_t mode = 0);

// The descriptor that a path of the form /dev/stdin, /dev/stdout, /dev/stderr, /dev/fd/N, /proc/self/fd/N or
// /proc/thread-self/fd/N names; none for any other path. By its text alone, so that it works without /proc.
std::optional<int> descriptor_named(const std::string& path);

// How a path is named in messages: "-" as the stream that it means, the empty path as ''.
std::string shown_input(const std::string& path);
std::string shown_output(const std::string& path);

// Whether a descriptor of the caller's can be used. Errors: OPEN when it is not open, or only for the other
// direction.
enum class Direction { kReading, kWriting };
Status check_descriptor(int fd, Direction direction, const std::string& name);

}  // namespace paxect::core

// An owned file descriptor, and whether to go on after a signal. No thread rules beyond those of the system.
#pragma once

#include <functional>
#include <utility>

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

// Called when a signal interrupted a system call; true: stop with CANCELLED, false: repeat the call.
using Interrupted = std::function<bool()>;

}  // namespace paxect::core

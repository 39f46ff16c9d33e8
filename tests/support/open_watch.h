// Counts how often something is opened, by whatever program, for its contents or otherwise.
#pragma once

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string>

#include "support/catch.h"

namespace paxect::test {

class OpenWatch {
 public:
  // A link at the path is followed.
  explicit OpenWatch(const std::string& path) : fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    REQUIRE(fd_ >= 0);
    REQUIRE(inotify_add_watch(fd_, path.c_str(), IN_OPEN) >= 0);
  }
  ~OpenWatch() { close(fd_); }
  OpenWatch(const OpenWatch&) = delete;
  OpenWatch& operator=(const OpenWatch&) = delete;

  // Whether it was opened since the last call. inotify merges equal events.
  bool was_opened() {
    alignas(inotify_event) std::array<char, 4096> events;
    bool any = false;
    while (read(fd_, events.data(), events.size()) > 0) any = true;
    return any;
  }

 private:
  int fd_;
};

}  // namespace paxect::test

// A disk that is full for one file: no write of this process goes beyond this size.
#pragma once

#include <sys/resource.h>

#include <csignal>
#include <cstdint>

#include "support/catch.h"

namespace paxect::test {

class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::uint64_t size) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const struct rlimit low { .rlim_cur = size, .rlim_max = before_.rlim_max };
    REQUIRE(setrlimit(RLIMIT_FSIZE, &low) == 0);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  void (*handler_)(int);
  struct rlimit before_ {};
};

}  // namespace paxect::test

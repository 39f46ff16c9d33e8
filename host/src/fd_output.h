// Output to a descriptor that somebody else opened, such as standard output: it may be non-blocking, closed
// or full.
#pragma once

#include <array>
#include <ostream>
#include <streambuf>
#include <string_view>

namespace paxect::host {

// Writes all of `data`, and blocks for as long as that takes on a non-blocking descriptor too. Returns 0 or
// an errno.
int write_all(int fd, std::string_view data);

// A buffered stream to a descriptor, which it does not own. Keeps the reason of the first failure, after
// which the stream is bad.
class FdOutput : public std::ostream {
 public:
  explicit FdOutput(int fd) : std::ostream(nullptr), buffer_(fd) { rdbuf(&buffer_); }

  int error() const {
    return buffer_.error();
  }  // 0: none so far; what is still buffered counts after flush()

 private:
  class Buffer : public std::streambuf {
   public:
    explicit Buffer(int fd) : fd_(fd) { setp(bytes_.data(), bytes_.data() + bytes_.size()); }
    int error() const { return error_; }

   protected:
    int_type overflow(int_type next) override;
    int sync() override;

   private:
    int fd_;
    int error_ = 0;
    std::array<char, 8192> bytes_;
  };

  Buffer buffer_;
};

}  // namespace paxect::host

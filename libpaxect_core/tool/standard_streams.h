// Standard input, output and error, in whatever state the process gets them: closed, non-blocking, or full.
// Main thread only.
#pragma once

#include <array>
#include <cstddef>
#include <ostream>
#include <streambuf>

namespace paxect::tool {

// Opens /dev/null for each of the descriptors 0, 1 and 2 that is closed, so that no file that is opened later
// takes its place. Reading from such a standard input and writing to such a standard output fails. Before
// anything else.
void open_standard_descriptors();

// Writes all of it; waits where the descriptor does not block. 0, or the errno value.
int write_fully(int fd, const char* data, std::size_t size);

// What std::cout or std::cerr writes with while it lives: to a descriptor, as write_fully does. Knows why
// that failed.
class StandardStream : public std::streambuf {
 public:
  StandardStream(std::ostream& stream, int fd);
  ~StandardStream() override;
  StandardStream(const StandardStream&) = delete;
  StandardStream& operator=(const StandardStream&) = delete;

  // 0, or the errno value of the first write that failed.
  int error() const { return error_; }

 protected:
  int_type overflow(int_type byte) override;
  int sync() override;

 private:
  std::ostream& stream_;
  int fd_;
  std::array<char, 16384> buffer_;
  std::streambuf* replaced_;
  int error_ = 0;
};

}  // namespace paxect::tool

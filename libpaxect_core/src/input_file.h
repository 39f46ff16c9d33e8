// An input: a file, a pipe or a descriptor that is read from beginning to end; and reading at an offset. One
// thread at a time, but for read_at.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "blocking_io.h"
#include "descriptor.h"
#include "file_attributes.h"
#include "file_identity.h"
#include "status.h"

namespace paxect::core {

class InputFile {
 public:
  // "-" is standard input; it and other names of open descriptors, such as /dev/stdin, are read from where
  // they are. Errors: OPEN; CANCELLED when interrupted.
  Status open(const std::string& path, const Interrupted& interrupted);
  // Errors: READ; CANCELLED when interrupted. 0 bytes is the end.
  Status read(void* buffer, std::size_t capacity, std::size_t& size, const Interrupted& interrupted);

  // After the end was read: whether all bytes came that a regular file had when it was opened. Errors: READ.
  Status check_whole() const;

  // 0 where it has none, as a pipe does.
  std::uint64_t size() const { return size_; }
  FileIdentity identity() const { return FileIdentity(file_, fd_); }
  // Of a regular file that was opened by its own name.
  std::optional<FileAttributes> attributes() const;

 private:
  Descriptor owned_;
  int fd_ = -1;
  BlockingIo io_;
  std::string name_;
  struct stat file_ {};
  std::uint64_t size_ = 0;
  std::uint64_t offset_ = 0;
};

// Reads exactly `size` bytes at `offset` of a seekable file, whose own offset does not move. Any thread.
// Errors: READ, TRUNCATED.
Status read_at(int fd, std::uint64_t offset, std::uint8_t* out, std::size_t size,
               const std::string& name = "container");

}  // namespace paxect::core

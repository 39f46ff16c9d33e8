// Files and descriptors: an input that is read in big steps, and an output that appears under its name
// complete or not at all. One thread at a time.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include "status.h"

namespace paxect::core {

// An owned descriptor.
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
  // 0, or the system's error.
  int close();

 private:
  int fd_ = -1;
};

// Asked when a signal interrupted a system call: whether to stop rather than to try again.
using Interrupted = std::function<bool()>;

class InputFile {
 public:
  // "-" is standard input. Errors: OPEN.
  Status open(const std::string& path);
  // Errors: READ; CANCELLED when interrupted. 0 bytes is the end.
  Status read(void* buffer, std::size_t capacity, std::size_t& size, const Interrupted& interrupted);

  // 0 when it has none, as a pipe has.
  std::uint64_t size() const { return size_; }
  const struct stat& identity() const { return identity_; }

 private:
  Descriptor owned_;
  int fd_ = -1;
  std::string name_;
  struct stat identity_ {};
  std::uint64_t size_ = 0;
  std::uint64_t offset_ = 0;
};

// Reads exactly `size` bytes at `offset` of a seekable file, whose own offset does not move. Any thread.
// Errors: READ, TRUNCATED.
Status read_at(int fd, std::uint64_t offset, std::uint8_t* out, std::size_t size,
               const std::string& name = "container");

class OutputFile {
 public:
  OutputFile() = default;
  ~OutputFile() { discard(); }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // "-" is standard output. Nothing is to be seen under the path yet. Errors: OPEN, SAME_FILE.
  Status open(const std::string& path, const struct stat& input) { return open(path, std::span(&input, 1)); }
  Status open(const std::string& path, std::span<const struct stat> inputs);
  // Whether to leave holes for runs of zeros where the output is a fresh regular file. Before the first
  // write.
  void set_sparse(bool sparse) { sparse_ = sparse && !target_.empty(); }
  // Errors: WRITE; CANCELLED when interrupted.
  Status write(const void* data, std::size_t size, const Interrupted& interrupted);
  // Puts the file under its name, in one step, replacing what stood there; with `sync` it is durable
  // afterwards. Errors: WRITE.
  Status commit(bool sync);

 private:
  Status open_in_place(int flags);
  Status open_temporary();
  Status put(const std::uint8_t* data, std::size_t size, const Interrupted& interrupted);
  Status put_sparse(const std::uint8_t* data, std::size_t size, const Interrupted& interrupted);
  Status leave_hole(const Interrupted& interrupted);
  Status end_hole();
  Status name_temporary();
  void discard();
  Status failed(const char* message, int error) const;

  std::string name_;       // as the user said it
  std::string target_;     // what is replaced in the end; empty: written directly
  std::string directory_;  // of target_
  std::string temporary_;  // a name to remove on failure; empty: none
  Descriptor owned_;
  int fd_ = -1;
  bool exists_ = false;
  mode_t mode_ = 0;
  bool sparse_ = false;
  std::uint64_t offset_ = 0;  // in a sparse file, of the next byte to write
  std::uint64_t hole_ = 0;    // bytes of zeros before it that are not written yet
};

}  // namespace paxect::core

// Opens, reads and writes that may block for as long as another process likes: at a FIFO without its other
// end, an empty or full pipe, a socket, a terminal. None of them blocks in the system: while they wait, they
// ask the caller several times a second, and after each signal, whether to go on.
//
// A signal alone cannot end a wait reliably. One that is handled just before the system call blocks is over
// by then, and one that another thread receives does not interrupt this thread.
//
// No thread rules beyond those of the system.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <string>

#include "descriptor.h"
#include "status.h"

namespace paxect::core {

// Asked while a call waits; true: stop with CANCELLED.
using Interrupted = std::function<bool()>;

// open_at for reading or writing. Waits for the reader of a FIFO that is opened for writing; reading from a
// FIFO waits for its writer. Errors: OPEN with `name`; CANCELLED.
Status open_waiting(int directory, const std::string& path, int flags, const std::string& name,
                    const Interrupted& interrupted, Descriptor& out);

// A descriptor that is read or written from its current offset. Does not own it.
class BlockingIo {
 public:
  BlockingIo() = default;
  // `type` is the file's mode. `name` is for messages.
  BlockingIo(int fd, mode_t type, std::string name);

  // 0 bytes is the end. Errors: READ; CANCELLED.
  Status read(void* buffer, std::size_t capacity, std::size_t& size, const Interrupted& interrupted) const;
  // Writes all of it. Errors: WRITE; CANCELLED.
  Status write(const void* data, std::size_t size, const Interrupted& interrupted) const;

 private:
  Status wait(short events, const Interrupted& interrupted) const;
  Status retry(short events, paxect_status code, const char* message, const Interrupted& interrupted) const;
  ssize_t write_some(const void* data, std::size_t size) const;

  int fd_ = -1;
  mode_t type_ = 0;
  bool terminal_ = false;
  std::string name_;
};

}  // namespace paxect::core

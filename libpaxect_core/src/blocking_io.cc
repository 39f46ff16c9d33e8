#include "blocking_io.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

namespace paxect::core {
namespace {

constexpr int kAskInterval = 100;   // milliseconds between two questions whether to go on
constexpr int kRetryInterval = 10;  // milliseconds between two attempts to open
constexpr std::size_t kTerminalPiece = 256;

Status cancelled() { return failure(PAXECT_ERROR_CANCELLED, "cancelled"); }

// The bytes that a pipe takes without blocking when poll reported that it can be written to, as long as no
// other process writes to it: all that it holds when it is empty, else a page.
std::size_t pipe_room(int fd) {
  int used = 0;
  int capacity = fcntl(fd, F_GETPIPE_SZ);
  bool empty = ioctl(fd, FIONREAD, &used) == 0 && used == 0;
  return empty && capacity > PIPE_BUF ? static_cast<std::size_t>(capacity) : PIPE_BUF;
}

// Opening a FIFO for writing fails while nobody reads it; opening a file, while another process gives up its
// lease.
bool is_worth_waiting(int error, int directory, const std::string& path) {
  if (error == EAGAIN) return true;
  struct stat file {};
  return error == ENXIO && fstatat(directory, path.c_str(), &file, 0) == 0 && S_ISFIFO(file.st_mode);
}

}  // namespace

Status open_waiting(int directory, const std::string& path, int flags, const std::string& name,
                    const Interrupted& interrupted, Descriptor& out) {
  for (;;) {
    out = open_at(directory, path, flags | O_NONBLOCK);
    if (out.valid()) break;
    int error = errno;
    if (error != EINTR && !is_worth_waiting(error, directory, path))
      return system_failure(PAXECT_ERROR_OPEN, name, "cannot open", error);
    if (interrupted()) return cancelled();
    if (error != EINTR) poll(nullptr, 0, kRetryInterval);
  }
  struct stat file {};
  // What reads and writes a FIFO waits for it. Devices may behave in another way when they do not block.
  if (fstat(out.get(), &file) == 0 && !S_ISFIFO(file.st_mode) && fcntl(out.get(), F_SETFL, flags) != 0)
    return system_failure(PAXECT_ERROR_OPEN, name, "cannot open", errno);
  return {};
}

BlockingIo::BlockingIo(int fd, mode_t type, std::string name)
    : fd_(fd), type_(type & S_IFMT), terminal_(S_ISCHR(type) && isatty(fd) == 1), name_(std::move(name)) {}

Status BlockingIo::read(void* buffer, std::size_t capacity, std::size_t& size,
                        const Interrupted& interrupted) const {
  for (;;) {
    Status status = wait(POLLIN, interrupted);
    if (!status.ok()) return status;
    ssize_t got = ::read(fd_, buffer, capacity);
    if (got >= 0) {
      size = static_cast<std::size_t>(got);
      return {};
    }
    status = retry(POLLIN, PAXECT_ERROR_READ, "cannot read", interrupted);
    if (!status.ok()) return status;
  }
}

Status BlockingIo::write(const void* data, std::size_t size, const Interrupted& interrupted) const {
  const auto* bytes = static_cast<const std::byte*>(data);
  while (size != 0) {
    Status status = wait(POLLOUT, interrupted);
    if (!status.ok()) return status;
    ssize_t written = write_some(bytes, size);
    if (written < 0) {
      status = retry(POLLOUT, PAXECT_ERROR_WRITE, "cannot write", interrupted);
      if (!status.ok()) return status;
      continue;
    }
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return {};
}

// Not more than the descriptor takes without blocking, where that is known.
ssize_t BlockingIo::write_some(const void* data, std::size_t size) const {
  if (type_ == S_IFSOCK) return send(fd_, data, size, MSG_DONTWAIT);
  if (type_ == S_IFIFO) size = std::min(size, pipe_room(fd_));
  if (terminal_) size = std::min(size, kTerminalPiece);
  return ::write(fd_, data, size);
}

// Until the descriptor is ready; an error of it is reported by the next read or write. Files, and the devices
// that hold them, are always ready.
Status BlockingIo::wait(short events, const Interrupted& interrupted) const {
  if (type_ == S_IFREG || type_ == S_IFBLK) return {};
  pollfd waiting{fd_, events, 0};
  for (;;) {
    int ready = poll(&waiting, 1, kAskInterval);
    if (ready > 0) return {};
    // A read of a FIFO that nobody has opened for writing yet would look like its end.
    if (ready < 0 && errno != EINTR)
      return system_failure(events == POLLIN ? PAXECT_ERROR_READ : PAXECT_ERROR_WRITE, name_,
                            "cannot wait for", errno);
    if (interrupted()) return cancelled();
  }
}

// After a call that failed: OK when it is to be repeated.
Status BlockingIo::retry(short events, paxect_status code, const char* message,
                         const Interrupted& interrupted) const {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return wait(events, interrupted);
  if (errno != EINTR) return system_failure(code, name_, message, errno);
  return interrupted() ? cancelled() : Status{};
}

}  // namespace paxect::core

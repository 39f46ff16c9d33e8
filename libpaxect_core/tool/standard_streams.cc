#include "standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "signals.h"

namespace paxect::tool {
void open_standard_descriptors() {
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    int mode = fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY;  // the wrong way for 0 and 1; errors go nowhere
    int opened = open("/dev/null", mode | O_NOCTTY);       // the lowest that is free, which is `fd`
    if (opened < 0) open("/", O_RDONLY | O_DIRECTORY);     // can be neither read nor written
  }
}

int write_fully(int fd, const char* data, std::size_t size) {
  while (size != 0) {
    ssize_t written = write(fd, data, size);
    if (written >= 0) {
      data += written;
      size -= static_cast<std::size_t>(written);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd waiting{fd, POLLOUT, 0};
      if (poll(&waiting, 1, -1) < 0 && (errno != EINTR || stop_requested() != 0)) return EINTR;
    } else if (errno != EINTR || stop_requested() != 0) {
      return errno;
    }
  }
  return 0;
}

StandardStream::StandardStream(std::ostream& stream, int fd)
    : stream_(stream), fd_(fd), replaced_(stream.rdbuf(this)) {
  setp(buffer_.data(), buffer_.data() + buffer_.size());
}

StandardStream::~StandardStream() {
  sync();
  stream_.rdbuf(replaced_);
}

StandardStream::int_type StandardStream::overflow(int_type byte) {
  if (sync() != 0) return traits_type::eof();
  if (!traits_type::eq_int_type(byte, traits_type::eof())) sputc(traits_type::to_char_type(byte));
  return traits_type::not_eof(byte);
}

int StandardStream::sync() {
  if (error_ == 0) error_ = write_fully(fd_, pbase(), static_cast<std::size_t>(pptr() - pbase()));
  setp(buffer_.data(), buffer_.data() + buffer_.size());
  return error_ == 0 ? 0 : -1;
}

}  // namespace paxect::tool

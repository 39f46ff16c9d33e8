#include "input_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace paxect::core {
namespace {

std::string at_byte(std::uint64_t offset) { return " (byte " + std::to_string(offset) + ")"; }

}  // namespace

Status InputFile::open(const std::string& path, const Interrupted& interrupted) {
  name_ = shown_input(path);
  std::optional<int> given = path == "-" ? STDIN_FILENO : descriptor_named(path);
  Status status = given ? check_descriptor(*given, Direction::kReading, name_)
                        : open_waiting(AT_FDCWD, path, O_RDONLY, name_, interrupted, owned_);
  if (!status.ok()) return status;
  fd_ = given.value_or(owned_.get());
  if (fstat(fd_, &file_) != 0) return system_failure(PAXECT_ERROR_OPEN, name_, "cannot open", errno);
  io_ = BlockingIo(fd_, file_.st_mode, name_);
  if (S_ISDIR(file_.st_mode)) return failure(PAXECT_ERROR_OPEN, name_ + ": is a directory");
  if (!S_ISREG(file_.st_mode)) return {};
  off_t at = given ? lseek(fd_, 0, SEEK_CUR) : 0;
  if (at >= 0 && file_.st_size > at) size_ = static_cast<std::uint64_t>(file_.st_size - at);
  posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
  return {};
}

std::optional<FileAttributes> InputFile::attributes() const {
  if (!owned_.valid() || !S_ISREG(file_.st_mode)) return std::nullopt;
  return FileAttributes(file_, fd_);
}

Status InputFile::read(void* buffer, std::size_t capacity, std::size_t& size,
                       const Interrupted& interrupted) {
  Status status = io_.read(buffer, capacity, size, interrupted);
  if (status.ok()) offset_ += size;
  if (!status.ok()) status.offset = offset_;
  if (status.code == PAXECT_ERROR_READ && S_ISREG(file_.st_mode)) status.message += at_byte(offset_);
  return status;
}

Status InputFile::check_whole() const {
  if (offset_ >= size_) return {};
  return {PAXECT_ERROR_READ, offset_, 0,
          name_ + ": became shorter while it was read: " + std::to_string(offset_) + " bytes where it had " +
              std::to_string(size_)};
}

Status read_at(int fd, std::uint64_t offset, std::uint8_t* out, std::size_t size, const std::string& name) {
  while (size != 0) {
    ssize_t got = pread(fd, out, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      Status status = system_failure(PAXECT_ERROR_READ, name, "cannot read", errno);
      status.offset = offset;
      status.message += at_byte(offset);
      return status;
    }
    if (got == 0) return {PAXECT_ERROR_TRUNCATED, offset, 0, "ends too early: the file was cut short"};
    out += got;
    offset += static_cast<std::uint64_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  return {};
}

}  // namespace paxect::core

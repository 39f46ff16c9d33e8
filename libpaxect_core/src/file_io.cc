#include "file_io.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "zero_run.h"

namespace paxect::core {
namespace {

constexpr int kNameAttempts = 100;

std::string random_name() {
  std::array<unsigned char, 8> random{};
  if (getrandom(random.data(), random.size(), GRND_NONBLOCK) < 0) random.fill(0);
  std::string name = ".paxect-";
  for (unsigned char byte : random) {
    name += "0123456789abcdef"[byte >> 4];
    name += "0123456789abcdef"[byte & 15];
  }
  return name + ".part";
}

bool same_file(const struct stat& a, const struct stat& b) {
  return S_ISREG(a.st_mode) && S_ISREG(b.st_mode) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

int Descriptor::close() {
  if (fd_ < 0) return 0;
  return ::close(std::exchange(fd_, -1)) == 0 || errno == EINTR ? 0 : errno;
}

Status InputFile::open(const std::string& path) {
  bool standard = path == "-";
  name_ = standard ? "standard input" : path;
  if (!standard) owned_ = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  fd_ = standard ? STDIN_FILENO : owned_.get();
  if (fd_ < 0) return system_failure(PAXECT_ERROR_OPEN, name_, "cannot open", errno);
  if (fstat(fd_, &identity_) != 0) return system_failure(PAXECT_ERROR_OPEN, name_, "cannot open", errno);
  if (S_ISDIR(identity_.st_mode)) return failure(PAXECT_ERROR_OPEN, name_ + ": is a directory");
  if (!S_ISREG(identity_.st_mode)) return {};
  off_t at = standard ? lseek(fd_, 0, SEEK_CUR) : 0;
  if (at >= 0 && identity_.st_size > at) size_ = static_cast<std::uint64_t>(identity_.st_size - at);
  posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
  return {};
}

Status InputFile::read(void* buffer, std::size_t capacity, std::size_t& size,
                       const Interrupted& interrupted) {
  for (;;) {
    ssize_t got = ::read(fd_, buffer, capacity);
    if (got >= 0) {
      size = static_cast<std::size_t>(got);
      offset_ += size;
      return {};
    }
    if (errno != EINTR) {
      Status status = system_failure(PAXECT_ERROR_READ, name_, "cannot read", errno);
      status.offset = offset_;
      return status;
    }
    if (interrupted()) return failure(PAXECT_ERROR_CANCELLED, "cancelled");
  }
}

Status read_at(int fd, std::uint64_t offset, std::uint8_t* out, std::size_t size, const std::string& name) {
  while (size != 0) {
    ssize_t got = pread(fd, out, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure(PAXECT_ERROR_READ, name, "cannot read", errno);
    if (got == 0) return {PAXECT_ERROR_TRUNCATED, offset, 0, "ends too early: the file was cut short"};
    out += got;
    offset += static_cast<std::uint64_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  return {};
}

Status OutputFile::failed(const char* message, int error) const {
  return system_failure(PAXECT_ERROR_OPEN, name_, message, error);
}

Status OutputFile::open(const std::string& path, std::span<const struct stat> inputs) {
  bool standard = path == "-";
  name_ = standard ? "standard output" : path;
  struct stat there {};
  exists_ = (standard ? fstat(STDOUT_FILENO, &there) : stat(path.c_str(), &there)) == 0;
  if (!exists_ && (standard || (errno != ENOENT && errno != ENOTDIR))) return failed("cannot open", errno);
  auto is_output = [&](const struct stat& input) { return same_file(there, input); };
  if (exists_ && std::any_of(inputs.begin(), inputs.end(), is_output))
    return failure(PAXECT_ERROR_SAME_FILE, name_ + ": is the input file: give the output another name");
  if (standard) {
    fd_ = STDOUT_FILENO;
    return {};
  }
  if (exists_ && S_ISDIR(there.st_mode)) return failure(PAXECT_ERROR_OPEN, name_ + ": is a directory");
  if (exists_ && !S_ISREG(there.st_mode)) return open_in_place(O_WRONLY);

  target_ = path;
  if (exists_) {  // through symbolic links to the file that is meant
    std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), &std::free);
    if (real == nullptr) return failed("cannot open", errno);
    if (access(real.get(), W_OK) != 0) return failed("cannot write", errno);
    target_ = real.get();
    mode_ = there.st_mode & 07777;
  } else {
    struct stat link {};
    if (lstat(path.c_str(), &link) == 0)
      return failure(PAXECT_ERROR_OPEN, name_ + ": is a symbolic link to nothing: remove it first");
    if (path.empty() || path.back() == '/') return failed("cannot create", path.empty() ? ENOENT : EISDIR);
  }
  std::size_t slash = target_.rfind('/');
  directory_ = slash == std::string::npos ? "." : slash == 0 ? "/" : target_.substr(0, slash);
  return open_temporary();
}

Status OutputFile::open_in_place(int flags) {
  owned_ = Descriptor(::open(name_.c_str(), flags | O_CLOEXEC | O_NOCTTY));
  fd_ = owned_.get();
  if (fd_ < 0) return failed("cannot open", errno);
  return {};
}

// A file without a name vanishes by itself whatever happens to the process; where the file system has none, a
// hidden one beside the target does.
Status OutputFile::open_temporary() {
  owned_ = Descriptor(::open(directory_.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666));
  for (int i = 0; !owned_.valid() && i < kNameAttempts; ++i) {
    temporary_ = directory_ + "/" + random_name();
    owned_ =
        Descriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
    if (!owned_.valid() && errno != EEXIST) break;
  }
  fd_ = owned_.get();
  if (fd_ >= 0) return {};
  temporary_.clear();
  return failed("cannot create", errno);
}

Status OutputFile::write(const void* data, std::size_t size, const Interrupted& interrupted) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  return sparse_ ? put_sparse(bytes, size, interrupted) : put(bytes, size, interrupted);
}

Status OutputFile::put(const std::uint8_t* data, std::size_t size, const Interrupted& interrupted) {
  while (size != 0) {
    ssize_t put = ::write(fd_, data, size);
    if (put >= 0) {
      data += put;
      size -= static_cast<std::size_t>(put);
    } else if (errno != EINTR) {
      return system_failure(PAXECT_ERROR_WRITE, name_, "cannot write", errno);
    } else if (interrupted()) {
      return failure(PAXECT_ERROR_CANCELLED, "cancelled");
    }
  }
  return {};
}

Status OutputFile::put_sparse(const std::uint8_t* data, std::size_t size, const Interrupted& interrupted) {
  while (size != 0) {
    ZeroRun zeros;
    if (hole_ != 0) zeros = find_zero_run(data, size, offset_, kHoleBlock);  // a hole goes on with any zeros
    if (zeros.size == 0 || zeros.begin != 0) {
      zeros = find_zero_run(data, size, offset_, kSmallestHole);
      Status status = leave_hole(interrupted);
      if (status.ok()) status = put(data, zeros.begin, interrupted);
      if (!status.ok()) return status;
    }
    hole_ += zeros.size;
    offset_ += zeros.begin + zeros.size;
    data += zeros.begin + zeros.size;
    size -= zeros.begin + zeros.size;
  }
  return {};
}

// What follows is no zero: the zeros before it become a hole, or are written if they are too few.
Status OutputFile::leave_hole(const Interrupted& interrupted) {
  static constexpr std::array<std::uint8_t, kSmallestHole> kZeros{};
  std::uint64_t size = std::exchange(hole_, 0);
  if (size < kSmallestHole) return put(kZeros.data(), size, interrupted);
  if (lseek(fd_, static_cast<off_t>(size), SEEK_CUR) >= 0) return {};
  return system_failure(PAXECT_ERROR_WRITE, name_, "cannot write", errno);
}

Status OutputFile::end_hole() {
  if (hole_ == 0 || ftruncate(fd_, static_cast<off_t>(offset_)) == 0) return {};
  return system_failure(PAXECT_ERROR_WRITE, name_, "cannot write", errno);
}

Status OutputFile::name_temporary() {
  std::string self = "/proc/self/fd/" + std::to_string(fd_);
  for (int i = 0; i < kNameAttempts; ++i) {
    std::string name = directory_ + "/" + random_name();
    if (linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      temporary_ = name;
      return {};
    }
    if (errno != EEXIST) break;
  }
  return system_failure(PAXECT_ERROR_WRITE, name_, "cannot create", errno);
}

Status OutputFile::commit(bool sync) {
  auto write_failure = [&](const char* message, int error) {
    return system_failure(PAXECT_ERROR_WRITE, name_, message, error);
  };
  if (target_.empty()) {
    struct stat there {};
    bool file = fstat(fd_, &there) == 0 && S_ISREG(there.st_mode);
    if (sync && file && fsync(fd_) != 0) return write_failure("cannot flush", errno);
    int error = owned_.close();
    return error == 0 ? Status{} : write_failure("cannot write", error);
  }
  Status status = end_hole();
  if (!status.ok()) return status;
  if (exists_ && fchmod(fd_, mode_) != 0) return write_failure("cannot set its permissions", errno);
  if (sync && fsync(fd_) != 0) return write_failure("cannot flush", errno);
  if (temporary_.empty()) {
    status = name_temporary();
    if (!status.ok()) return status;
  }
  int error = owned_.close();  // where a network file system reports what it could not write
  if (error != 0) return write_failure("cannot write", error);
  if (rename(temporary_.c_str(), target_.c_str()) != 0) return write_failure("cannot replace", errno);
  temporary_.clear();
  if (!sync) return {};
  Descriptor directory(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || fsync(directory.get()) != 0)
    return write_failure("cannot flush its directory", errno);
  return {};
}

void OutputFile::discard() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
  temporary_.clear();
}

}  // namespace paxect::core

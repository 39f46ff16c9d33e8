#include "output_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "zero_run.h"

namespace paxect::core {
namespace {

constexpr int kNameAttempts = 100;
// Enough for the disk to work at full speed, and little enough to be written soon when it is waited for.
constexpr std::size_t kWriteBackSize = std::size_t{8} << 20;

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

}  // namespace

Status OutputFile::open_failure(const char* message, int error) const {
  return system_failure(PAXECT_ERROR_OPEN, name_, message, error);
}
Status OutputFile::write_failure(const char* message, int error) const {
  return system_failure(PAXECT_ERROR_WRITE, name_, message, error);
}

Status OutputFile::open(const std::string& path, std::span<const FileIdentity> others) {
  bool standard = path == "-";
  name_ = standard ? "standard output" : path;
  struct stat there {};
  exists_ = (standard ? fstat(STDOUT_FILENO, &there) : stat(path.c_str(), &there)) == 0;
  if (!exists_ && (standard || (errno != ENOENT && errno != ENOTDIR)))
    return open_failure("cannot open", errno);
  auto is_output = [&](const FileIdentity& other) { return FileIdentity(there).same_as(other); };
  if (exists_ && std::any_of(others.begin(), others.end(), is_output))
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
    if (real == nullptr) return open_failure("cannot open", errno);
    if (access(real.get(), W_OK) != 0) return open_failure("cannot write", errno);
    target_ = real.get();
    mode_ = there.st_mode & 07777;
    write_back_early_ = true;
  } else {
    struct stat link {};
    if (lstat(path.c_str(), &link) == 0)
      return failure(PAXECT_ERROR_OPEN, name_ + ": is a symbolic link to nothing: remove it first");
    if (path.empty() || path.back() == '/')
      return open_failure("cannot create", path.empty() ? ENOENT : EISDIR);
  }
  std::size_t slash = target_.rfind('/');
  directory_ = slash == std::string::npos ? "." : slash == 0 ? "/" : target_.substr(0, slash);
  return open_temporary();
}

Status OutputFile::open_in_place(int flags) {
  owned_ = Descriptor(::open(name_.c_str(), flags | O_CLOEXEC | O_NOCTTY));
  fd_ = owned_.get();
  if (fd_ < 0) return open_failure("cannot open", errno);
  return {};
}

// A file without a name disappears whatever happens to the process. Where the file system has none, a hidden
// file beside the target takes its place.
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
  return open_failure("cannot create", errno);
}

Status OutputFile::write(const void* data, std::size_t size, const Interrupted& interrupted) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  if (!is_new_file()) return append(bytes, size, interrupted);
  if (sparse_) return append_sparse(bytes, size);
  Status status = put(offset_, bytes, size);
  offset_ += size;
  return status;
}

Status OutputFile::append(const std::uint8_t* data, std::size_t size, const Interrupted& interrupted) {
  while (size != 0) {
    ssize_t written = ::write(fd_, data, size);
    if (written >= 0) {
      data += written;
      size -= static_cast<std::size_t>(written);
    } else if (errno != EINTR) {
      return write_failure("cannot write", errno);
    } else if (interrupted()) {
      return failure(PAXECT_ERROR_CANCELLED, "cancelled");
    }
  }
  return {};
}

Status OutputFile::put(std::uint64_t offset, const std::uint8_t* data, std::size_t size) {
  std::size_t left = size;
  while (left != 0) {
    ssize_t written = pwrite(fd_, data, left, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return write_failure("cannot write", errno);
    data += written;
    offset += static_cast<std::uint64_t>(written);
    left -= static_cast<std::size_t>(written);
  }
  if (write_back_early_) begin_write_back(offset, size);
  return {};
}

// A file that replaces another is flushed at the rename, so that after a loss of power there is the old file
// or the new one. Without this the disk would be idle until then. Errors do not matter: the flush has them
// too.
void OutputFile::begin_write_back(std::uint64_t end, std::size_t written) {
  std::size_t before = dirty_.fetch_add(written, std::memory_order_relaxed);
  if (before + written < kWriteBackSize) return;
  dirty_.fetch_sub(before + written, std::memory_order_relaxed);
  static_cast<void>(sync_file_range(fd_, 0, static_cast<off_t>(end), SYNC_FILE_RANGE_WRITE));
}

Status OutputFile::write_at(std::uint64_t offset, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  for (bool first = true; size != 0; first = false) {
    ZeroRun zeros{size, 0};
    if (sparse_ && first) zeros = find_zero_run(bytes, size, offset, kHoleBlock);
    if (sparse_ && zeros.begin >= kHoleBlock) zeros = find_zero_run(bytes, size, offset, kSmallestHole);
    Status status = put(offset, bytes, zeros.begin);
    if (!status.ok()) return status;
    bytes += zeros.begin + zeros.size;
    offset += zeros.begin + zeros.size;
    size -= zeros.begin + zeros.size;
  }
  return {};
}

Status OutputFile::append_sparse(const std::uint8_t* data, std::size_t size) {
  while (size != 0) {
    ZeroRun zeros;
    if (hole_ != 0)
      zeros = find_zero_run(data, size, offset_, kHoleBlock);  // a hole continues with any zeros
    if (zeros.size == 0 || zeros.begin != 0) {
      zeros = find_zero_run(data, size, offset_, kSmallestHole);
      Status status = fill_small_hole();
      if (status.ok()) status = put(offset_, data, zeros.begin);
      if (!status.ok()) return status;
    }
    hole_ += zeros.size;
    offset_ += zeros.begin + zeros.size;
    data += zeros.begin + zeros.size;
    size -= zeros.begin + zeros.size;
  }
  return {};
}

// The next byte is no zero: the zeros before it stay a hole, or are written if they are too few for one.
Status OutputFile::fill_small_hole() {
  static constexpr std::array<std::uint8_t, kSmallestHole> kZeros{};
  std::uint64_t size = std::exchange(hole_, 0);
  return size < kSmallestHole ? put(offset_ - size, kZeros.data(), size) : Status{};
}

// What ends in a hole is shorter than its data until now.
Status OutputFile::set_final_size() {
  struct stat file {};
  if (fstat(fd_, &file) != 0) return write_failure("cannot write", errno);
  if (static_cast<std::uint64_t>(file.st_size) == offset_) return {};
  return ftruncate(fd_, static_cast<off_t>(offset_)) == 0 ? Status{} : write_failure("cannot write", errno);
}

Status OutputFile::name_temporary() {
  std::string self = "/proc/self/fd/" + std::to_string(fd_);
  for (int i = 0; i < kNameAttempts; ++i) {
    std::string name = directory_ + "/" + random_name();
    if (linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      temporary_ = std::move(name);  // which cannot fail: the name exists and must be removed on failure
      return {};
    }
    if (errno != EEXIST) break;
  }
  return write_failure("cannot create", errno);
}

Status OutputFile::commit(bool sync) {
  if (!is_new_file()) {
    struct stat there {};
    bool file = fstat(fd_, &there) == 0 && S_ISREG(there.st_mode);
    if (sync && file && fsync(fd_) != 0) return write_failure("cannot flush", errno);
    int error = owned_.close();
    return error == 0 ? Status{} : write_failure("cannot write", error);
  }
  Status status = set_final_size();
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

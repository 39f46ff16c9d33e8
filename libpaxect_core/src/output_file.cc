#include "output_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "zero_run.h"

namespace paxect::core {
namespace {

// Large enough for the full speed of the disk, small enough that a flush that waits for it ends soon.
constexpr std::size_t kWriteBackSize = std::size_t{8} << 20;

// How often a file that other processes create and remove under the output's name is tried to be replaced.
constexpr int kCommitAttempts = 100;

// RLIMIT_FSIZE, which would otherwise end the process by SIGXFSZ.
std::uint64_t file_size_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
  return limit.rlim_cur;
}

}  // namespace

Status OutputFile::open_failure(const char* message, int error) const {
  return system_failure(PAXECT_ERROR_OPEN, target_.shown_name(), message, error);
}
Status OutputFile::write_failure(const char* message, int error) const {
  return system_failure(PAXECT_ERROR_WRITE, target_.shown_name(), message, error);
}

Status OutputFile::open(const std::string& path, const Context& context, const Interrupted& interrupted) {
  Status status = target_.find(path);
  if (status.ok() && target_.kind() == OutputTarget::Kind::kInPlace) status = open_in_place(interrupted);
  inputs_.assign(context.inputs.begin(), context.inputs.end());
  outputs_.assign(context.outputs.begin(), context.outputs.end());
  if (status.ok()) status = check_identity();
  if (!status.ok()) return status;
  if (target_.kind() == OutputTarget::Kind::kDescriptor) fd_ = target_.descriptor();
  sources_.inputs = context.attributes_of;
  if (is_new_file()) return open_temporary();
  in_place_ = BlockingIo(fd_, target_.file().st_mode, target_.shown_name());
  return status;
}

Status OutputFile::check_identity() const {
  FileIdentity identity = opened_.valid() ? FileIdentity(target_.file(), fd_) : target_.identity();
  auto refusal = [this](const char* reason) {
    return failure(PAXECT_ERROR_SAME_FILE, target_.shown_name() + reason);
  };
  auto overlaps = [&](const FileIdentity& input) { return identity.overlaps(input); };
  auto mixes = [&](const FileIdentity& output) { return identity.mixes_with(output); };
  if (std::any_of(inputs_.begin(), inputs_.end(), overlaps))
    return refusal(": is the input file, or on the same device: give the output another name");
  if (std::any_of(outputs_.begin(), outputs_.end(), mixes))
    return refusal(": is another output of this command: give it another name");
  if (resembles_input())
    return refusal(
        ": seems to be the input file under another name, since size, times and contents are equal: give "
        "the output another name");
  return {};
}

bool OutputFile::resembles_input() const {
  Descriptor opened;
  if (target_.kind() == OutputTarget::Kind::kRegular)
    opened = open_at(target_.directory(), target_.name(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  FileIdentity identity(target_.file(), opened.valid() ? opened.get() : target_.descriptor());
  return target_.kind() != OutputTarget::Kind::kNothing &&
         std::any_of(inputs_.begin(), inputs_.end(),
                     [&](const FileIdentity& input) { return identity.resembles(input); });
}

// A block device that is in use, by a mount for example, refuses O_EXCL.
Status OutputFile::open_in_place(const Interrupted& interrupted) {
  int flags = O_WRONLY | (S_ISBLK(target_.file().st_mode) ? O_EXCL : 0);
  Status status =
      open_waiting(target_.directory(), target_.name(), flags, target_.shown_name(), interrupted, opened_);
  if (!status.ok()) return status;
  fd_ = opened_.get();
  struct stat file {};
  if (fstat(fd_, &file) == 0 && same_file(file, target_.file())) return {};
  return failure(PAXECT_ERROR_OPEN, target_.shown_name() + ": was replaced while it was opened");
}

Status OutputFile::open_temporary() {
  if (int error = temporary_.create(target_.directory()))
    return open_failure("cannot create a file in its directory", error);
  fd_ = temporary_.fd();
  limit_ = file_size_limit();
  write_back_early_ = target_.kind() == OutputTarget::Kind::kRegular;
  return find_replaced();
}

Status OutputFile::write(const void* data, std::size_t size, const Interrupted& interrupted) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  if (!is_new_file()) return in_place_.write(bytes, size, interrupted);
  if (sparse_) return append_sparse(bytes, size);
  Status status = put(offset_, bytes, size);
  offset_ += size;
  return status;
}

Status OutputFile::put(std::uint64_t offset, const std::uint8_t* data, std::size_t size) {
  if (offset > limit_ || size > limit_ - offset) return write_failure("cannot write", EFBIG);
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
  if (offset_ > limit_) return write_failure("cannot write", EFBIG);
  return ftruncate(fd_, static_cast<off_t>(offset_)) == 0 ? Status{} : write_failure("cannot write", errno);
}

// Opens what will be replaced, to keep its attributes: at first, so that this does not fail after the work;
// and again in commit, since files may have been created, replaced and removed in the meantime.
Status OutputFile::find_replaced() {
  bool changed = false;
  Status status = target_.find_again(changed);
  if (status.ok() && changed) status = check_identity();
  if (!status.ok()) return status;
  if (target_.kind() == OutputTarget::Kind::kNothing) {
    sources_.replaced.reset();
    return find_usual_mode();
  }
  if (!sources_.replaced || changed) {
    replaced_ = open_at(target_.directory(), target_.name(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!replaced_.valid()) replaced_ = open_at(target_.directory(), target_.name(), O_PATH | O_NOFOLLOW);
    if (!replaced_.valid()) return write_failure("cannot replace", errno);
  }
  sources_.replaced.emplace(target_.file(), replaced_.get());
  sources_.replaced_fd = replaced_.get();
  return {};
}

Status OutputFile::find_usual_mode() {
  if (!sources_.inputs.empty() || usual_mode_) return {};
  mode_t mode = 0;
  if (int error = temporary_.find_usual_mode(mode))
    return open_failure("cannot create a file in its directory", error);
  usual_mode_ = mode;
  return {};
}

Status OutputFile::commit(bool sync) {
  if (!is_new_file()) return commit_in_place(sync);
  Status status = set_final_size();
  int error = EEXIST;
  for (int i = 0; status.ok() && error == EEXIST && i < kCommitAttempts; ++i)
    status = try_commit(sync, error);
  if (!status.ok()) return status;
  bool exists = target_.kind() == OutputTarget::Kind::kRegular;
  if (error != 0) return write_failure(exists ? "cannot replace" : "cannot create", error);
  return sync ? flush_directory() : status;
}

// `error` becomes EEXIST when a file was created where none had been. It may be less open than the new file
// was to become, which a hidden name makes accessible, so that its permissions are taken back at once.
Status OutputFile::try_commit(bool sync, int& error) {
  Status status = find_replaced();
  if (status.ok()) status = target_.check_reachable();
  if (!status.ok()) return status;
  lost_.clear();
  set_attributes(fd_, target_.directory_file(), sources_, usual_mode_.value_or(0), lost_);
  if (sync && fsync(fd_) != 0) return write_failure("cannot flush", errno);
  error = temporary_.move_to(target_.name(), target_.kind() == OutputTarget::Kind::kRegular);
  if (error == EEXIST) make_private(fd_);
  return {};
}

Status OutputFile::commit_in_place(bool sync) {
  mode_t mode = target_.file().st_mode;
  if (sync && (S_ISREG(mode) || S_ISBLK(mode)) && fsync(fd_) != 0)
    return write_failure("cannot flush", errno);
  int error = opened_.close();
  return error == 0 ? Status{} : write_failure("cannot write", error);
}

// A directory that may not be read cannot be flushed by itself, but with its file system.
Status OutputFile::flush_directory() const {
  if (fsync(target_.directory()) == 0 || (errno == EBADF && syncfs(fd_) == 0)) return {};
  return write_failure("cannot flush its directory", errno);
}

std::string OutputFile::warning() const {
  if (lost_.empty()) return {};
  std::string text = target_.shown_name() + ": could not keep its ";
  for (const std::string& what : lost_) text += what + (&what == &lost_.back() ? "" : ", ");
  return text;
}

}  // namespace paxect::core

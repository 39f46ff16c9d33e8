#include "records/relay_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <charconv>
#include <csignal>

#include "base/filesystem.h"

namespace paxect::link {
namespace {

constexpr std::string_view kMark = "paxect link";

enum class Locked { kYes, kByAnother, kImpossible };

Locked lock_by_flock(int fd) {
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return Locked::kYes;
  return errno == EWOULDBLOCK ? Locked::kByAnother : Locked::kImpossible;
}

// `errno` is that of fcntl(2) where neither works.
Locked lock_both_ways(int fd) {
  const Locked first = lock_by_flock(fd);
  if (first == Locked::kByAnother) return first;
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (fcntl(fd, F_OFD_SETLK, &whole) == 0) return Locked::kYes;
  return errno == EAGAIN || errno == EACCES ? Locked::kByAnother : first;
}

Status no_locks(const std::string& path, int error) {
  return Status::environment(io_failure("lock", path, error).message +
                             ": two relays on one inbox would not see each other; put the lock on a local "
                             "disk, or set locks = off where only one can run");
}

struct Owner {
  long pid = 0;  // 0: none named
  bool ours = false;
};

Owner read_owner(int fd) {
  Owner owner;
  std::string text(128, '\0');
  ssize_t got = pread(fd, text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), owner.pid);
  if (error != std::errc() || owner.pid < 0) owner.pid = 0;
  owner.ours = text.find(kMark) != std::string::npos;
  return owner;
}

bool is_alive(long pid) { return pid > 0 && (kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM); }

// Whether the path leads to the file that is open here.
bool has_name(int fd, const std::string& path) {
  FileIdentity there;
  FileIdentity here = stat_fd(fd).identity;
  return identity_of(path, &there) && there.inode == here.inode && there.device == here.device;
}

Status held(const std::string& path, long pid) {
  std::string by = pid == getpid() ? " by another section of this process"
                   : pid > 0       ? " by process " + std::to_string(pid)
                                   : "";
  return Status::wait("lock_held", "lock " + path + " is held" + by +
                                       ": stop that one, or give this one a lock of its own (key lock)");
}

}  // namespace

Status RelayLock::acquire(const std::string& path, std::string* stale) {
  stale->clear();
  for (;;) {
    UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnFileMode));
    if (!fd) return io_failure("open lock", path, errno);
    Owner owner = read_owner(fd.get());
    const Locked locked = lock_both_ways(fd.get());
    if (locked == Locked::kByAnother) return held(path, owner.pid);
    if (locked == Locked::kImpossible && if_none_ == IfNone::kFail) return no_locks(path, errno);
    // The owner before us may have removed the file between our open and our lock.
    if (!has_name(fd.get(), path)) continue;
    if (!owner.ours && owner.pid != getpid() && is_alive(owner.pid)) return held(path, owner.pid);
    if (owner.pid > 0)
      *stale = "took over " + path + " from process " + std::to_string(owner.pid) + ", which is dead";
    std::string mine = std::to_string(getpid()) + "\n" + std::string(kMark) + "\n";
    if (ftruncate(fd.get(), 0) != 0) return io_failure("write lock", path, errno);
    if (Status status = write_all(fd.get(), mine.data(), mine.size(), path); !status.ok()) return status;
    fd_ = std::move(fd);
    path_ = path;
    return Status::success();
  }
}

Status RelayLock::acquire_directory(const Directory& directory) {
  UniqueFd fd(openat(directory.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return io_failure("open directory", directory.path(), errno);
  FileIdentity now = stat_fd(fd.get()).identity;
  FileIdentity before = directory_ ? stat_fd(directory_.get()).identity : FileIdentity{};
  if (directory_ && now.inode == before.inode && now.device == before.device) return Status::success();
  const Locked locked = lock_by_flock(fd.get());
  if (locked == Locked::kByAnother)
    return Status::wait("lock_held", "another relay works in the inbox " + directory.path() +
                                         ": stop that one, or give this one an inbox of its own");
  if (locked == Locked::kImpossible && if_none_ == IfNone::kFail) return no_locks(directory.path(), errno);
  directory_ = std::move(fd);
  return Status::success();
}

Status RelayLock::keep() {
  if (!fd_ || has_name(fd_.get(), path_)) return Status::success();
  std::string stale;
  RelayLock again;
  again.set_if_none(if_none_);
  if (Status status = again.acquire(path_, &stale); !status.ok()) return status;
  fd_ = std::move(again.fd_);
  return Status::success();
}

void RelayLock::release() {
  directory_.reset();
  if (!fd_) return;
  // Somebody may have removed it, and another relay made its own.
  if (has_name(fd_.get(), path_)) unlink(path_.c_str());
  fd_.reset();
}

long RelayLock::holder(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return 0;
  Owner owner = read_owner(fd.get());
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (fcntl(fd.get(), F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK)
    return owner.pid > 0 ? owner.pid : -1;
  return !owner.ours && is_alive(owner.pid) ? owner.pid : 0;
}

}  // namespace paxect::link

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

bool lock_both_ways(int fd) {
  if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return fcntl(fd, F_OFD_SETLK, &whole) == 0 || (errno != EAGAIN && errno != EACCES);
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
  FileIdentity here = look_at(fd).identity;
  return identity_of(path, &there) && there.inode == here.inode && there.device == here.device;
}

Status held(const std::string& path, long pid) {
  std::string by = pid > 0 ? " by process " + std::to_string(pid) : "";
  return Status::failure(
      Fault::kWait, "lock_held",
      "lock " + path + " is held" + by + ": stop that one, or give this one a lock of its own (key lock)");
}

}  // namespace

Status RelayLock::acquire(const std::string& path, std::string* stale) {
  stale->clear();
  for (;;) {
    UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnFileMode));
    if (!fd) return io_failure("open lock", path, errno);
    Owner owner = read_owner(fd.get());
    if (!lock_both_ways(fd.get())) return held(path, owner.pid);
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

void RelayLock::release() {
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

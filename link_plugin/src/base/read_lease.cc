#include "base/read_lease.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace paxect::link {
namespace {

// PROC_USER_INIT_INO of the kernel, the inode of the first user namespace.
constexpr ino_t kFirstUserNamespace = 0xeffffffd;

}  // namespace

Lease take_lease(const Directory& folder, int fd) {
  if (!folder.is_local()) return Lease::kUnavailable;
  // Until the owner is removed below, a break sends a signal. SIGURG is ignored unless the host wants it; the
  // default, SIGIO, would end the process.
  if (fcntl(fd, F_SETSIG, SIGURG) != 0) return Lease::kUnavailable;
  if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0)
    return errno == EAGAIN ? Lease::kOpenForWriting : Lease::kUnavailable;
  fcntl(fd, F_SETOWN, 0);
  return Lease::kGranted;
}

bool is_lease_broken(int fd) { return fcntl(fd, F_GETLEASE) != F_RDLCK; }

void give_back_lease(int fd) { fcntl(fd, F_SETLEASE, F_UNLCK); }

bool may_lease_every_file() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (syscall(SYS_capget, &header, sets.data()) != 0) return false;
  if ((sets[CAP_TO_INDEX(CAP_LEASE)].effective & CAP_TO_MASK(CAP_LEASE)) == 0) return false;
  static const bool is_first_namespace = [] {
    struct stat info {};
    return stat("/proc/self/ns/user", &info) == 0 && info.st_ino == kFirstUserNamespace;
  }();
  return is_first_namespace;
}

bool may_lease(const Directory& folder, const std::string& name) {
  if (!folder.is_local() || folder.may_lease_every_file()) return folder.is_local();
  struct stat info {};
  return fstatat(folder.fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && info.st_uid == geteuid();
}

Status open_for_writing(const std::string& path) {
  return Status::open_for_writing(path + " is open for writing");
}

bool is_open_for_writing(const Directory& folder, const std::string& name) {
  UniqueFd fd;
  FileIdentity identity;
  return folder.is_local() && folder.open_source(name, &fd, &identity).ok() &&
         take_lease(folder, fd.get()) == Lease::kOpenForWriting;
}

}  // namespace paxect::link

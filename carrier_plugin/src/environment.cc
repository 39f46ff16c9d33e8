#include "environment.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

namespace paxect::carrier {

bool is_environment(const Status& status) {
  switch (status.error()) {
    case EIO:
    case ENOSPC:
    case EDQUOT:
    case EROFS:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
    case EINTR:
    case EBUSY:
    case ENOLCK:
    case ENODEV:
    case ENXIO:
    case ESTALE:
    case EREMOTEIO:
    case EHOSTDOWN:
    case ENOTCONN:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

Status check_room(const std::string& path) {
  struct statvfs info {};
  if (statvfs(path.c_str(), &info) != 0) return Status::system("cannot stat the file system of " + path);
  const bool is_root = geteuid() == 0;
  const auto blocks = is_root ? info.f_bfree : info.f_bavail;
  const auto inodes = is_root ? info.f_ffree : info.f_favail;
  // One that does not count inodes has 0 of 0.
  if (blocks > 0 && (inodes > 0 || info.f_files == 0)) return Status::success();
  return Status::system("cannot write to " + path, ENOSPC);
}

}  // namespace paxect::carrier

#include "environment.h"

#include <sys/stat.h>

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

// One that does not count its blocks or inodes has 0 of 0.
bool has_room(const struct statvfs& info, bool is_root) {
  const auto blocks = is_root ? info.f_bfree : info.f_bavail;
  const auto inodes = is_root ? info.f_ffree : info.f_favail;
  return (blocks > 0 || info.f_blocks == 0) && (inodes > 0 || info.f_files == 0);
}

// Who runs the command may be root, while the carrier is not: it is the owner of its directory that writes.
Status check_room(const std::string& path) {
  struct statvfs info {};
  struct stat owner {};
  if (statvfs(path.c_str(), &info) != 0 || stat(path.c_str(), &owner) != 0)
    return Status::system("cannot stat the file system of " + path);
  return has_room(info, owner.st_uid == 0) ? Status::success()
                                           : Status::system("cannot write to " + path, ENOSPC);
}

}  // namespace paxect::carrier

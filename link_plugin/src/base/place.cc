#include "base/place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/place_marker.h"
#include "base/token.h"

namespace paxect::link {
namespace {

bool is_link(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
}

// Shares the marker that is there, or makes one where that is possible.
Status identify(const Directory& directory, std::string* token) {
  Status status = read_marker(directory, token);
  if (!status.ok() || !token->empty()) return status;
  *token = make_token();
  status = make_marker(directory, token);
  // A failure that passes must not give the place another identity than the one that it has tomorrow.
  if (status.ok() || faccessat(directory.fd(), ".", W_OK, AT_EACCESS) == 0) return status;
  *token = derived_token(directory);
  return Status::success();
}

}  // namespace

Status Place::open(const std::string& path) {
  Directory directory;
  if (Status status = Directory::open(path, &directory); !status.ok()) return status;
  if (Status status = identify(directory, &token_); !status.ok()) return status;
  path_ = path;
  was_link_ = is_link(path);
  was_mount_ = directory.is_mount_point();
  directory_ = std::make_shared<const Directory>(std::move(directory));
  return Status::success();
}

Status Place::check(bool* replaced) {
  *replaced = false;
  if (directory_->is_in_place()) return Status::success();
  if (is_link(path_) && !was_link_)
    return Status::environment(path_ + " was a directory and is a symbolic link now: put a directory there");
  Directory directory;
  if (Status status = Directory::open(path_, &directory); !status.ok()) return status;
  if (was_mount_ && !directory.is_mount_point())
    return Status::environment(path_ + " was a mounted file system and is not mounted now: mount it again");
  if (Status status = identify(directory, &token_); !status.ok()) return status;
  directory_ = std::make_shared<const Directory>(std::move(directory));
  *replaced = true;
  return Status::success();
}

}  // namespace paxect::link

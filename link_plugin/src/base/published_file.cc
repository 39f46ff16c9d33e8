#include "base/published_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel follows

// Makes the path of a symbolic link the path that the link leads to.
Status read_link(std::string* path) {
  std::array<char, PATH_MAX> buffer;
  ssize_t size = readlink(path->c_str(), buffer.data(), buffer.size());
  if (size < 0) return io_failure("read link", *path, errno);
  const std::string target(buffer.data(), static_cast<std::size_t>(size));
  *path = target.starts_with('/') ? target : join(directory_name(*path), target);
  return Status::success();
}

}  // namespace

Status find_published_file(const std::string& path, std::string* end) {
  *end = path;
  for (int links = 0; links < kMaxLinks; ++links) {
    struct stat info {};
    if (lstat(end->c_str(), &info) != 0)
      return errno == ENOENT ? Status::success() : io_failure("stat", *end, errno);
    if (S_ISREG(info.st_mode)) return Status::success();
    if (!S_ISLNK(info.st_mode))
      return Status::environment(*end + " is not a regular file and is not replaced: give another path");
    if (info.st_uid != geteuid() && info.st_uid != 0)
      return Status::environment(*end + " is a symbolic link of another user (uid " +
                                 std::to_string(info.st_uid) + ") and is not followed: remove it");
    if (Status status = read_link(end); !status.ok()) return status;
  }
  return io_failure("follow", path, ELOOP);
}

Status publish_file(const std::string& path, std::string_view contents, Durable durable, unsigned mode) {
  std::string end;
  if (Status status = find_published_file(path, &end); !status.ok()) return status;
  return replace_file(end, contents, durable, mode);
}

}  // namespace paxect::link

#include "settings/key_exposure.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "base/relay_paths.h"
#include "base/unique_fd.h"

namespace paxect::link {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel follows

// Whoever can write a key, or its folder, or is their owner and so can make them writable, decides whose
// lists are verified. `*exposure` keeps what was found before.
Status judge(int fd, const std::string& path, uid_t user, std::string* exposure) {
  if (!exposure->empty()) return Status::success();
  struct stat info {};
  if (fstat(fd, &info) != 0) return io_failure("stat", path, errno);
  const auto found = [&](const std::string& who, const std::string& remedy) {
    *exposure =
        path + ": " + who + " can write it, and so pin a key: " + remedy + " it, and compare the keys in it";
  };
  if (info.st_uid != 0 && info.st_uid != user)
    found("its owner, user " + std::to_string(info.st_uid) + ",",
          user == 0 ? "chown root" : "chown root, or user " + std::to_string(user) + ",");
  else if ((info.st_mode & S_IWOTH) != 0)
    found("every user", "chmod go-w");
  else if ((info.st_mode & S_IWGRP) != 0)
    found("its group", "chmod go-w");
  return Status::success();
}

std::string take_first_name(std::string* path) {
  path->erase(0, std::min(path->find_first_not_of('/'), path->size()));
  const std::string name = path->substr(0, path->find('/'));
  path->erase(0, name.size());
  path->erase(0, std::min(path->find_first_not_of('/'), path->size()));
  return name;
}

Status read_link(int fd, const std::string& path, std::string* out) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = readlinkat(fd, "", target.data(), target.size());
  if (size < 0) return io_failure("read link", path, errno);
  out->assign(target.data(), static_cast<std::size_t>(size));
  return Status::success();
}

Status read_text(int fd, const std::string& path, std::size_t limit, std::string* out) {
  if (stat_fd(fd).kind != FileKind::kRegular) return Status::invalid(path + " is not a regular file");
  std::string text(limit + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_failure("read", path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > limit)
    return Status::invalid(path + " is larger than " + std::to_string(limit) +
                           " bytes: too large for what it should be");
  out->assign(text, 0, size);
  return Status::success();
}

}  // namespace

// Goes name by name. A folder is judged when it has the file itself or a link that is followed: there the way
// can be changed.
Status read_judged(const Directory& folder, const std::string& name, std::size_t limit, uid_t user,
                   std::string* text, std::string* exposure) {
  constexpr int kHold = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  exposure->clear();
  UniqueFd at(openat(folder.fd(), ".", kHold));
  if (!at) return io_failure("open directory", folder.path(), errno);
  std::string where = folder.path();
  std::string rest = name;
  for (int links = 0;;) {
    const std::string part = take_first_name(&rest);
    const std::string path = join(where, part);
    UniqueFd next(openat(at.get(), part.c_str(), kHold));
    if (!next) return io_failure("open", path, errno);
    const FileStat observed = stat_fd(next.get());
    if (observed.kind == FileKind::kUnknown) return io_failure("stat", path, observed.error);
    const bool is_link = observed.kind == FileKind::kSymlink;
    if (!is_link && !rest.empty()) {
      at = std::move(next);
      where = path;
      continue;
    }
    if (Status status = judge(at.get(), where, user, exposure); !status.ok()) return status;
    if (!is_link && observed.kind != FileKind::kRegular)
      return Status::invalid(path + " is not a regular file");
    if (!is_link) {
      next.reset(openat(at.get(), part.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
      if (!next) return io_failure("open", path, errno);
      Status status = judge(next.get(), path, user, exposure);
      return status.ok() ? read_text(next.get(), path, limit, text) : status;
    }
    if (++links > kMaxLinks) return io_failure("open", path, ELOOP);
    std::string target;
    if (Status status = read_link(next.get(), path, &target); !status.ok()) return status;
    if (target.starts_with('/')) {
      at.reset(open("/", kHold));
      if (!at) return io_failure("open directory", "/", errno);
      where = "/";
    }
    rest = rest.empty() ? target : target + "/" + rest;
  }
}

}  // namespace paxect::link

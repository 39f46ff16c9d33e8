#include "folder_scan.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "names.h"
#include "unique_fd.h"

namespace paxect::carrier {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
constexpr std::size_t kMaxDepth = 64;
// In the root of a file system, root's alone: it has what a check of the file system found, under other
// names.
constexpr char kLostAndFound[] = "lost+found";

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

// Whether somebody may miss it who does not know that hidden names are passed over: a folder, or a file that
// would be a container or list without its dots. Those of link and the carrier are nobody's.
bool is_missed(int directory, const std::string& name) {
  if (name.starts_with(".paxect")) return false;
  const FileKind kind = kind_of("x" + name);  // what it would be if it were not hidden
  struct stat info {};
  if (fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return false;
  return S_ISDIR(info.st_mode) ||
         (S_ISREG(info.st_mode) && (kind == FileKind::kContainer || kind == FileKind::kStatement));
}

}  // namespace

FileIdentity identity_from(const struct stat& info) {
  return {.device = info.st_dev,
          .inode = info.st_ino,
          .size = static_cast<std::uint64_t>(info.st_size),
          .mtime_ns = nanoseconds(info.st_mtim),
          .ctime_ns = nanoseconds(info.st_ctim)};
}

bool identity_of(int fd, FileIdentity* out) {
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return false;
  *out = identity_from(info);
  return true;
}

Status FolderScan::below(int directory, const std::string& prefix, std::set<std::string>* hidden,
                         const std::function<bool(FolderEntry)>& each, Unread* unread, bool* go_on) const {
  const bool only_ours = hidden == nullptr;
  const int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(copy < 0 ? nullptr : fdopendir(copy), closedir);
  if (stream == nullptr) return Status::system("cannot read " + path_ + "/" + prefix);
  const std::size_t depth = static_cast<std::size_t>(std::count(prefix.begin(), prefix.end(), '/'));
  std::string job;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    const bool is_ours = is_temporary(name, &job) || !name_of_leaving(name).empty();
    if (name == "." || name == "..") continue;
    if (name.front() == '.' && !(only_ours && is_ours)) {
      if (!only_ours && hidden->size() < kMaxHidden && is_missed(dirfd(stream.get()), name))
        hidden->insert(prefix + name);
      continue;
    }
    struct stat info {};
    if (fstatat(dirfd(stream.get()), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      return Status::system("cannot stat " + path_ + "/" + prefix + name);
    }
    const bool is_regular = S_ISREG(info.st_mode);
    if (!S_ISDIR(info.st_mode) && (only_ours ? is_ours && is_regular : true))
      *go_on = each({prefix + name, identity_from(info), is_regular});
    if (S_ISDIR(info.st_mode) && depth >= kMaxDepth && !only_ours)
      unread->emplace(prefix + name,
                      Status::failure("cannot read " + path_ + "/" + prefix + name + ": it is more than " +
                                      std::to_string(kMaxDepth) + " folders deep: move it up"));
    if (S_ISDIR(info.st_mode) && depth < kMaxDepth) {
      const UniqueFd opened(openat(dirfd(stream.get()), name.c_str(), kDirectoryFlags));
      if (!opened.valid() && errno == ENOENT) continue;
      if (!opened.valid() && errno == EACCES && prefix.empty() && name == kLostAndFound) continue;
      const Status status = opened.valid()
                                ? below(opened.get(), prefix + name + "/", hidden, each, unread, go_on)
                                : Status::system("cannot read " + path_ + "/" + prefix + name);
      if (!status.ok()) unread->emplace(prefix + name, status);
    }
    if (!*go_on) return Status::success();
  }
  return errno == 0 ? Status::success() : Status::system("cannot read " + path_ + "/" + prefix);
}

Status FolderScan::all(const std::function<bool(FolderEntry)>& each, Unread* unread,
                       std::set<std::string>* hidden) const {
  bool go_on = true;
  return below(root_, "", hidden, each, unread, &go_on);
}

Status FolderScan::ours(const std::function<bool(FolderEntry)>& each) const {
  bool go_on = true;
  Unread unread;
  const Status status = below(root_, "", nullptr, each, &unread, &go_on);
  return status.ok() && !unread.empty() ? unread.begin()->second : status;
}

}  // namespace paxect::carrier

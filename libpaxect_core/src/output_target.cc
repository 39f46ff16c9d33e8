#include "output_target.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <utility>

namespace paxect::core {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel

struct SplitPath {
  std::string directory;
  std::string name;
};

SplitPath split(const std::string& path) {
  std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// The directory of a file. For reading, so that it can be flushed; where that is not permitted, without.
Descriptor open_directory(int from, const std::string& path) {
  Descriptor directory = open_at(from, path, O_RDONLY | O_DIRECTORY);
  if (!directory.valid() && errno == EACCES) directory = open_at(from, path, O_PATH | O_DIRECTORY);
  return directory;
}

std::string read_link(int directory, const std::string& name) {
  std::array<char, PATH_MAX> target;
  ssize_t size = readlinkat(directory, name.c_str(), target.data(), target.size());
  return {target.data(), size < 0 ? 0 : static_cast<std::size_t>(size)};
}

bool is_in_proc(int directory) {
  struct statfs system {};
  return fstatfs(directory, &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

// Whether it is the folder in /proc of this process's own descriptors.
bool holds_own_descriptors(int directory) {
  std::string own = "/proc/" + read_link(AT_FDCWD, "/proc/self");
  std::string path = read_link(AT_FDCWD, "/proc/self/fd/" + std::to_string(directory));
  return path == own + "/fd" || (path.starts_with(own + "/task/") && path.ends_with("/fd"));
}

// Whether the process may replace the files of other users in a sticky directory.
bool has_owner_capability() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return geteuid() == 0;
  return (data[0].effective & (1u << CAP_FOWNER)) != 0;
}

// Whether the kernel follows the links to a file too: it does not follow those of others in /tmp.
bool is_permitted(int start, const std::string& path) {
  struct stat file {};
  return fstatat(start, path.c_str(), &file, 0) == 0;
}

// The STATX_ATTR_* bits of a file.
std::uint64_t special_attributes(int directory, const char* name, int flags) {
  struct statx file {};
  return statx(directory, name, flags, 0, &file) == 0 ? file.stx_attributes & file.stx_attributes_mask : 0;
}

}  // namespace

Status OutputTarget::refusal(const char* reason) const {
  return failure(PAXECT_ERROR_OPEN, shown_name_ + ": " + reason);
}

Status OutputTarget::find(const std::string& path) {
  shown_name_ = shown_output(path);
  if (path == "-") return find_descriptor(STDOUT_FILENO);
  if (!path.starts_with('/')) start_ = open_at(AT_FDCWD, ".", O_PATH | O_DIRECTORY);
  Status status = follow(path, start_.valid() ? start_.get() : AT_FDCWD);
  if (status.ok() && kind_ == Kind::kRegular) status = check_replaceable();
  if (status.ok() && kind_ != Kind::kDescriptor && kind_ != Kind::kNothing) status = check_not_planted();
  if (status.ok() && kind_ == Kind::kRegular) first_owner_ = file_.st_uid;
  return status;
}

FileIdentity OutputTarget::identity() const {
  if (kind_ == Kind::kNothing) return {directory_file_, name_};
  return {file_, descriptor_};
}

Status OutputTarget::find_descriptor(int fd) {
  kind_ = Kind::kDescriptor;
  descriptor_ = fd;
  Status status = check_descriptor(fd, Direction::kWriting, shown_name_);
  if (status.ok() && fstat(fd, &file_) != 0)
    status = system_failure(PAXECT_ERROR_OPEN, shown_name_, "cannot open", errno);
  return status;
}

Status OutputTarget::follow(const std::string& path, int start) {
  std::string at = path;
  Descriptor from;
  for (int links = 0;; ++links) {
    if (std::optional<int> fd = descriptor_named(at)) return find_descriptor(*fd);
    auto [directory, name] = split(at);
    directory_ = open_directory(from.valid() ? from.get() : start, directory);
    if (!directory_.valid() || fstat(directory_.get(), &directory_file_) != 0 || path.empty())
      return system_failure(PAXECT_ERROR_OPEN, shown_name_, "cannot create", path.empty() ? ENOENT : errno);
    name_ = name;
    if (name_.empty() || name_ == "." || name_ == "..") return refusal("is a directory");
    bool exists = fstatat(directory_.get(), name_.c_str(), &file_, AT_SYMLINK_NOFOLLOW) == 0;
    if (!exists && errno != ENOENT)
      return system_failure(PAXECT_ERROR_OPEN, shown_name_, "cannot open", errno);
    if (!exists && links != 0) return refusal("is a symbolic link to nothing: remove it first");
    if (!exists) return {};
    if (links != 0 && !is_permitted(start, path))
      return system_failure(PAXECT_ERROR_OPEN, shown_name_, "cannot open", errno);
    if (!S_ISLNK(file_.st_mode)) return classify();
    if (is_in_proc(directory_.get())) return classify_link_of_proc();
    if (links == kMaxLinks) return system_failure(PAXECT_ERROR_OPEN, shown_name_, "cannot open", ELOOP);
    at = read_link(directory_.get(), name_);
    from = std::move(directory_);
  }
}

Status OutputTarget::find_again(bool& changed) {
  struct stat now {};
  changed = false;
  if (fstatat(directory_.get(), name_.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) return system_failure(PAXECT_ERROR_WRITE, shown_name_, "cannot replace", errno);
    kind_ = Kind::kNothing;
    return {};
  }
  if (!S_ISREG(now.st_mode))
    return failure(PAXECT_ERROR_WRITE, shown_name_ +
                                           ": became something other than a regular file during the work: "
                                           "give the output another name");
  changed = kind_ != Kind::kRegular || !same_file(now, file_);
  kind_ = Kind::kRegular;
  file_ = now;
  if (!changed) return {};
  if (now.st_uid != geteuid() && now.st_uid != first_owner_)
    return failure(PAXECT_ERROR_WRITE, shown_name_ +
                                           ": was created by another user during the work: give the output "
                                           "another name");
  Status status = check_replaceable();
  return status.ok() ? check_not_planted() : status;
}

// What exists under the name is not examined here. A link that leads nowhere leads to the name where its file
// was.
Status OutputTarget::check_reachable() const {
  OutputTarget now;
  struct stat opened {};
  static_cast<void>(now.follow(shown_name_, start_.valid() ? start_.get() : AT_FDCWD));
  bool same = now.directory_.valid() && now.name_ == name_ && fstat(directory(), &opened) == 0 &&
              same_file(now.directory_file_, opened);
  if (same) return {};
  return failure(PAXECT_ERROR_WRITE,
                 shown_name_ +
                     ": its directory was moved, replaced or removed during the work: give "
                     "the output again");
}

Status OutputTarget::classify() {
  switch (file_.st_mode & S_IFMT) {
    case S_IFREG:
      kind_ = Kind::kRegular;
      return {};
    case S_IFDIR:
      return refusal("is a directory");
    case S_IFSOCK:
      return refusal("is a socket");
    default:
      kind_ = Kind::kInPlace;
      return {};
  }
}

// A link in /proc does not lead to a name but to what a process has open.
Status OutputTarget::classify_link_of_proc() {
  if (holds_own_descriptors(directory_.get()))
    if (std::optional<int> fd = descriptor_named("/dev/fd/" + name_)) return find_descriptor(*fd);
  if (fstatat(directory_.get(), name_.c_str(), &file_, 0) != 0)
    return system_failure(PAXECT_ERROR_OPEN, shown_name_, "cannot open", errno);
  if (S_ISREG(file_.st_mode))
    return refusal("is a file that another process has open: give the file's own name");
  return classify();
}

// In a directory like /tmp anyone can create the output's name first, to become the owner of the output or to
// read it from a FIFO. The rule is that of the kernel for O_CREAT (fs.protected_regular, fs.protected_fifos).
Status OutputTarget::check_not_planted() const {
  bool shared =
      (directory_file_.st_mode & S_ISVTX) != 0 && (directory_file_.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  bool other = file_.st_uid != geteuid() && file_.st_uid != directory_file_.st_uid;
  bool plantable = S_ISREG(file_.st_mode) || S_ISFIFO(file_.st_mode);
  if (!shared || !other || !plantable) return {};
  return refusal(
      "belongs to another user, in a sticky directory that others can write to: give the output another "
      "name");
}

// What would make the replacement fail only when all the work is done.
Status OutputTarget::check_replaceable() const {
  if (faccessat(directory_.get(), name_.c_str(), W_OK, AT_EACCESS) != 0)
    return system_failure(PAXECT_ERROR_OPEN, shown_name_, "cannot write", errno);
  uid_t user = geteuid();
  if ((directory_file_.st_mode & S_ISVTX) != 0 && user != file_.st_uid && user != directory_file_.st_uid &&
      !has_owner_capability())
    return refusal("cannot be replaced: it belongs to another user, and its directory is sticky");
  std::uint64_t file = special_attributes(directory_.get(), name_.c_str(), AT_SYMLINK_NOFOLLOW);
  std::uint64_t directory = special_attributes(directory_.get(), "", AT_EMPTY_PATH);
  if ((file & STATX_ATTR_MOUNT_ROOT) != 0)
    return refusal("cannot be replaced: it is a mount point; write to standard output instead");
  if (((file | directory) & STATX_ATTR_APPEND) != 0)
    return refusal("cannot be replaced: it, or its directory, is append-only");
  return {};
}

}  // namespace paxect::core

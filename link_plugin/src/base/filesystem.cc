#include "base/filesystem.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <boost/filesystem/path.hpp>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>
#include <tuple>

#include "base/file_system_type.h"
#include "base/read_lease.h"
#include "base/relay_paths.h"
#include "base/shell_word.h"

namespace paxect::link {
namespace {

constexpr mode_t kDirectoryMode = 0777;  // before the umask is applied
constexpr int kReadFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;

std::int64_t nanoseconds(const timespec& time) {
  // Unsigned, since the product may need more than 64 bits: different times still give different results.
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
                                   static_cast<std::uint64_t>(time.tv_nsec));
}

FileKind kind_of(mode_t mode) {
  return S_ISREG(mode)   ? FileKind::kRegular
         : S_ISDIR(mode) ? FileKind::kDirectory
         : S_ISLNK(mode) ? FileKind::kSymlink
                         : FileKind::kOther;
}

FileStat stat_from(const struct stat& info) {
  FileStat observed;
  observed.identity = {info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size),
                       nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)};
  observed.links = info.st_nlink;
  observed.kind = kind_of(info.st_mode);
  return observed;
}

std::int64_t nanoseconds(const statx_timestamp& time) {
  return nanoseconds(timespec{static_cast<time_t>(time.tv_sec), static_cast<long>(time.tv_nsec)});
}

FileStat stat_from(const struct statx& info) {
  FileStat observed;
  observed.identity = {makedev(info.stx_dev_major, info.stx_dev_minor), info.stx_ino, info.stx_size,
                       nanoseconds(info.stx_mtime), nanoseconds(info.stx_ctime)};
  observed.links = info.stx_nlink;
  observed.kind = kind_of(info.stx_mode);
  return observed;
}

bool is_local_directory(int fd) {
  std::uint64_t magic = 0;
  return file_system_magic(fd, &magic) && is_local(magic);
}

// `size` is what fstat(2) returned: where that many bytes were read, no further call looks for the end. The
// size of some files, such as those of /proc, is 0 whatever they contain.
Status read_all(int fd, std::uint64_t size, std::size_t limit, const std::string& path, std::string* out) {
  constexpr std::uint64_t kPiece = 65536;
  out->clear();
  std::string buffer(size == 0 ? kPiece : std::min(size, kPiece), '\0');
  while (size == 0 || out->size() < size) {
    ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_failure("read", path, errno);
    if (got == 0) return Status::success();
    if (out->size() + static_cast<std::size_t>(got) > limit)
      return Status::refused("read_error", path + " is larger than " + std::to_string(limit) +
                                               " bytes: too large for what it should be");
    out->append(buffer.data(), static_cast<std::size_t>(got));
  }
  return Status::success();
}

// A file of ours that nobody holds open any more, or that is gone already.
bool is_abandoned(int directory, const char* name) {
  UniqueFd fd(openat(directory, name, kReadFlags));
  if (!fd) return errno == ENOENT;
  return stat_fd(fd.get()).kind == FileKind::kRegular && flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
}

// What an operator can do about a failed call, "" where the error says it or nothing general helps.
std::string remedy_of_error(int error) {
  switch (error) {
    case EACCES:
      return "the user " + std::to_string(geteuid()) +
             " of this process may not: change owner, mode or ACL of it or of the folders above";
    case EPERM:
      return "the file system refuses it to the user " + std::to_string(geteuid()) +
             ": it may be immutable (lsattr), or of another user in a sticky folder";
    case EROFS:
      return "it is mounted read-only: mount it for writing";
    case ENOSPC:
      return "make room there; no inodes may be left either (df -i)";
    case EDQUOT:
      return "the quota of the user or the project is used up: make room there or raise it";
    case EFBIG:
      return "the file system, or the file size limit of the process (ulimit -f), allows no file of this "
             "size: lower max_file_mb in the policy, or use another file system";
    default:
      return "";
  }
}

std::string io_message(std::string_view what, std::string_view path, int error) {
  const std::string remedy = remedy_of_error(error);
  return "cannot " + std::string(what) + " " + std::string(path) + ": " +
         std::generic_category().message(error) + (remedy.empty() ? "" : ": " + remedy);
}

// A new name that could not be had. FAT, exFAT and NTFS refuse some names; the same error can mean that the
// kernel's call for a rename without replacing is missing.
Status name_failure(std::string_view what, std::string_view path, int error) {
  Status status = io_failure(what, path, error);
  if (error == EINVAL || error == EILSEQ)
    status.message += ": the file system does not allow this name: rename the source (paxect link doctor " +
                      shell_word(directory_name(path)) + " reports the names that it refuses)";
  return status;
}

// No file has a name that is too long to be one.
bool is_missing(int error) { return error == ENOENT || error == ENAMETOOLONG; }

// As Directory::open_source() and read_small(), of a name in a directory that may be held by O_PATH.
Status open_regular(int directory, const std::string& name, const std::string& path, UniqueFd* out,
                    FileIdentity* identity) {
  UniqueFd fd(openat(directory, name.c_str(), kReadFlags));
  if (!fd) {
    if (errno == ELOOP || errno == ENXIO)
      return Status::changed("read_error", io_message("open", path, errno));
    return io_failure_or_gone("open", path, errno, is_missing(errno));
  }
  FileStat observed = stat_fd(fd.get());
  if (observed.kind == FileKind::kUnknown) return io_failure("stat", path, observed.error);
  if (observed.kind != FileKind::kRegular)
    return Status::changed("skipped", path + " is not a regular file any more");
  *identity = observed.identity;
  *out = std::move(fd);
  return Status::success();
}

Status read_small_at(int directory, const std::string& name, const std::string& path, std::size_t limit,
                     std::string* out, FileIdentity* identity) {
  struct stat info {};
  // Whatever else is wrong the open says.
  if (fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(info.st_mode))
    return Status::changed("read_error", path + " is not a regular file" +
                                             (S_ISLNK(info.st_mode) ? ", and the link is not followed" : ""));
  UniqueFd fd;
  FileIdentity found;
  if (Status status = open_regular(directory, name, path, &fd, &found); !status.ok()) return status;
  if (identity != nullptr) *identity = found;
  return read_all(fd.get(), found.size, limit, path, out);
}

// Whether both names are of one file.
bool is_same_file(int directory, const char* name, int other_directory, const char* other) {
  struct stat one {};
  struct stat two {};
  return fstatat(directory, name, &one, AT_SYMLINK_NOFOLLOW) == 0 &&
         fstatat(other_directory, other, &two, AT_SYMLINK_NOFOLLOW) == 0 && one.st_dev == two.st_dev &&
         one.st_ino == two.st_ino;
}

// rename without replacing where the file system has no such thing (NFS): a hard link is as exclusive. A
// crash between the two steps leaves both names on one file; recovery knows that by its link count.
int rename_by_link(int from_directory, const char* from, int to_directory, const char* to) {
  if (linkat(from_directory, from, to_directory, to, 0) != 0) return errno;
  if (unlinkat(from_directory, from, 0) == 0) return 0;
  // The old name stays: the new one is taken back. Where that is too late, because somebody has taken the
  // file, or where it cannot be done, the file has its new name and the old one is a leftover.
  int error = errno;
  bool undone = is_same_file(from_directory, from, to_directory, to) && unlinkat(to_directory, to, 0) == 0;
  return undone ? error : 0;
}

}  // namespace

FileStat stat_fd(int fd) {
  struct stat info {};
  if (fstat(fd, &info) == 0) return stat_from(info);
  FileStat observed;
  observed.error = errno;
  return observed;
}

bool is_one_file(const FileStat& one, const FileStat& other) {
  return one.kind == other.kind && one.kind != FileKind::kMissing && one.kind != FileKind::kUnknown &&
         one.identity.device == other.identity.device && one.identity.inode == other.identity.inode;
}

Status io_failure(std::string_view what, std::string_view path, int error) {
  return Status::environment(io_message(what, path, error));
}

Status io_failure_or_gone(std::string_view what, std::string_view path, int error, bool gone) {
  return gone ? Status::gone(io_message(what, path, error)) : io_failure(what, path, error);
}

// ---- Directory -----------------------------------------------------------------------------------------

Status Directory::open(const std::string& path, Directory* out) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return io_failure("open directory", path, errno);
  FileStat observed = stat_fd(fd.get());
  if (observed.kind != FileKind::kDirectory) return io_failure("stat", path, observed.error);
  out->fd_ = std::move(fd);
  out->path_ = path;
  out->device_ = observed.identity.device;
  out->inode_ = observed.identity.inode;
  out->local_ = is_local_directory(out->fd());
  out->may_lease_every_file_ = link::may_lease_every_file();
  return Status::success();
}

Status Directory::open_below(const std::string& folder, bool create, Directory* out) const {
  Directory current;
  current.fd_.reset(openat(fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!current.fd_) return io_failure("open directory", path_, errno);
  current.path_ = path_;
  for (std::size_t begin = 0; begin < folder.size();) {
    std::size_t end = std::min(folder.find('/', begin), folder.size());
    std::string component = folder.substr(begin, end - begin);
    begin = end + 1;
    if (create && mkdirat(current.fd(), component.c_str(), kDirectoryMode) == 0) {
      if (Status synced = current.sync(); !synced.ok()) return synced;
    } else if (create && errno != EEXIST) {
      return name_failure("create directory", current.path_of(component), errno);
    }
    UniqueFd next(openat(current.fd(), component.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) {
      bool gone = errno == ENOENT && !create;
      return io_failure_or_gone("open directory", current.path_of(component), errno, gone);
    }
    current.path_ = current.path_of(component);
    current.fd_ = std::move(next);
  }
  FileStat observed = stat_fd(current.fd());
  current.device_ = observed.identity.device;
  current.inode_ = observed.identity.inode;
  current.local_ = is_local_directory(current.fd());
  current.may_lease_every_file_ = link::may_lease_every_file();
  *out = std::move(current);
  return Status::success();
}

std::string Directory::path_of(std::string_view name) const { return join(path_, name); }

bool Directory::is_in_place() const {
  struct stat info {};
  if (stat(path_.c_str(), &info) != 0 || info.st_dev != device_ || info.st_ino != inode_) return false;
  // The same file system may have been unmounted and mounted again: a sandbox knows ours no more.
  struct statx there {};
  struct statx here {};
  if (statx(AT_FDCWD, path_.c_str(), 0, STATX_MNT_ID, &there) != 0 ||
      statx(fd(), "", AT_EMPTY_PATH, STATX_MNT_ID, &here) != 0)
    return true;
  bool known = (there.stx_mask & here.stx_mask & STATX_MNT_ID) != 0;
  return !known || there.stx_mnt_id == here.stx_mnt_id;
}

bool Directory::is_mount_point() const {
  struct stat here {};
  struct stat above {};
  return fstat(fd(), &here) == 0 && fstatat(fd(), "..", &above, 0) == 0 &&
         (here.st_dev != above.st_dev || here.st_ino == above.st_ino);
}

FileStat Directory::stat_of(const std::string& name) const {
  if (!local_) {
    // NFS and SMB keep attributes for seconds: two calls would return one observation.
    struct statx now {};
    constexpr int kFlags = AT_SYMLINK_NOFOLLOW | AT_STATX_FORCE_SYNC;
    if (statx(fd(), name.c_str(), kFlags, STATX_BASIC_STATS, &now) == 0) return stat_from(now);
  }
  struct stat info {};
  if (fstatat(fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return stat_from(info);
  FileStat observed;
  observed.error = errno;
  if (is_missing(errno)) observed.kind = FileKind::kMissing;
  return observed;
}

Status Directory::list(const std::function<bool(const char* name)>& each) const {
  UniqueFd copy(openat(fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy) return io_failure("open directory", path_, errno);
  struct Close {
    void operator()(DIR* stream) const { closedir(stream); }
  };
  std::unique_ptr<DIR, Close> stream(fdopendir(copy.get()));
  if (stream == nullptr) return io_failure("list directory", path_, errno);
  copy.release();  // the stream owns it now
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    std::string_view name = entry->d_name;
    if (name != "." && name != ".." && !each(entry->d_name)) return Status::success();
  }
  return errno == 0 ? Status::success() : io_failure("list directory", path_, errno);
}

Status Directory::open_source(const std::string& name, UniqueFd* out, FileIdentity* identity) const {
  return open_regular(fd(), name, path_of(name), out, identity);
}

void Directory::keep_events_apart() const {
  UniqueFd ignored(openat(fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

Status Directory::hold(const std::string& name, UniqueFd* out) const {
  out->reset(openat(this->fd(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (*out) return Status::success();
  return io_failure_or_gone("hold", path_of(name), errno, is_missing(errno));
}

Status Directory::read_small(const std::string& name, std::size_t limit, std::string* out,
                             FileIdentity* identity) const {
  return read_small_at(fd(), name, path_of(name), limit, out, identity);
}

Status Directory::create_new(const std::string& name, UniqueFd* out, unsigned mode) const {
  out->reset(
      openat(this->fd(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, mode));
  return *out ? Status::success() : io_failure("create", path_of(name), errno);
}

Status Directory::create_temporary(const std::string& name, UniqueFd* out, unsigned mode) const {
  constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(openat(this->fd(), name.c_str(), kFlags, mode));
  if (!fd && errno == EEXIST) {
    if (!is_abandoned(this->fd(), name.c_str())) return Status::wait(path_of(name) + " is being written");
    if (Status removed = remove(name); !removed.ok()) return removed;
    fd.reset(openat(this->fd(), name.c_str(), kFlags, mode));
  }
  if (!fd) return io_failure("create", path_of(name), errno);
  // Where there are no such locks (some network file systems) a leftover just counts as abandoned.
  flock(fd.get(), LOCK_EX | LOCK_NB);
  *out = std::move(fd);
  return Status::success();
}

Status Directory::rename_new(const std::string& from, const std::string& to, bool* taken,
                             const std::function<Status()>& about_to_link) const {
  return move_new(from, *this, to, taken, about_to_link);
}

Status Directory::move_new(const std::string& from, const Directory& target, const std::string& to,
                           bool* taken, const std::function<Status()>& about_to_link) const {
  *taken = false;
  int error = 0;
  bool has_links = true;
  if (renameat2(fd(), from.c_str(), target.fd(), to.c_str(), RENAME_NOREPLACE) != 0) error = errno;
  if (error == EINVAL || error == ENOSYS) {
    if (about_to_link)
      if (Status status = about_to_link(); !status.ok()) return status;
    const int linked = rename_by_link(fd(), from.c_str(), target.fd(), to.c_str());
    has_links = linked != EPERM && linked != EOPNOTSUPP && linked != ENOSYS;
    // A file system without hard links that refuses the name: the first error is the reason.
    if (error == ENOSYS || has_links) error = linked;
  }
  if (error == 0) return Status::success();
  *taken = error == EEXIST;
  Status status = name_failure("rename to", target.path_of(to), error);
  if (!has_links)
    status.message +=
        std::string(error == EINVAL ? "; or it" : ": the file system") +
        " can neither rename without replacing nor make hard links: use another one (paxect link "
        "doctor " +
        shell_word(target.path_of("")) + " reports whether it can)";
  return status;
}

Status Directory::rename_to_own(const std::string& from, const std::string& own) const {
  int error = 0;
  if (renameat2(fd(), from.c_str(), fd(), own.c_str(), RENAME_NOREPLACE) != 0) error = errno;
  if (error == EINVAL || error == ENOSYS) {
    // Nobody makes a file of that name after this check. A hard link would not do: what is removed by its old
    // name afterwards may be another file again.
    error = stat_of(own).kind == FileKind::kMissing ? 0 : EEXIST;
    if (error == 0 && renameat(fd(), from.c_str(), fd(), own.c_str()) != 0) error = errno;
  }
  if (error == 0) return Status::success();
  return io_failure_or_gone("rename " + path_of(from) + " to", path_of(own), error, error == ENOENT);
}

Status Directory::remove(const std::string& name) const {
  if (unlinkat(fd(), name.c_str(), 0) == 0) return Status::success();
  const int error = errno;
  // A server that is away for a moment reports every name as missing.
  if (is_missing(error) && stat_of(name).kind == FileKind::kMissing) return Status::success();
  return io_failure("remove", path_of(name), error);
}

Status Directory::sync() const {
  if (fsync(fd()) == 0) return Status::success();
  return io_failure("flush directory", path_, errno);
}

Status Directory::sync_file_system(bool* refused) const {
  *refused = false;
  if (syncfs(fd()) == 0) return Status::success();
  *refused = errno == EPERM || errno == EACCES || errno == ENOSYS || errno == EINVAL || errno == EOPNOTSUPP;
  return io_failure("flush the file system of", path_, errno);
}

// ---- paths ---------------------------------------------------------------------------------------------

Status make_directories(const std::string& path) {
  boost::system::error_code error;
  boost::filesystem::path missing(path);
  if (boost::filesystem::is_directory(missing, error)) return Status::success();
  std::string parent = directory_name(path);
  if (parent != path && !boost::filesystem::is_directory(parent, error))
    if (Status status = make_directories(parent); !status.ok()) return status;
  if (mkdir(path.c_str(), kDirectoryMode) != 0 && errno != EEXIST)
    return io_failure("create directory", path, errno);
  if (!boost::filesystem::is_directory(missing, error)) return io_failure("use as directory", path, ENOTDIR);
  Directory above;
  if (Status status = Directory::open(parent, &above); !status.ok()) return status;
  return above.sync();
}

Status write_all(int fd, const void* data, std::size_t size, const std::string& path) {
  auto next = static_cast<const char*>(data);
  while (size > 0) {
    ssize_t put = write(fd, next, size);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return io_failure("write", path, errno);
    next += put;
    size -= static_cast<std::size_t>(put);
  }
  return Status::success();
}

Status sync_file(int fd, const std::string& path) {
  if (fdatasync(fd) == 0) return Status::success();
  return io_failure("flush", path, errno);
}

void start_writeback(int fd, std::uint64_t offset, std::uint64_t size) {
  sync_file_range(fd, static_cast<off_t>(offset), static_cast<off_t>(size), SYNC_FILE_RANGE_WRITE);
}

Status finish_writeback(int fd, std::uint64_t offset, std::uint64_t size, const std::string& path) {
  constexpr unsigned kWriteAndWait =
      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  if (sync_file_range(fd, static_cast<off_t>(offset), static_cast<off_t>(size), kWriteAndWait) == 0)
    return Status::success();
  // The kernel reports a failed write once, and a flush after this would succeed. Other errors are those of a
  // file system without this call.
  const int error = errno;
  return error == EIO || error == ENOSPC || error == EDQUOT ? io_failure("flush", path, error)
                                                            : Status::success();
}

Status read_file(const std::string& path, std::size_t limit, std::string* out, FileIdentity* identity) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!fd) return io_failure_or_gone("open", path, errno, errno == ENOENT);
  FileStat observed = stat_fd(fd.get());
  if (observed.kind != FileKind::kRegular)
    return Status::refused("read_error", path + " is not a regular file");
  if (identity != nullptr) *identity = observed.identity;
  return read_all(fd.get(), observed.identity.size, limit, path, out);
}

Status read_small_file(const std::string& path, std::size_t limit, std::string* out) {
  // Also one that this user may go through and not list.
  UniqueFd folder(::open(directory_name(path).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return io_failure_or_gone("open", path, errno, errno == ENOENT);
  Status status = read_small_at(folder.get(), std::string(base_name(path)), path, limit, out, nullptr);
  if (status.fault == Fault::kChanged) status.fault = Fault::kRefused;
  return status;
}

Status sync_names_beside(const std::string& path) {
  Directory directory;
  Status status = Directory::open(directory_name(path), &directory);
  return status.ok() ? directory.sync() : status;
}

Status replace_file(const std::string& path, std::string_view contents, Durable durable, unsigned mode) {
  Directory directory;
  if (Status status = Directory::open(directory_name(path), &directory); !status.ok()) return status;
  std::string name(base_name(path));
  std::string temporary = temporary_of(name);
  UniqueFd fd;
  Status status = directory.create_temporary(temporary, &fd, kOwnFileMode);
  if (!status.ok()) return status;
  status = write_all(fd.get(), contents.data(), contents.size(), path);
  if (status.ok() && mode != 0 && fchmod(fd.get(), mode) != 0)
    status = io_failure("set the mode of", path, errno);
  if (status.ok() && durable != Durable::kNothing) status = sync_file(fd.get(), path);
  if (status.ok() && renameat(directory.fd(), temporary.c_str(), directory.fd(), name.c_str()) != 0)
    status = io_failure("replace", path, errno);
  if (!status.ok()) {
    std::ignore = directory.remove(temporary);
    return status;
  }
  return durable == Durable::kWhole ? directory.sync() : Status::success();
}

bool identity_of(const std::string& path, FileIdentity* out) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return false;
  *out = stat_from(info).identity;
  return true;
}

}  // namespace paxect::link

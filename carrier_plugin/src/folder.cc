#include "folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <memory>

#include "digest.h"
#include "names.h"
#include "state_directory.h"

namespace paxect::carrier {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;

// Another name in the same folder; nothing is replaced. False with errno, EEXIST when the name is taken. A
// file system without the flag may have hard links, which never replace; one without both, such as exFAT, has
// the name compared.
bool give_name(int folder, const std::string& from, const std::string& to) {
  if (renameat2(folder, from.c_str(), folder, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return false;
  if (linkat(folder, from.c_str(), folder, to.c_str(), 0) == 0) return unlinkat(folder, from.c_str(), 0) == 0;
  const int error = errno;
  struct stat info {};
  struct stat other {};
  // A crash between the two steps leaves both names on one file.
  if (error == EEXIST && fstatat(folder, from.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
      fstatat(folder, to.c_str(), &other, AT_SYMLINK_NOFOLLOW) == 0 && info.st_ino == other.st_ino &&
      info.st_dev == other.st_dev)
    return unlinkat(folder, from.c_str(), 0) == 0;
  errno = error;
  if (errno == EEXIST || errno == ENOENT) return false;
  if (fstatat(folder, to.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) errno = EEXIST;
  return errno == ENOENT && renameat(folder, from.c_str(), folder, to.c_str()) == 0;
}

// Gives a hidden file a name of its own beside the one that it had and that another file has. False with
// errno.
bool put_aside(int folder, const std::string& hidden, const std::string& name) {
  struct stat info {};
  if (fstatat(folder, hidden.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return false;
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%08" PRIx64, static_cast<std::uint64_t>(info.st_ino));
  return give_name(folder, hidden, conflict_of(name, digits.data()));
}

constexpr std::size_t kMarkerDigits = 32;

// The folder that has the file.
std::string folder_path(const std::string& root, const std::string& path) {
  const std::string below = folder_of(path);
  return below.empty() ? root : root + "/" + below;
}

std::string own_marker(const std::string& token) {
  return token + " " + digest_of(token).substr(0, kMarkerDigits) + "\n";
}

bool is_own_marker(const std::string& text) {
  return text.size() > kMarkerDigits && text == own_marker(text.substr(0, kMarkerDigits));
}

}  // namespace

bool is_being_written(int fd) {
  // Who opens it while the lease is there waits, and the process gets a signal, which must not be SIGIO: its
  // default ends the process. That of SIGURG does nothing.
  if (fcntl(fd, F_SETSIG, SIGURG) != 0) return false;
  if (fcntl(fd, F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN;
  fcntl(fd, F_SETLEASE, F_UNLCK);
  return false;
}

Status write_all(int fd, const char* data, std::size_t size, std::uint64_t offset, const std::string& path) {
  while (size > 0) {
    const ssize_t written = pwrite(fd, data, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Status::system("cannot write " + path, written < 0 ? errno : ENOSPC);
    data += written;
    size -= static_cast<std::size_t>(written);
    offset += static_cast<std::uint64_t>(written);
  }
  return Status::success();
}

Status Folder::open(const std::string& path, const std::string& place_file, const std::string& own_file) {
  path_ = path;
  markers_ = {{.name = kPlaceMarker, .file = place_file}};
  if (!own_file.empty()) markers_.push_back({.name = kOwnMarker, .file = own_file, .is_made = true});
  root_.reset();
  lock_.reset();
  // The folder itself may be a symbolic link of the operator's.
  UniqueFd root(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat info {};
  if (!root.valid() || fstat(root.get(), &info) != 0) return Status::system("cannot open the folder " + path);
  device_ = info.st_dev;
  inode_ = info.st_ino;
  root_ = std::move(root);
  Status status = check_markers();
  if (!status.ok()) root_.reset();
  return status;
}

Status Folder::open_to_compare(const std::string& path, const std::string& place_file,
                               const std::string& own_file) {
  compares_only_ = true;
  return open(path, place_file, own_file);
}

Status Folder::check() {
  struct stat info {};
  if (root_.valid() && stat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_)
    return check_markers();  // link may make its marker after us
  return open(path_, markers_[0].file, markers_.size() > 1 ? markers_[1].file : "");
}

// A share may be mounted by several machines, each with records of its own.
Status Folder::lock() {
  if (lock_.valid()) return Status::success();
  UniqueFd marker(openat(root_.get(), kOwnMarker, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  // Another user may have made it. Only a network file system needs the right to write for the lock.
  if (!marker.valid()) marker = UniqueFd(openat(root_.get(), kOwnMarker, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  const bool is_open = marker.valid();
  Status status = is_open ? Status::success() : Status::system("cannot open " + path_ + "/" + kOwnMarker);
  if (is_open && (flock(marker.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)) {
    lock_ = std::move(marker);  // also where the file system has no locks
    return Status::success();
  }
  root_.reset();
  if (!is_open) return status;
  return Status::failure("another receiver works in the folder " + path_ +
                         ": give each receiver a folder of its own, or stop one of them");
}

Status Folder::check_markers() {
  for (Marker& marker : markers_)
    if (Status status = marker.is_known ? Status::success() : check_marker(&marker); !status.ok())
      return status;
  return Status::success();
}

// A share that is not mounted leaves an empty directory. Once a marker was seen there, a directory without
// it, or with another one, is not the folder.
Status Folder::check_marker(Marker* marker) {
  constexpr std::size_t kMarkerSize = 4096;
  std::string known;
  std::string found;
  bool is_new = false;
  bool missing = false;
  if (Status status = read_file(marker->file, kMarkerSize, &known, &is_new); !status.ok()) return status;
  is_new = is_new || (marker->is_made && !is_own_marker(known));  // a damaged record
  FileIdentity ignored;
  Status status = read_small(marker->name, kMarkerSize, &found, &ignored, &missing);
  if (!status.ok() && !missing) return status;
  if (missing && is_new) return marker->is_made && !compares_only_ ? make_marker(marker) : Status::success();
  if (missing)
    return Status::failure("the folder " + path_ + " has no " + marker->name +
                           ", which it had before: is it mounted? If it is the right one, remove " +
                           marker->file);
  marker->is_known = is_new || known == found;
  if (is_new) return compares_only_ ? Status::success() : replace_file(marker->file, found);
  if (marker->is_known) return Status::success();
  return Status::failure("the folder " + path_ + " is another one than before, by its " + marker->name +
                         ": if it is the right one, remove " + marker->file);
}

// First in the folder, then in the records: a crash in between leaves one that is taken as it is.
Status Folder::make_marker(Marker* marker) {
  std::array<unsigned char, 16> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  const std::string token = own_marker(hex_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  const std::string temporary = temporary_of(marker->name.substr(1), std::string(32, '0'));
  UniqueFd file;
  Status status = create(temporary, &file);
  if (status.ok()) status = write_all(file.get(), token.data(), token.size(), 0, path_ + "/" + temporary);
  if (status.ok() && fsync(file.get()) != 0)
    status = Status::system("cannot flush " + path_ + "/" + temporary);
  bool taken = false;
  if (status.ok()) status = rename_new(temporary, marker->name, &taken);
  if (status.ok() && taken) status = remove(temporary);
  if (status.ok()) status = sync_names(marker->name);
  return status.ok() ? check_marker(marker) : status;
}

Status Folder::scan(const std::function<bool(Entry)>& each, Unread* unread,
                    std::set<std::string>* hidden) const {
  return FolderScan(root_.get(), path_).all(each, unread, hidden);
}

Status Folder::scan_temporaries(const std::function<void(const std::string& path)>& each) const {
  const auto visit = [&](const Entry& entry) {
    each(entry.path);
    return true;
  };
  return FolderScan(root_.get(), path_).ours(visit);
}

Status Folder::open_parent(const std::string& path, bool create, Parent* out, std::string* name) const {
  UniqueFd at;
  int current = root_.get();
  std::size_t begin = 0;
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', begin)) {
    const std::string part = path.substr(begin, slash - begin);
    UniqueFd next(openat(current, part.c_str(), kDirectoryFlags));
    if (!next.valid() && errno == ENOENT && create) {
      if (mkdirat(current, part.c_str(), 0777) != 0 && errno != EEXIST)
        return Status::system("cannot create " + path_ + "/" + path.substr(0, slash));
      if (fsync(current) != 0)
        return Status::system("cannot flush " + folder_path(path_, path.substr(0, slash)));
      next = UniqueFd(openat(current, part.c_str(), kDirectoryFlags));
    }
    if (!next.valid()) {
      Status status = Status::system("cannot open " + path_ + "/" + path.substr(0, slash));
      *name = part;
      *out = Parent(std::move(at), current);
      return status;
    }
    at = std::move(next);
    current = at.get();
    begin = slash + 1;
  }
  *name = path.substr(begin);
  *out = Parent(std::move(at), current);
  return Status::success();
}

Status Folder::open_file(const std::string& path, UniqueFd* out, FileIdentity* identity,
                         bool* missing) const {
  *missing = false;
  Parent parent;
  std::string name;
  if (Status status = open_parent(path, false, &parent, &name); !status.ok()) {
    *missing = status.error() == ENOENT || status.error() == ENOTDIR;
    return status;
  }
  UniqueFd file(openat(parent.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) {
    *missing = errno == ENOENT;
    return Status::system("cannot open " + path_ + "/" + path);
  }
  if (!identity_of(file.get(), identity))
    return Status::failure(path_ + "/" + path + " is not a regular file");
  *out = std::move(file);
  return Status::success();
}

Status Folder::read_small(const std::string& path, std::size_t limit, std::string* out,
                          FileIdentity* identity, bool* missing) const {
  UniqueFd file;
  if (Status status = open_file(path, &file, identity, missing); !status.ok()) return status;
  out->assign(limit + 1, '\0');
  std::size_t size = 0;
  while (size < out->size()) {
    const ssize_t got = pread(file.get(), out->data() + size, out->size() - size, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Status::system("cannot read " + path_ + "/" + path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > limit)
    return Status::failure(path_ + "/" + path + " has more than " + std::to_string(limit) + " bytes");
  out->resize(size);
  return Status::success();
}

Status Folder::find(const std::string& path, Presence* presence) const { return find(path, false, presence); }

Status Folder::find_surely(const std::string& path, Presence* presence) const {
  return find(path, true, presence);
}

Status Folder::find(const std::string& path, bool surely, Presence* presence) const {
  Parent parent;
  std::string name;
  Status status = open_parent(path, false, &parent, &name);
  struct stat info {};
  if (status.ok() && fstatat(parent.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    *presence = Presence::kThere;
    return status;
  }
  if (status.ok()) status = Status::system("cannot stat " + path_ + "/" + path);
  if (status.error() != ENOENT) return status;
  status = surely ? confirm_absent(parent.get(), name, path) : Status::success();
  if (status.ok()) *presence = Presence::kAbsent;
  return status;
}

Status Folder::confirm_absent(int directory, const std::string& name, const std::string& path) const {
  const int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(copy < 0 ? nullptr : fdopendir(copy), closedir);
  if (stream == nullptr) return Status::system("cannot read " + folder_path(path_, path));
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    if (name == entry->d_name)
      return Status::failure("the file system reports that " + path_ + "/" + path +
                             " does not exist, and lists it");
    errno = 0;
  }
  return errno == 0 ? Status::success() : Status::system("cannot read " + folder_path(path_, path));
}

Status Folder::create(const std::string& path, UniqueFd* out) const {
  Parent parent;
  std::string name;
  if (Status status = open_parent(path, true, &parent, &name); !status.ok()) return status;
  if (unlinkat(parent.get(), name.c_str(), 0) != 0 && errno != ENOENT)
    return Status::system("cannot replace " + path_ + "/" + path);
  *out =
      UniqueFd(openat(parent.get(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
  return out->valid() ? Status::success() : Status::system("cannot create " + path_ + "/" + path);
}

Status Folder::rename_new(const std::string& from, const std::string& to, bool* taken) const {
  *taken = false;
  Parent parent;
  std::string old_name;
  if (Status status = open_parent(from, false, &parent, &old_name); !status.ok()) return status;
  const std::string new_name = base_of(to);
  if (give_name(parent.get(), old_name, new_name)) return Status::success();
  *taken = errno == EEXIST;
  return *taken ? Status::success()
                : Status::system("cannot rename " + path_ + "/" + from + " to " + new_name);
}

Status Folder::remove(const std::string& path) const {
  Parent parent;
  std::string name;
  if (Status status = open_parent(path, false, &parent, &name); !status.ok())
    return status.error() == ENOENT ? Status::success() : status;
  if (unlinkat(parent.get(), name.c_str(), 0) == 0 || errno == ENOENT) return Status::success();
  return Status::system("cannot remove " + path_ + "/" + path);
}

// The file gets a hidden name first, because another one could be renamed over it between a comparison and
// the removal; one that is not meant gets its name back.
Status Folder::remove_same(const std::string& path, const FileIdentity& identity, bool* removed) const {
  *removed = false;
  Parent parent;
  std::string name;
  if (Status status = open_parent(path, false, &parent, &name); !status.ok()) return status;
  const std::string hidden = leaving_of(name);
  struct stat info {};
  // An earlier call may have given it the hidden name and failed then.
  if (!hidden.empty() && fstatat(parent.get(), hidden.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISREG(info.st_mode) && identity_from(info).same_but_name(identity)) {
    *removed = unlinkat(parent.get(), hidden.c_str(), 0) == 0;
    return *removed ? Status::success() : Status::system("cannot remove " + path_ + "/" + path);
  }
  if (fstatat(parent.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    *removed = errno == ENOENT;
    return *removed ? Status::success() : Status::system("cannot stat " + path_ + "/" + path);
  }
  // Also by its ctime: contents can be written with the old mtime put back.
  if (!S_ISREG(info.st_mode) || !identity_from(info).same_file(identity)) return Status::success();
  if (hidden.empty()) {  // the name is too long for a prefix
    *removed = unlinkat(parent.get(), name.c_str(), 0) == 0;
    return *removed ? Status::success() : Status::system("cannot remove " + path_ + "/" + path);
  }
  bool is_given = give_name(parent.get(), name, hidden);
  // What is there is another file, which a crash has left and whose name was taken again: nobody has a
  // receipt for it. It gets a name under which it is found.
  if (!is_given && errno == EEXIST && put_aside(parent.get(), hidden, name))
    is_given = give_name(parent.get(), name, hidden);
  if (!is_given) return Status::system("cannot rename " + path_ + "/" + path + " to " + hidden);
  if (fstatat(parent.get(), hidden.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0)
    return Status::system("cannot stat " + path_ + "/" + hidden);
  if (!identity_from(info).same_but_name(identity)) {
    if (give_name(parent.get(), hidden, name)) return Status::success();
    if (errno == EEXIST && put_aside(parent.get(), hidden, name)) return Status::success();
    return Status::system("cannot rename " + path_ + "/" + hidden + " to " + name);
  }
  if (unlinkat(parent.get(), hidden.c_str(), 0) != 0)
    return Status::system("cannot remove " + path_ + "/" + hidden);
  *removed = true;
  return Status::success();
}

Status Folder::put_back_leaving(std::set<std::string>* paths) const {
  Status first;
  const auto visit = [&](const Entry& entry) {
    const std::string& path = entry.path;
    Parent parent;
    std::string hidden;
    if (!open_parent(path, false, &parent, &hidden).ok()) return true;
    const std::string name = name_of_leaving(hidden);
    if (name.empty()) return true;
    if (give_name(parent.get(), hidden, name))
      paths->insert(join(folder_of(path), name));
    else if (first.ok())
      first = Status::system("cannot rename " + path_ + "/" + path + " to " + name);
    return true;
  };
  const Status status = FolderScan(root_.get(), path_).ours(visit);
  return status.ok() ? first : status;
}

bool Folder::has_flush_for_all() const {
  struct statfs info {};
  constexpr std::array<long, 5> kLocal = {0xEF53, 0x58465342, 0x9123683E, 0xF2F52010, 0x01021994};
  return fstatfs(root_.get(), &info) == 0 &&
         std::find(kLocal.begin(), kLocal.end(), static_cast<long>(info.f_type)) != kLocal.end();
}

Status Folder::flush_all() const {
  return syncfs(root_.get()) == 0 ? Status::success() : Status::system("cannot flush " + path_);
}

Status Folder::sync_names(const std::string& path) const {
  Parent parent;
  std::string name;
  if (Status status = open_parent(path, false, &parent, &name); !status.ok()) return status;
  return fsync(parent.get()) == 0 ? Status::success()
                                  : Status::system("cannot flush " + folder_path(path_, path));
}

}  // namespace paxect::carrier

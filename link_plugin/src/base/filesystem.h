// The disk as link uses it, and all that durability takes: files made under a name of their own, flushed,
// renamed without replacing, their directory flushed. Nothing else in link calls fsync or rename.
//
// Directories are held as descriptors, so that a path swapped underneath cannot lead elsewhere, and nothing
// here follows a symbolic link below them. Safe for several threads as long as each has its own descriptors;
// a Directory may be shared, its functions are const.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/unique_fd.h"

namespace paxect::link {

// Distinguishes one state of a file from another. Two observations with equal identities saw the same bytes,
// as far as the clock of the file system shows. All five members are compared: a change within one tick of
// that clock shows in none of the times, but mostly in the size or the inode.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;

  bool operator==(const FileIdentity&) const = default;
  // Of one file before and after it was renamed, which its ctime shows.
  bool same_but_name(const FileIdentity& other) const {
    return inode == other.inode && size == other.size && mtime_ns == other.mtime_ns;
  }
  // The number of a device can differ after a restart.
  bool same_but_device(const FileIdentity& other) const {
    return inode == other.inode && size == other.size && mtime_ns == other.mtime_ns &&
           ctime_ns == other.ctime_ns;
  }
};

// Modes of new files, before the umask is applied: of those that are delivered, and of our own, which nobody
// else may write, whatever the umask.
inline constexpr unsigned kFileMode = 0666;
inline constexpr unsigned kOwnFileMode = 0644;

enum class FileKind { kRegular, kDirectory, kSymlink, kOther, kMissing, kUnknown };

struct FileStat {
  FileKind kind = FileKind::kUnknown;
  FileIdentity identity = {};
  std::uint64_t links = 0;
  int error = 0;  // errno, with kUnknown
};

// fstat(2) of a descriptor.
FileStat stat_fd(int fd);

// Whether both observations saw one file; false when one of them saw none.
bool is_one_file(const FileStat& one, const FileStat& other);

// "cannot WHAT PATH: TEXT OF ERRNO", a fault of the environment.
Status io_failure(std::string_view what, std::string_view path, int error);
// The same message, and kGone if `gone`: the caller handles a missing name.
Status io_failure_or_gone(std::string_view what, std::string_view path, int error, bool gone);

class Directory {
 public:
  Directory() = default;

  // Opens an existing directory. The path is kept for messages and for is_in_place().
  static Status open(const std::string& path, Directory* out);
  // "a/b" below this one, each component a real directory, made where missing if `create` (and flushed into
  // its parent). "" is this directory again.
  Status open_below(const std::string& folder, bool create, Directory* out) const;

  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }
  std::string path_of(std::string_view name) const;

  // Whether the path still leads to this directory: it was not moved away, unmounted or replaced.
  bool is_in_place() const;
  // Whether this kernel alone serves its file system; see file_system_type.h.
  bool is_local() const { return local_; }
  // Whether the thread that opened it may have leases on files of every user; see read_lease.h.
  bool may_lease_every_file() const { return may_lease_every_file_; }
  // Whether another file system begins here.
  bool is_mount_point() const;

  // The attributes of the file now. On a network file system the server is asked for them.
  FileStat stat_of(const std::string& name) const;
  // Calls back with each name but "." and ".."; false stops. In the order of the file system.
  Status list(const std::function<bool(const char* name)>& each) const;

  // Opens an existing regular file for reading; never blocks, whatever has the name. kGone when nothing has
  // the name, kChanged when it is not a regular file (any more).
  Status open_source(const std::string& name, UniqueFd* out, FileIdentity* identity) const;
  // Opens this directory for a moment, which its watchers see. inotify merges an event with an equal one that
  // is right before it in the queue; so this keeps the events of an open of ours apart from those of others.
  void keep_events_apart() const;
  // Holds whatever has the name, so that no other file can get its inode before `out` is closed; not for
  // reading. kGone when nothing has the name.
  Status hold(const std::string& name, UniqueFd* out) const;
  // The contents of an existing regular file of at most `limit` bytes, and its identity when it was opened.
  // Of anything else nothing is opened that was there before the call: an open of a FIFO lets its writer go,
  // that of a device may do anything. What takes the name during the call is opened as by open_source().
  Status read_small(const std::string& name, std::size_t limit, std::string* out,
                    FileIdentity* identity = nullptr) const;

  // A new file. kEnvironment when anything has the name already; whatever that is stays as it is.
  Status create_new(const std::string& name, UniqueFd* out, unsigned mode = kFileMode) const;
  // A new file for writing under a name that only we use. One that a dead process of ours left is replaced;
  // one that a live process is writing gives kWait. A lock distinguishes them; it ends with the descriptor.
  Status create_temporary(const std::string& name, UniqueFd* out, unsigned mode = kFileMode) const;
  // Gives `from` the name `to`. When that exists `*taken` is true and nothing has changed: nothing is ever
  // replaced. Not durable before sync(). `about_to_link` is called before a hard link stands in for the
  // rename, which has both names for a moment; a failure of it ends the call.
  Status rename_new(const std::string& from, const std::string& to, bool* taken,
                    const std::function<Status()>& about_to_link = {}) const;
  // The same into another directory of the same file system.
  Status move_new(const std::string& from, const Directory& target, const std::string& to, bool* taken,
                  const std::function<Status()>& about_to_link = {}) const;
  // Gives `from` a name that only we use, and one of us at a time. A failure when that exists; kGone when
  // there is no `from`.
  Status rename_to_own(const std::string& from, const std::string& own) const;
  // Success also when there is none.
  Status remove(const std::string& name) const;
  // Makes every name given and removed so far durable.
  Status sync() const;
  // Makes everything on its file system durable. A failure to write anything since this directory was opened,
  // or since the last call, is a failure. `*refused` receives whether the call itself is not to be had here.
  Status sync_file_system(bool* refused) const;
  std::uint64_t device() const { return device_; }

 private:
  UniqueFd fd_;
  std::string path_;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  bool local_ = false;
  bool may_lease_every_file_ = false;
};

// Makes a directory with all its parents, durably. An existing one is fine.
Status make_directories(const std::string& path);

// The first and last steps of a durable delivery. write_all at the descriptor's position.
Status write_all(int fd, const void* data, std::size_t size, const std::string& path);
Status sync_file(int fd, const std::string& path);
// Starts writing dirty pages to disk without waiting, so that a later sync_file has less to do.
void start_writeback(int fd, std::uint64_t offset, std::uint64_t size);
// Blocks until these pages are on disk, which says nothing about the metadata that a reader needs.
Status finish_writeback(int fd, std::uint64_t offset, std::uint64_t size, const std::string& path);

// What of a file that is replaced is durable afterwards.
enum class Durable {
  kNothing,
  kContents,  // after a loss of power the name has the old contents or the new ones, whole
  kWhole      // it has the new ones
};

// Whole small files by path. Reading: kGone when there is none. Writing replaces the file atomically. A
// `mode` other than 0 is set whatever the umask.
//
// read_file follows links: it is for settings, which may be links, and for what only we write. Lists,
// receipts, keys and journals, which others may put there or hand over, are read by read_small_file: as
// read_small() of the folder in which the file is, so that a link under its name leads nowhere. Both refuse
// what is not a regular file.
Status read_file(const std::string& path, std::size_t limit, std::string* out,
                 FileIdentity* identity = nullptr);
Status read_small_file(const std::string& path, std::size_t limit, std::string* out);
Status replace_file(const std::string& path, std::string_view contents, Durable durable = Durable::kWhole,
                    unsigned mode = 0);
// Makes the names in the directory of the file of this path durable.
Status sync_names_beside(const std::string& path);
// The identity of the file under a path, symbolic links followed; false when there is none.
bool identity_of(const std::string& path, FileIdentity* out);

}  // namespace paxect::link

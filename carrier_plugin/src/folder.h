// The folder of a sender or a receiver: files of it by relative path, without following symbolic links, and
// the question whether the path still leads to it. Nothing else of the carrier renames or removes files in
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "folder_scan.h"
#include "status.h"
#include "unique_fd.h"

namespace paxect::carrier {

enum class Presence { kThere, kAbsent };

class Folder {
 public:
  // Opens the directory. `place_file` remembers the token of link's marker in it, and `own_file` that of a
  // marker that is made when there is none; empty: without one. A failure says what is missing, and the
  // folder stays closed.
  Status open(const std::string& path, const std::string& place_file, const std::string& own_file = "");
  // The same by the markers that are remembered; remembers and makes none.
  Status open_to_compare(const std::string& path, const std::string& place_file, const std::string& own_file);
  // Whether the folder is open and its path still leads to it, by the marker too; opens it again if it can
  // be.
  Status check();
  bool is_open() const { return root_.valid(); }
  // Keeps the open folder for this process alone, by a lock on the own marker. A failure closes it.
  Status lock();
  const std::string& path() const { return path_; }
  std::uint64_t device() const { return device_; }

  // See FolderScan::all().
  using Entry = FolderEntry;
  using Unread = FolderScan::Unread;
  Status scan(const std::function<bool(Entry)>& each, Unread* unread, std::set<std::string>* hidden) const;
  // See FolderScan::ours().
  Status scan_temporaries(const std::function<void(const std::string& path)>& each) const;

  // A regular file for reading. `*missing` says that there is none, which is a failure too.
  Status open_file(const std::string& path, UniqueFd* out, FileIdentity* identity, bool* missing) const;
  Status read_small(const std::string& path, std::size_t limit, std::string* out, FileIdentity* identity,
                    bool* missing) const;
  // Whether there is a file of any kind. A failure leaves *presence alone.
  Status find(const std::string& path, Presence* presence) const;
  // The same; absent is only what its folder does not list either. A network file system whose server
  // restarts can deny a file that is there.
  Status find_surely(const std::string& path, Presence* presence) const;
  // An empty file for writing; one of the name is replaced. Makes the folders above it, durably.
  Status create(const std::string& path, UniqueFd* out) const;
  // Gives a file another name in the same folder; nothing is replaced. `*taken` says that the name is.
  Status rename_new(const std::string& from, const std::string& to, bool* taken) const;
  // Success also when there is none.
  Status remove(const std::string& path) const;
  // Removes the file only if it is this one; `*removed` says whether it is gone. Another file keeps its name.
  // One that cannot be removed may have a hidden name afterwards, under which the next call finds it.
  Status remove_same(const std::string& path, const FileIdentity& identity, bool* removed) const;
  // Gives files that a crash left in the middle of remove_same() their names again; *paths gets them.
  Status put_back_leaving(std::set<std::string>* paths) const;
  // Makes everything on the file system durable. Requires: has_flush_for_all(), which FUSE, servers and
  // overlays do not have, since they may take the call without doing anything.
  Status flush_all() const;
  bool has_flush_for_all() const;
  // Makes the names in the folder of this path durable.
  Status sync_names(const std::string& path) const;

 private:
  Status find(const std::string& path, bool surely, Presence* presence) const;
  Status confirm_absent(int directory, const std::string& name, const std::string& path) const;
  // The folder of a path: an open one below, or the folder itself.
  class Parent {
   public:
    Parent() = default;
    Parent(UniqueFd own, int fd) : own_(std::move(own)), fd_(fd) {}
    int get() const { return fd_; }

   private:
    UniqueFd own_;
    int fd_ = -1;
  };
  // The folder of a path, and the name in it. A failure gives the part that could not be opened instead, and
  // the folder above it.
  Status open_parent(const std::string& path, bool create, Parent* out, std::string* name) const;
  struct Marker {
    std::string name;  // in the folder
    std::string file;  // that remembers its contents
    bool is_made = false;
    bool is_known = false;
  };
  Status check_markers();
  Status check_marker(Marker* marker);
  Status make_marker(Marker* marker);

  std::string path_;
  std::vector<Marker> markers_;
  bool compares_only_ = false;
  UniqueFd root_;
  UniqueFd lock_;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

// Whether a process has the file open for writing. False also where the file system or its owner does not let
// that be asked.
bool is_being_written(int fd);
Status write_all(int fd, const char* data, std::size_t size, std::uint64_t offset, const std::string& path);

}  // namespace paxect::carrier

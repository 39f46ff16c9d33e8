// What is in a folder and in the folders below it, without following symbolic links.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "status.h"

namespace paxect::carrier {

// One state of one file.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;

  bool operator==(const FileIdentity&) const = default;
  // By its ctime also of the same contents, whatever its time of modification is. The device may have another
  // number after a restart.
  bool same_file(const FileIdentity& other) const {
    return same_but_name(other) && ctime_ns == other.ctime_ns;
  }
  // After it was renamed, which its ctime shows.
  bool same_but_name(const FileIdentity& other) const {
    return inode == other.inode && size == other.size && mtime_ns == other.mtime_ns;
  }
};

FileIdentity identity_from(const struct stat& info);
// False for what is no regular file.
bool identity_of(int fd, FileIdentity* out);

struct FolderEntry {
  std::string path;  // relative
  FileIdentity identity;
  bool is_regular = true;
};

class FolderScan {
 public:
  // `root` is the open folder, and `path` its name in messages.
  FolderScan(int root, const std::string& path) : root_(root), path_(path) {}

  // The folders below that could not be read completely, by path without a final slash, with the reasons.
  using Unread = std::map<std::string, Status>;
  // Everything that is not hidden but folders, in the folders below too. False ends the scan. A folder below
  // that cannot be read, such as lost+found, does not: nothing is to be concluded about what is in it.
  // *hidden gets what is passed over for its name alone: hidden folders, and files that would be containers
  // or lists; not ours, nor more than kMaxHidden of them.
  static constexpr std::size_t kMaxHidden = 100;
  Status all(const std::function<bool(FolderEntry)>& each, Unread* unread,
             std::set<std::string>* hidden) const;
  // Every hidden file of ours, see is_temporary() and name_of_leaving(). A folder below that cannot be read
  // is a failure, after the others were read.
  Status ours(const std::function<bool(FolderEntry)>& each) const;

 private:
  // `hidden`: null for the hidden files alone.
  Status below(int directory, const std::string& prefix, std::set<std::string>* hidden,
               const std::function<bool(FolderEntry)>& each, Unread* unread, bool* go_on) const;

  int root_;
  const std::string& path_;
};

}  // namespace paxect::carrier

// Which file a name or a descriptor refers to, to find out whether two of them are the same file. A value,
// which may refer to a descriptor; any thread.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "storage.h"

namespace paxect::core {

// Whether two results of stat are of one file, which did not become another kind of file in between.
bool same_file(const struct stat& a, const struct stat& b);

class FileIdentity {
 public:
  // An existing file; `fd` is a descriptor of it, open as long as resembles() is used, or -1.
  FileIdentity(const struct stat& file, int fd);
  // A file that does not exist yet, by its directory and its name there.
  FileIdentity(const struct stat& directory, std::string name);
  // The file behind a descriptor; none where it is not open.
  static std::optional<FileIdentity> of(int fd);

  // Whether writing to one changes what is read from the other: the same file; the same block device, or one
  // and a part of it; a block device and a file that lies on it or is behind it.
  bool overlaps(const FileIdentity& other) const;
  // Whether two regular files are probably one under two inode numbers, as on a file system in user space
  // (exFAT in another case of the name), in two mounts of a directory (bindfs), or in a layer of overlayfs:
  // sizes and times are equal, and so are the contents at both ends as far as they can be read. Empty files
  // do not resemble each other: there is nothing to lose.
  bool resembles(const FileIdentity& other) const;
  // Whether what is written to both would be mixed up: they overlap, or are one pipe or socket.
  bool mixes_with(const FileIdentity& other) const;

 private:
  bool is_block() const { return S_ISBLK(file_.st_mode); }
  Storage storage() const;
  std::vector<Storage> storage_below() const;

  struct stat file_ {};
  int fd_ = -1;
  std::optional<std::string> name_;  // of a file that does not exist; file_ is then its directory
  Storage backing_;                  // of a loop device
};

}  // namespace paxect::core

// Permissions, ownership, time and extended attributes of a file, and what of them a new file takes over. A
// value; any thread.
//
// The rules, in this order: a file that is replaced gives the new file its owner, group, permissions, access
// control list and extended attributes; the input gives it its modification time, and its permissions limit
// those of the new file, as do those of further inputs. Nobody but the owner of the replaced file gets access
// to the new file who could not have accessed both: where owner, group or access control list cannot be kept,
// the permission bits are narrowed to make up for it. Set-user-ID, set-group-ID, sticky bits and file
// capabilities are never taken over.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace paxect::core {

class FileAttributes {
 public:
  // `fd` is open for reading, or with O_PATH.
  FileAttributes(const struct stat& file, int fd);

  const struct stat& file() const { return file_; }
  const std::string& acl() const { return acl_; }
  mode_t mode() const { return file_.st_mode & 0777; }
  // The permission bits for a file without access control list that belongs to others, so that nobody gains
  // access by the change.
  mode_t mode_for(uid_t owner, gid_t group) const;
  // The same for a file that has the access control list too, in the group's bits of which is its mask.
  mode_t mode_with_acl_for(uid_t owner) const;
  // What everybody may do with the file (bits 0007), its owner and those in its list included.
  mode_t common_access() const;

 private:
  struct stat file_ {};
  std::string acl_;  // as the extended attribute that holds it; empty: none
  bool acl_unknown_ = false;
};

// What a new file takes over.
struct AttributeSources {
  std::optional<FileAttributes> replaced;
  int replaced_fd = -1;  // open as long as `replaced` counts
  // The first gives its time and, where nothing is replaced, its permissions; each limits them.
  std::vector<FileAttributes> inputs;
};

// Leaves access to a file to its owner alone.
void make_private(int fd);

// Gives the new file `fd`, which lies in `directory`, its attributes. Without any source it gets the
// permission bits `usual`. What could not be kept is added to `lost`, in words.
void set_attributes(int fd, const struct stat& directory, const AttributeSources& sources, mode_t usual,
                    std::vector<std::string>& lost);

}  // namespace paxect::core

// The directory that plugins are loaded from, and which files in it are trusted.
//
// A module runs with all rights of this process, so only root and the effective user may be able to change it
// or any directory on the way to it. This is checked before dlopen, which runs the module's constructors.
#pragma once

#include <string>
#include <vector>

#include "status.h"
#include "unique_fd.h"

namespace paxect::host {

class PluginDirectory {
 public:
  // Opens the directory at an absolute path; an empty path means ../lib/paxect/plugins from this binary.
  // Fails with status 78 unless it and all its ancestors are owned by root or the effective user and writable
  // by no one else. (A sticky ancestor of root's such as /tmp may be writable by all: only an entry's owner
  // replaces it.)
  static Status open(const std::string& path, PluginDirectory* out);

  // Absolute, without symbolic links.
  const std::string& path() const { return path_; }

  // The names of all files NAME.so, sorted. check() may refuse some of them.
  Status list(std::vector<std::string>* names) const;

  // Whether NAME.so may be loaded: a valid name, a regular file (not a link to one), owned by root or the
  // effective user, writable by no one else. Returns its path.
  //
  // dlopen takes the path, not the descriptor that was checked: with a path below /proc/self/fd the module
  // would have no $ORIGIN to find its libraries from, and debuggers no file. The path is as safe, because
  // only root or the effective user can put another file there.
  Status check(const std::string& name, std::string* path) const;

 private:
  std::string path_;
  UniqueFd fd_;
};

}  // namespace paxect::host

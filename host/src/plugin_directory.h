// The one directory that plugins are loaded from, and which files in it are trusted.
//
// A module runs with all our rights, so nobody but root and us may be able to change it, nor any directory on
// the way to it. All is checked before the file reaches dlopen, which would already run its constructors.
#pragma once

#include <string>
#include <vector>

#include "status.h"
#include "unique_fd.h"

namespace paxect::host {

class PluginDirectory {
 public:
  // Opens the directory at an absolute path; an empty path means ../lib/paxect/plugins from this binary.
  // Fails with status 78 unless it and all its ancestors are owned by root or us and writable by no one else.
  // (A sticky ancestor of root's such as /tmp may be writable by all: what we have in it is safe.)
  static Status open(const std::string& path, PluginDirectory* out);

  // Absolute, without symbolic links.
  const std::string& path() const { return path_; }

  // The names of all files NAME.so, sorted; NAME may be one that check() refuses.
  Status list(std::vector<std::string>* names) const;

  // Whether NAME.so may be loaded: a proper name, a regular file (not a link to one), owned by root or us,
  // writable by no one else. Gives its path.
  //
  // dlopen takes the path, not the descriptor that was checked: by a path below /proc/self/fd the module
  // would have no $ORIGIN to find its libraries from, and debuggers no file. The path is as safe, because
  // whoever could put another file there is root or us.
  Status check(const std::string& name, std::string* path) const;

 private:
  std::string path_;
  UniqueFd fd_;
};

}  // namespace paxect::host

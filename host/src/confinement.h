// Landlock: restricts a thread, and all threads and programs that it starts from then on, to the files below
// some paths.
//
// A rule belongs to the directory that exists at the path at that time. A directory that replaces it later is
// reached only through a rule for a directory above. Open descriptors stay usable. Linux 5.13 and later.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace paxect::host {

struct AllowedPath {
  std::string path;
  bool read = false;
  bool write = false;  // contents, and names: new, removed, renamed
  bool execute = false;
};

// The version of Landlock in this kernel; 0 when the kernel has none or has disabled it.
int landlock_version();

// Restricts the calling thread; this cannot be undone. Returns 0, or an errno, and then nothing has changed.
// A path that does not exist is skipped.
int confine_thread(const std::vector<AllowedPath>& paths);

}  // namespace paxect::host

// Landlock: a thread gives up all files but those below some paths, for itself and all that it starts from
// then on.
//
// Rules belong to the directories that stand under the paths at the time: one that takes their place later is
// reached only through a rule for a directory above it. What is open already stays open. Linux 5.13 and
// later.
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

// The version of Landlock in this kernel, 0 when it has none or has it switched off.
int landlock_version();

// Confines the calling thread for good. 0, or an errno: then nothing has changed. A path that is not there is
// passed over.
int confine_thread(const std::vector<AllowedPath>& paths);

}  // namespace paxect::host

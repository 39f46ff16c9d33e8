// A file that link keeps up to date for other programs: metrics, manifest, state. The operator may have
// put a symbolic link under its path, to the directory that a collector or a peer reads.
#pragma once

#include <string>
#include <string_view>

#include "base/filesystem.h"
#include "base/status.h"

namespace paxect::link {

// Where the links under a path lead; the path itself where there is none. The failures of publish_file().
Status find_published_file(const std::string& path, std::string* end);

// Replaces the file that the path leads to, atomically, links followed to their end. A link counts only when
// we or root made it: in a shared directory, another user's could lead to any file of ours. What is neither a
// regular file nor missing is left as it is, and a failure. `durable` and `mode` as in replace_file().
Status publish_file(const std::string& path, std::string_view contents, Durable durable, unsigned mode = 0);

}  // namespace paxect::link

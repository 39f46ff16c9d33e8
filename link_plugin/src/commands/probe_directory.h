// Where `doctor` tries things: a directory of its own, and what its probes share.
#pragma once

#include <fcntl.h>

#include <string>

#include "base/unique_fd.h"
#include "commands/mount_probe.h"
#include "commands/scratch.h"

namespace paxect::link {

class ProbeDirectory {
 public:
  Status open(const std::string& parent) { return scratch_.open(parent, "doctor"); }
  const Directory& directory() const { return scratch_.directory(); }
  int fd() const { return directory().fd(); }
  bool interrupted() const { return scratch_.interrupted(); }

  // A new or emptied file; negative with errno when it cannot be had.
  UniqueFd file(const std::string& name, int flags = 0) const {
    return UniqueFd(openat(fd(), name.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | flags, 0600));
  }
  bool has(const std::string& name) const { return directory().stat_of(name).kind != FileKind::kMissing; }

 private:
  ScratchDirectory scratch_;
};

// The text of an errno.
std::string words_of(int error);
// A finding whose effect is `good` if it holds, `bad` otherwise.
Finding verdict(const std::string& what, bool holds, const std::string& found, const std::string& good,
                const std::string& bad);

}  // namespace paxect::link

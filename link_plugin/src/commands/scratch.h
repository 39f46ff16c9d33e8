// A directory to try things in, gone with all its contents at the end of the scope, whatever happened: a
// signal that would end the process is held back until then. What a process that was killed left behind is
// removed by the next one that works in the same place for the same purpose.
#pragma once

#include <string>

#include "base/filesystem.h"
#include "commands/held_signals.h"

namespace paxect::link {

class ScratchDirectory {
 public:
  ScratchDirectory() = default;
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  // A new hidden one in `parent`, for its owner only; its name begins with `.paxect_` and `purpose`.
  Status open(const std::string& parent, const std::string& purpose);

  const Directory& directory() const { return directory_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  // Whether the process was asked to end: leave the scope soon.
  bool interrupted() const { return signals_.arrived(); }

 private:
  HeldSignals signals_;  // before all else, and to the last
  std::string path_;
  Directory directory_;  // locked as long as it is open
};

}  // namespace paxect::link

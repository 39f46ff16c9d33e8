// The setting `ignore`: names of files and folders that the relay never takes, moves or counts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace paxect::link {

// Partial names of common programs, and what systems leave in shared folders.
extern const std::string_view kDefaultIgnore;

class IgnoreList {
 public:
  // Patterns of fnmatch(3), separated by blanks and quoted as a command line is. Fails for a pattern
  // that cannot be meant; the list stays as it was then.
  Status parse(std::string_view line);
  // Whether the name of a file or folder, without its path, matches one; in any ASCII case.
  bool matches(std::string_view name) const;

 private:
  std::vector<std::string> patterns_;
};

}  // namespace paxect::link

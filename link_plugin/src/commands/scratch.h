// A directory to try things in, gone with all its contents at the end of the scope, whatever happened.
#pragma once

#include <string>

#include "base/filesystem.h"

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

 private:
  std::string path_;
  Directory directory_;
};

}  // namespace paxect::link

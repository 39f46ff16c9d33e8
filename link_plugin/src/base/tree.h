// One side of a relay, the inbox or the outbox: the place itself and the folders below it that are in use.
//
// Whoever keeps a folder that folder() gave keeps it open; it stays the same directory when the place is
// replaced. Not for two threads at a time.
#pragma once

#include <memory>
#include <string>

#include "base/filesystem.h"
#include "base/open_folders.h"
#include "base/place.h"
#include "base/status.h"

namespace paxect::link {

// What to do about a folder that does not exist.
enum class IfMissing { kFail, kCreate };

class Tree {
 public:
  // At the start: the directory under the path is the one that is meant.
  Status open(const std::string& path);
  // Whether it is still there; see Place::check. After a replacement the folders are those of the new place.
  Status check(bool* replaced);

  // Requires: open() succeeded.
  const Directory& root() const { return *place_.directory(); }
  bool is_open() const { return place_.directory() != nullptr; }

  // "a/b" below the root, "" for the root itself. `*fresh` reports whether nobody had the folder open.
  Status folder(const std::string& relative, IfMissing if_missing, std::shared_ptr<const Directory>* out,
                bool* fresh);

 private:
  Place place_;
  OpenFolders folders_;
};

}  // namespace paxect::link

// One side of a relay, the inbox or the outbox: the place itself and the folders below it that are in use.
//
// Whoever keeps a folder that folder() gave keeps it open; it stays the same directory when the place is
// replaced. Not for two threads at a time.
#pragma once

#include <functional>
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
  // See Place::token().
  const std::string& token() const { return place_.token(); }
  bool is_open() const { return place_.directory() != nullptr; }

  // Called for each folder below the root that is opened, until nobody keeps it open any more.
  using Opened = std::function<void(const Directory& folder, const std::string& relative)>;
  void on_open(Opened opened) { opened_ = std::move(opened); }

  // "a/b" below the root, "" for the root itself.
  Status folder(const std::string& relative, IfMissing if_missing, std::shared_ptr<const Directory>* out);
  // The same, of a folder that has to exist.
  Status folder(const std::string& relative, std::shared_ptr<const Directory>* out) {
    return folder(relative, IfMissing::kFail, out);
  }

 private:
  Opened opened_;
  Place place_;
  OpenFolders folders_;
};

}  // namespace paxect::link

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
#include "base/status.h"

namespace paxect::link {

// What to do about a folder that does not exist.
enum class IfMissing { kFail, kCreate };

class Tree {
 public:
  // This directory is the place from now on, and `token` its identity. The folders are those below it.
  void use(std::shared_ptr<const Directory> root, std::string token);
  // Whether the path still leads to it: it was not moved away, unmounted or replaced.
  bool is_in_place() const { return is_open() && root_->is_in_place(); }

  bool is_open() const { return root_ != nullptr; }
  // Requires: is_open().
  const Directory& root() const { return *root_; }
  const std::shared_ptr<const Directory>& shared_root() const { return root_; }
  // The identity of the place, "" before it is open.
  const std::string& token() const { return token_; }
  // See directory_instance().
  const std::string& instance() const { return instance_; }

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
  std::shared_ptr<const Directory> root_;
  std::string token_;
  std::string instance_;
  OpenFolders folders_;
};

}  // namespace paxect::link

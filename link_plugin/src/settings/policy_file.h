// The policy file of one relay: how it is read, noticed to change, and written for the first time.
//
// Not for two threads at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/filesystem.h"
#include "base/status.h"
#include "settings/policy.h"

namespace paxect::link {

// What one reading found.
struct PolicyReading {
  Policy policy;  // the default one where the file does not exist; requires ok()
  std::vector<std::string> warnings;
  // One line each, and empty when it does not apply. A missing file is no failure by itself: before its first
  // start a relay has none.
  std::string missing;
  std::string unreadable;
  std::vector<std::string> faults;  // everything that is wrong with the text

  bool ok() const { return unreadable.empty() && faults.empty(); }
};

class PolicyFile {
 public:
  PolicyFile(std::string path, std::string node) : path_(std::move(path)), node_(std::move(node)) {}

  const std::string& path() const { return path_; }

  PolicyReading read();
  // Whether the path leads to another state of the file than the last read() or write_default() saw.
  bool has_changed() const;
  // Makes has_changed() true until the next read().
  void forget() { seen_ = FileIdentity{}; }
  // Writes the default policy, durably.
  Status write_default();

 private:
  std::string path_;
  std::string node_;
  std::optional<FileIdentity> seen_;  // empty: no file
};

}  // namespace paxect::link

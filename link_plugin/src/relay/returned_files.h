// Files that the relay itself renamed back to a visible name, after it had caught them under a hidden one.
//
// The watcher sees such a rename as an arrival, but it proves nothing about whether their producer has
// finished them: they wait as if a scan had just found them. Not for two threads at a time.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "relay/reporter.h"
#include "stages/intake.h"

namespace paxect::link {

class ReturnedFiles {
 public:
  explicit ReturnedFiles(Reporter* reporter) : reporter_(*reporter) {}

  // The files of `folder` that got these names while `source` was removed or moved away. One whose own name
  // was taken got another, which is reported.
  void note(const Directory& folder, const Candidate& source, const std::vector<std::string>& names);
  bool contains(const Candidate& file) const;
  // The watcher's events of the renames so far have been read.
  void forget() { files_.clear(); }

  // How often note() added files; for whoever has to look at the inbox again.
  unsigned long count() const { return count_; }

 private:
  Reporter& reporter_;
  std::unordered_map<std::string, FileIdentity> files_;  // by path in the inbox
  unsigned long count_ = 0;
};

}  // namespace paxect::link

// Folders below one directory, each opened once for all who use it at the same time.
//
// Not safe for threads.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "base/filesystem.h"
#include "base/status.h"

namespace paxect::link {

class OpenFolders {
 public:
  // "a/b" below `base`, which is the same one as long as clear() is not called; see Directory::open_below.
  // `*fresh`: nobody had it open. Whoever keeps `*out` keeps the folder open.
  Status open(const Directory& base, const std::string& folder, bool create,
              std::shared_ptr<const Directory>* out, bool* fresh);
  void clear() { known_.clear(); }
  // How many are remembered: at most twice as many as were open at one time, and kFew.
  std::size_t size() const { return known_.size(); }

  static constexpr std::size_t kFew = 64;

 private:
  std::unordered_map<std::string, std::weak_ptr<const Directory>> known_;
  std::size_t enough_ = kFew;  // to look for those that nobody has open any more
};

}  // namespace paxect::link

// The inbox or the outbox while the relay runs: the directory that stood under the path at the start, or one
// that took its place honestly. A symbolic link or, where a file system was mounted, its bare mount point do
// not: files would go where nobody looks for them.
#pragma once

#include <memory>
#include <string>

#include "base/filesystem.h"

namespace paxect::link {

class Place {
 public:
  // At the start: whatever is there is what is meant.
  Status open(const std::string& path);
  // Whether it is still there. `*replaced` is set when another directory stands there now and is in use from
  // here on.
  Status check(bool* replaced);

  const std::shared_ptr<const Directory>& directory() const { return directory_; }
  // That of its marker, or in its place one derived from the directory itself; "" before it is open.
  const std::string& token() const { return token_; }

 private:
  std::string path_;
  bool was_link_ = false;
  bool was_mount_ = false;
  std::shared_ptr<const Directory> directory_;
  std::string token_;
};

}  // namespace paxect::link

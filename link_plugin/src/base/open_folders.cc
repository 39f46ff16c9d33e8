#include "base/open_folders.h"

#include <algorithm>

namespace paxect::link {

Status OpenFolders::open(const Directory& base, const std::string& folder, bool create,
                         std::shared_ptr<const Directory>* out, bool* fresh) {
  *fresh = false;
  if (auto known = known_.find(folder); known != known_.end())
    if (*out = known->second.lock(); *out) return Status::success();
  auto opened = std::make_shared<Directory>();
  if (Status status = base.open_below(folder, create, opened.get()); !status.ok()) return status;
  if (known_.size() >= enough_) {
    std::erase_if(known_, [](const auto& each) { return each.second.expired(); });
    enough_ = std::max(kFew, 2 * known_.size());
  }
  *fresh = true;
  known_[folder] = *out = std::move(opened);
  return Status::success();
}

}  // namespace paxect::link

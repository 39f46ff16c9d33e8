#include "base/tree.h"

#include <utility>

#include "base/place_marker.h"

namespace paxect::link {

void Tree::use(std::shared_ptr<const Directory> root, std::string token) {
  folders_.clear();
  root_ = std::move(root);
  token_ = std::move(token);
  instance_ = directory_instance(*root_);
}

Status Tree::folder(const std::string& relative, IfMissing if_missing,
                    std::shared_ptr<const Directory>* out) {
  if (relative.empty()) {
    *out = root_;
    return Status::success();
  }
  bool fresh = false;
  Status status = folders_.open(root(), relative, if_missing == IfMissing::kCreate, out, &fresh);
  if (fresh && opened_) opened_(**out, relative);
  return status;
}

}  // namespace paxect::link

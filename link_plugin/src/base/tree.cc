#include "base/tree.h"

namespace paxect::link {

Status Tree::open(const std::string& path) { return place_.open(path); }

Status Tree::check(bool* replaced) {
  Status status = place_.check(replaced);
  if (*replaced) folders_.clear();
  return status;
}

Status Tree::folder(const std::string& relative, IfMissing if_missing,
                    std::shared_ptr<const Directory>* out) {
  if (relative.empty()) {
    *out = place_.directory();
    return Status::success();
  }
  bool fresh = false;
  Status status = folders_.open(root(), relative, if_missing == IfMissing::kCreate, out, &fresh);
  if (fresh && opened_) opened_(**out, relative);
  return status;
}

}  // namespace paxect::link

#include "claims.h"

namespace paxect::host {

const std::string* Claims::claim(const std::string& resource, const std::string& instance) {
  std::lock_guard lock(mutex_);
  auto [owner, is_new] = owners_.try_emplace(resource, instance);
  return is_new || owner->second == instance ? nullptr : &owner->second;
}

}  // namespace paxect::host

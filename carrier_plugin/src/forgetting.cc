#include "forgetting.h"

#include <dirent.h>

#include <memory>
#include <string_view>

#include "digest.h"
#include "known_receivers.h"

namespace paxect::carrier {
namespace {

constexpr std::string_view kPrefix = "forget-";

}  // namespace

std::string forget_request(const std::string& state, const std::string& receiver) {
  return state + "/" + std::string(kPrefix) + receiver;
}

std::vector<std::string> forget_requests(const std::string& state) {
  std::vector<std::string> receivers;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(state.c_str()), closedir);
  if (stream == nullptr) return receivers;
  while (const dirent* entry = readdir(stream.get())) {
    std::string_view name = entry->d_name;
    if (!name.starts_with(kPrefix)) continue;
    name.remove_prefix(kPrefix.size());
    if (is_hex(name, KnownReceivers::kIdSize)) receivers.emplace_back(name);
  }
  return receivers;
}

}  // namespace paxect::carrier

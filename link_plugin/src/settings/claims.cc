#include "settings/claims.h"

#include <filesystem>
#include <system_error>

namespace paxect::link {
// Not by Boost.Filesystem: its comparison of paths is noexcept and allocates, so that a lack of memory would
// end the process.
std::string canonical_path(const std::string& path) {
  std::error_code error;
  const std::filesystem::path canonical = std::filesystem::weakly_canonical(path, error);
  return error ? path : canonical.string();
}

std::vector<std::string> claim_resources(const Host& host, const LinkConfig& config) {
  std::vector<std::string> conflicts;
  auto claim = [&](const char* key, const std::string& path) {
    const std::string owner = host.claim("file:" + canonical_path(path));
    if (!owner.empty())
      conflicts.push_back(std::string(key) + " = '" + path + "' (" + host.describe(key) + "): section [" +
                          owner + "] has it too: give each section its own");
  };
  claim("lock", config.lock);
  if (config.state != config.lock) claim("state", config.state);
  claim("inbox", config.inbox);
  if (!config.metrics_file.empty()) claim("metrics_file", config.metrics_file);
  return conflicts;
}

}  // namespace paxect::link

#include "sandbox.h"

#include <system_error>
#include <utility>
#include <vector>

#include "state_directory.h"

namespace paxect::carrier {
namespace {

constexpr std::uint32_t kRead = PAXECT_ACCESS_READ;
constexpr std::uint32_t kOwn = PAXECT_ACCESS_READ | PAXECT_ACCESS_WRITE;

// A folder that is mounted again is reached by the directory above it, unless that is the root.
std::vector<std::pair<std::string, std::uint32_t>> paths_of(const Settings& settings) {
  std::vector<std::pair<std::string, std::uint32_t>> paths;
  for (const std::string& directory : {settings.folder, settings.state}) {
    const std::string above = parent_path(directory);
    paths.emplace_back(above == "/" ? directory : above, kOwn);
  }
  for (const std::string& file : {settings.lock, settings.metrics_file, settings.log})
    if (!file.empty()) paths.emplace_back(parent_path(file), kOwn);
  // Each new connection reads them again.
  for (const std::string& file :
       {settings.credentials, settings.nkey, settings.tls_ca, settings.tls_cert, settings.tls_key})
    if (!file.empty()) paths.emplace_back(parent_path(file), kRead);
  // What libraries look up late: certificates, and how names of servers are resolved.
  for (const char* system : {"/usr", "/lib", "/lib64", "/etc", "/run/systemd/resolve", "/run/resolvconf"})
    paths.emplace_back(system, kRead);
  return paths;
}

}  // namespace

Status enter_sandbox(const Host& host, const Settings& settings) {
  if (settings.sandbox == SandboxMode::kOff) return Status::success();
  const auto paths = paths_of(settings);
  std::vector<paxect_access> list;
  list.reserve(paths.size());
  for (const auto& [path, rights] : paths) list.push_back({path.c_str(), rights, 0});
  const int error = host.confine(list);
  if (error == 0) return Status::success();
  const std::string why = error == ENOSYS || error == EOPNOTSUPP ? "this system has no Landlock"
                                                                 : std::generic_category().message(error);
  if (settings.sandbox == SandboxMode::kRequire)
    return Status::failure("sandbox = require, but " + why + ": use a kernel that has it, or sandbox = auto");
  host.log(PAXECT_LOG_INFO, "not confined to its own directories: " + why);
  return Status::success();
}

}  // namespace paxect::carrier

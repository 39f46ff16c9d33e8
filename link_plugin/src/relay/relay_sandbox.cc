// The paths that a running relay keeps; the host takes all others from its thread. (SECURITY.md)
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/filesystem.h"
#include "base/published_file.h"
#include "base/relay_paths.h"
#include "relay/relay.h"

namespace paxect::link {
namespace {

constexpr std::uint32_t kRead = PAXECT_ACCESS_READ;
constexpr std::uint32_t kOwn = PAXECT_ACCESS_READ | PAXECT_ACCESS_WRITE;

class Paths {
 public:
  void add(const std::string& path, std::uint32_t rights) {
    if (!path.empty()) entries_.emplace_back(path, rights);
  }
  // A directory that may be made or replaced while we run is reached by the nearest one above it that exists,
  // unless that is the root.
  void add_replaceable(const std::string& path, std::uint32_t rights = kOwn) {
    std::string above = directory_name(path);
    FileIdentity ignored;
    while (above != "/" && !identity_of(above, &ignored)) above = directory_name(above);
    add(above == "/" ? path : above, rights);
  }
  std::vector<paxect_access> list() const {
    std::vector<paxect_access> result;
    for (const auto& [path, rights] : entries_) result.push_back({path.c_str(), rights, 0});
    return result;
  }

 private:
  std::vector<std::pair<std::string, std::uint32_t>> entries_;
};

Paths paths_of(const LinkConfig& config) {
  Paths paths;
  for (const std::string& directory : {config.inbox, config.outbox, config.quarantine})
    paths.add_replaceable(directory);
  for (const std::string& file :
       {config.lock, config.state, config.log, config.manifest, config.metrics_file})
    if (!file.empty()) paths.add(directory_name(file), kOwn);
  paths.add_replaceable(config.peers, kRead);
  if (!config.receipts.empty()) paths.add_replaceable(config.receipts);
  if (!config.receipts_in.empty()) paths.add_replaceable(config.receipts_in);
  if (!config.proof_also.empty()) paths.add_replaceable(config.proof_also);
  // Where a link under one of them leads.
  for (const std::string& file : {status_of(config.state), config.manifest, config.metrics_file}) {
    std::string end;
    if (!file.empty() && find_published_file(file, &end).ok() && end != file)
      paths.add(directory_name(end), kOwn);
  }
  paths.add(directory_name(config.policy), kRead);
  if (!config.hmac_key.path().empty()) paths.add(directory_name(config.hmac_key.path()), kRead);
  // What libraries look up late, such as libcrypto its configuration.
  for (const char* system : {"/usr", "/lib", "/lib64", "/etc/ssl"}) paths.add(system, kRead);
  if (config.core.command.empty()) return paths;
  // A program of the operator's choice reads and runs what it likes, and writes where such programs do.
  paths.add("/", kRead | PAXECT_ACCESS_EXECUTE);
  const char* temporary = std::getenv("TMPDIR");
  paths.add(temporary == nullptr || *temporary == '\0' ? "/tmp" : temporary, kOwn);
  for (const char* device : {"/dev/null", "/dev/shm"}) paths.add(device, kOwn);
  return paths;
}

}  // namespace

Status Relay::enter_sandbox() {
  if (config_.sandbox == SandboxMode::kOff) return Status::success();
  Paths paths = paths_of(config_);
  // A file system that is mounted above a place may be mounted again.
  const Mounts mounts;
  for (const auto& [tree, place] : {std::pair{&inbox_, &config_.inbox}, {&outbox_, &config_.outbox}}) {
    const std::string point = mounts.of(tree->root().fd()).point;
    const bool is_above = place->starts_with(point + "/");
    if (is_above && directory_name(point) != "/" &&
        PlaceFinder(directory_name(config_.state)).mount_at(point) != "-")
      paths.add_replaceable(point);
  }
  int error = host_.confine(paths.list());
  if (error == 0) {
    reporter_.log({.name = "sandbox", .status = "ok", .message = "confined to its own directories"});
    return Status::success();
  }
  std::string why = error == ENOSYS || error == EOPNOTSUPP ? "this system has no Landlock"
                                                           : std::generic_category().message(error);
  if (config_.sandbox == SandboxMode::kRequire)
    return Status::refused("sandbox",
                           "sandbox = require, but " + why + ": use a kernel that has it, or sandbox = auto");
  reporter_.log({.name = "sandbox", .status = "skipped", .message = "not confined: " + why});
  return Status::success();
}

}  // namespace paxect::link

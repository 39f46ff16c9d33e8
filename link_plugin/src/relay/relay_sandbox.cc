// The paths that a running relay keeps; the host takes all others from its thread. (SECURITY.md)
#include <fcntl.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/filesystem.h"
#include "base/mounts.h"
#include "base/place.h"
#include "base/published_file.h"
#include "base/relay_paths.h"
#include "base/unique_fd.h"
#include "relay/relay.h"
#include "settings/claims.h"

namespace paxect::link {
namespace {

constexpr std::uint32_t kRead = PAXECT_ACCESS_READ;
constexpr std::uint32_t kOwn = PAXECT_ACCESS_READ | PAXECT_ACCESS_WRITE;

class Paths {
 public:
  void add(const std::string& path, std::uint32_t rights) {
    if (!path.empty()) entries_.emplace_back(path, rights);
  }
  // A directory that may be made or replaced while we run. Where a symbolic link leads it elsewhere, that
  // place is another such directory: a rule holds for what is really above a file.
  void add_replaceable(const std::string& path, std::uint32_t rights = kOwn) {
    if (path.empty()) return;
    const std::string real = canonical_path(path);
    add_above(path, rights);
    if (real != path) add_above(real, rights);
    replaceable_.emplace_back(real, rights);
  }
  // A file system that is mounted above one of them may be mounted again: neither what it is mounted on nor
  // its own root is above a file then that a rule knows.
  void add_mounts_above(const PlaceFinder& finder) {
    const Mounts mounts;
    for (const auto& [path, rights] : replaceable_) {
      std::string above = path;
      UniqueFd fd;
      while (fd.reset(open(above.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), !fd && above != "/")
        above = directory_name(above);
      const std::string point = mounts.of(fd.get()).point;
      if (path.starts_with(point + "/") && directory_name(point) != "/" && finder.mount_at(point) != "-")
        add_above(point, rights);
    }
  }
  // The folders that the keys in a folder are linked to.
  void add_linked_keys(const std::string& folder) {
    Directory directory;
    if (!Directory::open(folder, &directory).ok()) return;
    std::ignore = directory.list([&](const char* name) {
      if (directory.stat_of(name).kind == FileKind::kSymlink)
        add(directory_name(canonical_path(directory.path_of(name))), kRead);
      return true;
    });
  }
  std::vector<paxect_access> list() const {
    std::vector<paxect_access> result;
    for (const auto& [path, rights] : entries_) result.push_back({path.c_str(), rights, 0});
    return result;
  }

 private:
  // What is made there is reached by the nearest directory above it that exists, unless that is the root.
  void add_above(const std::string& path, std::uint32_t rights) {
    std::string above = directory_name(path);
    FileIdentity ignored;
    while (above != "/" && !identity_of(above, &ignored)) above = directory_name(above);
    add(above == "/" ? path : above, rights);
  }

  std::vector<std::pair<std::string, std::uint32_t>> entries_;
  std::vector<std::pair<std::string, std::uint32_t>> replaceable_;  // their real paths
};

Paths paths_of(const LinkConfig& config) {
  Paths paths;
  for (const std::string& directory : {config.inbox, config.outbox, config.quarantine})
    paths.add_replaceable(directory);
  for (const std::string& file :
       {config.lock, config.state, config.log, config.manifest, config.metrics_file})
    if (!file.empty()) paths.add(directory_name(file), kOwn);
  paths.add_replaceable(config.peers, kRead);
  paths.add_linked_keys(config.peers);
  for (const std::string& folder : {config.receipts, config.receipts_in, config.proof_also})
    paths.add_replaceable(folder);
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
  paths.add_mounts_above(PlaceFinder(directory_name(config_.state)));
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

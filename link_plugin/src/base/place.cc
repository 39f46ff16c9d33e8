#include "base/place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/place_marker.h"
#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr std::string_view kLitter[] = {
    "lost+found", "System Volume Information", "$RECYCLE.BIN", ".Spotlight-V100", ".fseventsd",
    ".DS_Store",  ".TemporaryItems",           "autorun.inf",  "desktop.ini"};

bool is_litter(std::string_view name) {
  return name.starts_with(".Trash") || name.starts_with(kPlaceMarker) ||
         std::find(std::begin(kLitter), std::end(kLitter), name) != std::end(kLitter);
}

int open_path(const std::string& path) { return open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }

}  // namespace

PlaceFinder::PlaceFinder(std::string home) : home_(std::move(home)), root_(open_path("/")) {}

Status PlaceFinder::observe(const std::string& path, PlaceObservation* out) const {
  *out = {};
  auto directory = std::make_shared<Directory>();
  Status status = Directory::open(path, directory.get());
  if (!status.ok()) return is_absent(path) ? Status::success() : status;
  if (status = read_marker(*directory, &out->token); !status.ok()) return status;
  out->fingerprint = directory_fingerprint(*directory);
  out->mount = mount_of(directory->fd());
  out->directory = std::move(directory);
  return Status::success();
}

std::string PlaceFinder::mount_at(const std::string& path) const {
  for (std::string above = path;; above = directory_name(above))
    if (UniqueFd fd(open_path(above)); fd || above == directory_name(above))
      return fd ? mount_of(fd.get()) : "-";
}

std::string PlaceFinder::mount_of(int directory) const {
  UniqueFd home(open_path(home_));
  const Mount mount = mounts_.of(directory);
  if (mount.known()) {
    bool is_own = mount.id != mounts_.of(root_.get()).id && (!home || mount.id != mounts_.of(home.get()).id);
    return is_own ? mount.text : "-";
  }
  // Without the kernel's list, another file system is another mount.
  const std::uint64_t device = stat_fd(directory).identity.device;
  bool is_own = device != stat_fd(root_.get()).identity.device &&
                (!home || device != stat_fd(home.get()).identity.device);
  return is_own ? "a file system of its own" : "-";
}

bool is_absent(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) != 0 && errno == ENOENT;
}

Status is_unused(const Directory& directory, bool* unused) {
  *unused = true;
  return directory.list([&](const char* name) { return *unused = is_litter(name); });
}

}  // namespace paxect::link

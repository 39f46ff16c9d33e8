#include "base/place_marker.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "base/token.h"

namespace paxect::link {
namespace {

constexpr std::string_view kTitle = "paxect-place 1 ";
constexpr std::size_t kTokenDigits = 32;
constexpr char kTemporary[] = ".paxect-place.part";
constexpr std::size_t kLargestMarker = 4096;

struct About {
  std::uint64_t file_system = 0;
  std::uint64_t inode = 0;
  std::int64_t born_ns = 0;  // 0: not recorded

  std::string text() const {
    return hex(reinterpret_cast<const std::uint8_t*>(&file_system), sizeof file_system) + "/" +
           std::to_string(inode) + "/" + std::to_string(born_ns);
  }
};

About look_closely(const Directory& directory) {
  About about;
  struct statfs system {};
  static_assert(sizeof system.f_fsid == sizeof about.file_system);
  if (fstatfs(directory.fd(), &system) == 0)
    std::memcpy(&about.file_system, &system.f_fsid, sizeof about.file_system);
  struct statx info {};
  if (statx(directory.fd(), "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &info) != 0) return about;
  about.inode = info.stx_ino;
  if ((info.stx_mask & STATX_BTIME) != 0)
    about.born_ns = info.stx_btime.tv_sec * 1'000'000'000 + info.stx_btime.tv_nsec;
  return about;
}

}  // namespace

Status read_marker(const Directory& directory, std::string* token) {
  token->clear();
  std::string text;
  Status status = directory.read_small(kPlaceMarker, kLargestMarker, &text);
  if (status.fault == Fault::kGone) return Status::success();
  if (status.fault == Fault::kEnvironment) return status;
  std::string_view first = std::string_view(text).substr(0, std::min(text.find('\n'), text.size()));
  if (status.ok() && first.starts_with(kTitle) && is_token(first.substr(kTitle.size()))) {
    *token = first.substr(kTitle.size());
    return Status::success();
  }
  return Status::environment(directory.path_of(kPlaceMarker) + " is not the marker of a place: move it away");
}

namespace {

Status another_relay(const Directory& directory) {
  return Status::environment("another relay makes " + directory.path_of(kPlaceMarker) + " just now");
}

}  // namespace

Status make_marker(const Directory& directory, std::string* token, bool* is_refused) {
  *is_refused = false;
  const std::string text = std::string(kTitle) + *token + "\n";
  const std::string temporary = kTemporary;
  // One that a dead relay left, or a live one is writing: that one finds out, and tries again.
  tidy_marker(directory);
  UniqueFd fd(openat(directory.fd(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                     kOwnFileMode));
  *is_refused = !fd && (errno == EROFS || errno == EACCES || errno == EPERM);
  if (!fd) return io_failure("create", directory.path_of(temporary), errno);
  bool taken = false;
  Status status = write_all(fd.get(), text.data(), text.size(), directory.path_of(temporary));
  if (status.ok()) status = sync_file(fd.get(), directory.path_of(temporary));
  const std::uint64_t inode = look_at(fd.get()).identity.inode;
  auto is_ours = [&](const std::string& name) { return directory.look(name).identity.inode == inode; };
  if (status.ok() && !is_ours(temporary)) return another_relay(directory);
  if (status.ok()) status = directory.rename_new(temporary, kPlaceMarker, &taken);
  if (status.ok()) return is_ours(kPlaceMarker) ? directory.sync() : another_relay(directory);
  if (is_ours(temporary)) std::ignore = directory.remove(temporary);
  if (!taken) return status;
  status = read_marker(directory, token);
  if (status.ok() && token->empty())
    return Status::environment(directory.path_of(kPlaceMarker) + " came and went");
  return status;
}

void tidy_marker(const Directory& directory) { std::ignore = directory.remove(kTemporary); }

std::string directory_fingerprint(const Directory& directory) {
  About about = look_closely(directory);
  return about.born_ns == 0 ? "" : about.text();
}

std::string directory_instance(const Directory& directory) {
  const About about = look_closely(directory);
  return std::to_string(about.inode) + "/" + std::to_string(about.born_ns);
}

std::string derived_token(const Directory& directory) {
  return sha256_hex("paxect-place " + look_closely(directory).text()).substr(0, kTokenDigits);
}

}  // namespace paxect::link

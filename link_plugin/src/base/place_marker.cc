#include "base/place_marker.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <tuple>

#include "base/clock.h"
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

About extended_stat(const Directory& directory) {
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

// A temporary of that age was left by a relay that died; a live one needs a flush between its creation and
// its rename.
constexpr std::uint64_t kMakingTime = 2 * kSecond;
constexpr std::uint64_t kPause = 5 * kMillisecond;

void pause() {
  timespec time{0, static_cast<long>(kPause)};
  nanosleep(&time, nullptr);
}

// One try. `*is_over`: false when another relay is making the marker, or has got in the way.
Status try_to_make(const Directory& directory, const std::string& text, bool* is_over, bool* is_refused) {
  *is_over = true;
  UniqueFd fd(
      openat(directory.fd(), kTemporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnFileMode));
  int error = fd ? 0 : errno;
  // What a dead relay left there exists in a read-only directory, too.
  if (error == EEXIST && faccessat(directory.fd(), ".", W_OK, AT_EACCESS) != 0 &&
      (errno == EROFS || errno == EACCES))
    error = errno;
  *is_over = error != EEXIST;
  if (!*is_over) return Status::success();
  *is_refused = error == EROFS || error == EACCES || error == EPERM;
  if (!fd) return io_failure("create", directory.path_of(kTemporary), error);
  bool taken = false;
  Status status = write_all(fd.get(), text.data(), text.size(), directory.path_of(kTemporary));
  if (status.ok()) status = sync_file(fd.get(), directory.path_of(kTemporary));
  const std::uint64_t inode = stat_fd(fd.get()).identity.inode;
  auto is_ours = [&](const std::string& name) { return directory.stat_of(name).identity.inode == inode; };
  *is_over = !status.ok() || is_ours(kTemporary);
  if (status.ok() && *is_over) status = directory.rename_new(kTemporary, kPlaceMarker, &taken);
  if (status.ok() && *is_over && !taken) *is_over = is_ours(kPlaceMarker);
  if (!status.ok() || taken) {
    if (is_ours(kTemporary)) std::ignore = directory.remove(kTemporary);
    *is_over = !taken;
  }
  if (taken || !*is_over) return Status::success();
  return status.ok() ? directory.sync() : status;
}

}  // namespace

bool has_place_marker(const Directory& directory) {
  return directory.stat_of(kPlaceMarker).kind == FileKind::kRegular;
}

Status make_marker(const Directory& directory, std::string* token, bool* is_refused, const Stop& stop) {
  *is_refused = false;
  const std::string text = std::string(kTitle) + *token + "\n";
  for (std::uint64_t waited = 0; waited < 2 * kMakingTime; waited += kPause) {
    bool is_over = false;
    if (Status status = try_to_make(directory, text, &is_over, is_refused); is_over || !status.ok())
      return status;
    std::string found;
    if (Status status = read_marker(directory, &found); !status.ok()) return status;
    if (!found.empty()) {
      *token = found;
      return Status::success();
    }
    if (stop && stop()) break;
    if (waited == kMakingTime) tidy_marker(directory);
    pause();
  }
  return Status::environment("another relay makes " + directory.path_of(kPlaceMarker) + " just now");
}

void tidy_marker(const Directory& directory) { std::ignore = directory.remove(kTemporary); }

std::string directory_fingerprint(const Directory& directory) {
  About about = extended_stat(directory);
  return about.born_ns == 0 ? "" : about.text();
}

std::string directory_instance(const Directory& directory) {
  const About about = extended_stat(directory);
  return std::to_string(about.inode) + "/" + std::to_string(about.born_ns);
}

std::string derived_token(const Directory& directory) {
  return sha256_hex("paxect-place " + extended_stat(directory).text()).substr(0, kTokenDigits);
}

}  // namespace paxect::link

#include "base/completeness.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <ctime>
#include <limits>
#include <tuple>

#include "base/clock.h"
#include "base/read_lease.h"
#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();
// Two times of one file system are this far apart at least before the later one is certain to be later: the
// tick of the kernel's clock, and the steps of FAT.
constexpr std::uint64_t kTick = 10 * kMillisecond;
constexpr std::uint64_t kCoarseTick = 2 * kSecond;
const std::string kClockStem = "clock.";

}  // namespace

Judgement Completeness::judge(const Directory& folder, const std::string& name, const std::string& path,
                              const FileIdentity& identity, bool written) {
  const bool may_lease = link::may_lease(folder, name);
  if (events_.is_written(path) || (!may_lease && events_.may_be_open(path))) return {Progress::kWritten};
  const std::uint64_t age = age_ns(folder, identity);
  // Who takes the file asks for a lease; here it is needed only for a file that is new.
  if (!written && age > 0 && age >= settle_ns_) return {Progress::kComplete, age};
  UniqueFd fd;
  FileIdentity found;
  if (!may_lease || !folder.open_source(name, &fd, &found).ok()) return {Progress::kUnknown, age};
  switch (take_lease(folder, fd.get())) {
    case Lease::kGranted:
      // Somebody may have written between the stat and the lease: the next observation shows it.
      if (stat_fd(fd.get()).identity == identity) return {Progress::kComplete, age};
      break;
    case Lease::kOpenForWriting:
      return {Progress::kWritten};
    case Lease::kUnavailable:
      break;
  }
  return {Progress::kUnknown, age};
}

// How long ago the file was changed, renamed or touched at the latest, 0 when nobody knows. The ctime of a
// file cannot be set.
std::uint64_t Completeness::age_ns(const Directory& folder, const FileIdentity& identity) {
  if (!now_ns_) now_ns_ = file_system_now(folder);
  if (*now_ns_ == kNoTime || *now_ns_ <= identity.ctime_ns) return 0;
  const auto age = static_cast<std::uint64_t>(*now_ns_) - static_cast<std::uint64_t>(identity.ctime_ns);
  const bool is_coarse = identity.ctime_ns % static_cast<std::int64_t>(kTick) == 0;
  const std::uint64_t tick = is_coarse ? kCoarseTick : kTick;
  return age > tick ? age - tick : 0;
}

bool parse_clock_name(std::string_view name, pid_t* pid) {
  const std::string before = "." + std::string(kClockStem);
  const std::string_view behind = ".part";
  if (!name.starts_with(before) || !name.ends_with(behind) || name.size() <= before.size() + behind.size())
    return false;
  const std::string_view digits = name.substr(before.size(), name.size() - before.size() - behind.size());
  const char* end = digits.data() + digits.size();
  const auto [after, error] = std::from_chars(digits.data(), end, *pid);
  return error == std::errc() && after == end && *pid > 1;
}

std::int64_t file_system_now(const Directory& folder) {
  if (folder.is_local()) {
    // The kernel's own clock, from which its file systems take their times.
    timespec now{};
    if (clock_gettime(CLOCK_REALTIME_COARSE, &now) != 0) return kNoTime;
    return now.tv_sec * static_cast<std::int64_t>(kSecond) + now.tv_nsec;
  }
  UniqueFd fd(openat(folder.fd(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  const std::string name = temporary_of(kClockStem + std::to_string(getpid()));
  const bool is_named = !fd;
  if (is_named) fd.reset(openat(folder.fd(), name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return kNoTime;
  const FileStat observed = stat_fd(fd.get());
  if (is_named) std::ignore = folder.remove(name);
  return observed.kind == FileKind::kRegular ? observed.identity.ctime_ns : kNoTime;
}

}  // namespace paxect::link

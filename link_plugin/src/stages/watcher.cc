#include "stages/watcher.h"

#include <sys/inotify.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "base/clock.h"
#include "base/read_lease.h"
#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr std::uint32_t kActivity =
    IN_CREATE | IN_OPEN | IN_MODIFY | IN_CLOSE_NOWRITE | IN_DELETE | IN_MOVED_FROM;
constexpr std::uint32_t kNameChanges = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
constexpr std::uint64_t kForgottenAfter = 3600 * kSecond;
constexpr int kMaxReads = 16;  // in one drain, so that a stream of events cannot hold up the relay

std::uint64_t steady_now_ns() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                                    std::chrono::nanoseconds(1));
}

}  // namespace

Watcher::Watcher(Clock clock) : clock_(clock ? std::move(clock) : steady_now_ns) {}

bool Watcher::open(bool folders) {
  const std::lock_guard lock(mutex_);
  folders_matter_ = folders;
  fd_.reset(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  folders_.clear();
  activities_.clear();
  leases_prove_all_ = may_lease_every_file();
  return static_cast<bool>(fd_);
}

void Watcher::watch(const Directory& directory, const std::string& folder) {
  const std::lock_guard lock(mutex_);
  if (!fd_) return;
  // By descriptor, so that the watch is on the directory that we hold and not on whatever has its name now.
  std::string path = "/proc/self/fd/" + std::to_string(directory.fd());
  // Without those of files that were unlinked: they would be taken for events of a new file of the name.
  std::uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR | IN_EXCL_UNLINK;
  if (folders_matter_) events |= IN_CREATE;
  if (!leases_prove_all_ || !directory.is_local()) events |= kActivity;
  int watch = inotify_add_watch(fd_.get(), path.c_str(), events);
  if (watch >= 0) folders_[watch] = folder;
}

bool Watcher::is_recent(const Activity& activity) const {
  return clock_() - activity.opened_ns < kForgottenAfter;
}

bool Watcher::is_written(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  auto found = activities_.find(path);
  if (found == activities_.end() || found->second.opens == 0) return false;
  return found->second.is_modified || (found->second.is_made && is_recent(found->second));
}

bool Watcher::is_open(const std::string& path) const {
  auto found = activities_.find(path);
  if (found == activities_.end() || found->second.opens == 0) return false;
  return found->second.is_modified || is_recent(found->second);
}

bool Watcher::may_be_open(const std::string& path) {
  const std::lock_guard lock(mutex_);
  fetch();
  return is_open(path);
}

void Watcher::note(std::uint32_t mask, std::uint32_t cookie, const std::string& path, std::uint64_t now_ns) {
  // Whoever makes a file opens it with that. A hard link makes a name only, and a reader may open it later.
  const bool is_made = (mask & IN_OPEN) != 0 && path == made_;
  made_ = (mask & IN_CREATE) != 0 ? path : "";
  if ((mask & (IN_MOVED_FROM | IN_DELETE)) != 0) {
    auto found = activities_.find(path);
    moved_ = found == activities_.end() ? Activity{} : found->second;
    moved_cookie_ = cookie;
    activities_.erase(path);
    return;
  }
  if ((mask & IN_MOVED_TO) != 0) {
    activities_.erase(path);
    if (cookie == moved_cookie_ && moved_.opens > 0) activities_[path] = moved_;
    return;
  }
  if ((mask & IN_CREATE) != 0) return;
  const bool closes = (mask & (IN_CLOSE_WRITE | IN_CLOSE_NOWRITE)) != 0;
  if (closes && !activities_.contains(path)) return;
  Activity& activity = activities_[path];
  if ((mask & IN_OPEN) != 0 && activity.opens++ == 0) activity.opened_ns = now_ns;
  if (is_made) activity.is_made = true;
  if ((mask & IN_MODIFY) != 0) activity.is_modified = true;
  if ((mask & IN_CLOSE_WRITE) != 0) activity.is_modified = activity.is_made = false;
  if (closes && activity.opens > 0) --activity.opens;
  if ((closes || (mask & IN_MODIFY) != 0) && activity.opens == 0) activities_.erase(path);
}

bool Watcher::has_news() const {
  const std::lock_guard lock(mutex_);
  return !arrivals_.empty() || !is_complete_;
}

void Watcher::fetch() {
  alignas(inotify_event) std::array<char, 65536> buffer;
  for (int reads = 0; fd_ && reads < kMaxReads; ++reads) {
    ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    const std::uint64_t now = clock_();
    for (char* at = buffer.data(); at < buffer.data() + got;) {
      auto event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof(inotify_event) + event->len;
      if ((event->mask & IN_IGNORED) != 0) folders_.erase(event->wd);
      if ((event->mask & (IN_Q_OVERFLOW | IN_IGNORED)) != 0) {
        is_complete_ = false;
        activities_.clear();
        made_.clear();
      }
      const bool is_folder = (event->mask & IN_ISDIR) != 0;
      // A folder that somebody only opened matters to nobody.
      if (folders_matter_ && is_folder && (event->mask & kNameChanges) != 0) is_complete_ = false;
      auto folder = folders_.find(event->wd);
      if (is_folder || event->len == 0 || folder == folders_.end()) continue;
      note(event->mask, event->cookie, join(folder->second, event->name), now);
      if ((event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0)
        arrivals_.emplace_back(folder->second, event->name);
    }
  }
}

bool Watcher::read(const std::function<void(const std::string& folder, const std::string& name)>& arrived) {
  std::vector<std::pair<std::string, std::string>> arrivals;
  bool is_complete = false;
  {
    const std::lock_guard lock(mutex_);
    fetch();
    is_complete = std::exchange(is_complete_, true);
    arrivals = std::exchange(arrivals_, {});
    // Where somebody else has it open, it may go on changing: the scan decides.
    std::erase_if(arrivals, [&](const auto& each) { return is_open(join(each.first, each.second)); });
  }
  for (const auto& [folder, name] : arrivals) arrived(folder, name);
  return is_complete;
}

}  // namespace paxect::link

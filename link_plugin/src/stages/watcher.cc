#include "stages/watcher.h"

#include <sys/inotify.h>

#include <array>
#include <cerrno>

#include "base/read_lease.h"
#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr std::uint32_t kActivity =
    IN_CREATE | IN_OPEN | IN_MODIFY | IN_CLOSE_NOWRITE | IN_DELETE | IN_MOVED_FROM;
constexpr int kMaxReads = 16;  // in one drain, so that a stream of events cannot hold up the relay

}  // namespace

bool Watcher::open(bool folders) {
  folders_matter_ = folders;
  fd_.reset(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  folders_.clear();
  activities_.clear();
  leases_prove_all_ = may_lease_every_file();
  return static_cast<bool>(fd_);
}

void Watcher::watch(const Directory& directory, const std::string& folder) {
  if (!fd_) return;
  // By descriptor, so that the watch is on the directory that we hold and not on whatever has its name now.
  std::string path = "/proc/self/fd/" + std::to_string(directory.fd());
  std::uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR;
  if (folders_matter_) events |= IN_CREATE;
  if (!leases_prove_all_ || !directory.is_local()) events |= kActivity;
  int watch = inotify_add_watch(fd_.get(), path.c_str(), events);
  if (watch >= 0) folders_[watch] = folder;
}

bool Watcher::is_written(const std::string& path) const {
  auto found = activities_.find(path);
  return found != activities_.end() && found->second.is_written && found->second.opens > 0;
}

bool Watcher::is_open(const std::string& path) const {
  auto found = activities_.find(path);
  return found != activities_.end() && found->second.opens > 0;
}

void Watcher::note(std::uint32_t mask, std::uint32_t cookie, const std::string& path) {
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
  const bool closes = (mask & (IN_CLOSE_WRITE | IN_CLOSE_NOWRITE)) != 0;
  if (closes && !activities_.contains(path)) return;
  Activity& activity = activities_[path];
  if ((mask & IN_CREATE) != 0) activity.is_created = true;
  if ((mask & IN_OPEN) != 0) ++activity.opens;
  if ((mask & IN_MODIFY) != 0 || ((mask & IN_OPEN) != 0 && activity.is_created)) activity.is_written = true;
  if ((mask & IN_CLOSE_WRITE) != 0) activity.is_written = activity.is_created = false;
  if (closes && activity.opens > 0) --activity.opens;
  if ((closes || (mask & IN_MODIFY) != 0) && activity.opens == 0) activities_.erase(path);
}

bool Watcher::read(const std::function<void(const std::string& folder, const std::string& name)>& arrived) {
  bool complete = true;
  alignas(inotify_event) std::array<char, 65536> buffer;
  for (int reads = 0; fd_ && reads < kMaxReads; ++reads) {
    ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    for (char* at = buffer.data(); at < buffer.data() + got;) {
      auto event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof(inotify_event) + event->len;
      if ((event->mask & IN_IGNORED) != 0) folders_.erase(event->wd);
      if ((event->mask & (IN_Q_OVERFLOW | IN_IGNORED)) != 0) {
        complete = false;
        activities_.clear();
      }
      if (folders_matter_ && (event->mask & IN_ISDIR) != 0) complete = false;
      auto folder = folders_.find(event->wd);
      bool file = (event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0 && (event->mask & IN_ISDIR) == 0;
      if ((event->mask & IN_ISDIR) != 0 || event->len == 0 || folder == folders_.end()) continue;
      const std::string path = join(folder->second, event->name);
      note(event->mask, event->cookie, path);
      // Where somebody else has it open, it may go on changing: the scan decides.
      if (file && !is_open(path)) arrived(folder->second, event->name);
    }
  }
  return complete;
}

}  // namespace paxect::link

#include "stages/watcher.h"

#include <sys/inotify.h>

#include <array>
#include <cerrno>

namespace paxect::link {
namespace {

constexpr int kMaxReads = 16;  // in one drain, so that a stream of events cannot hold up the relay

}  // namespace

bool Watcher::open(bool folders) {
  folders_matter_ = folders;
  fd_.reset(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  folders_.clear();
  return static_cast<bool>(fd_);
}

void Watcher::watch(const Directory& directory, const std::string& folder) {
  if (!fd_) return;
  // By descriptor, so that the watch is on the directory that we hold and not on whatever has its name now.
  std::string path = "/proc/self/fd/" + std::to_string(directory.fd());
  std::uint32_t events = IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR;
  if (folders_matter_) events |= IN_CREATE;
  int watch = inotify_add_watch(fd_.get(), path.c_str(), events);
  if (watch >= 0) folders_[watch] = folder;
}

bool Watcher::read(const std::function<void(const std::string& folder, const std::string& name)>& arrived,
                   bool* drained) {
  *drained = !fd_;
  bool complete = true;
  alignas(inotify_event) std::array<char, 65536> buffer;
  for (int reads = 0; fd_ && reads < kMaxReads; ++reads) {
    ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      *drained = true;
      break;
    }
    for (char* at = buffer.data(); at < buffer.data() + got;) {
      auto event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof(inotify_event) + event->len;
      if ((event->mask & IN_IGNORED) != 0) folders_.erase(event->wd);
      if ((event->mask & (IN_Q_OVERFLOW | IN_IGNORED)) != 0) complete = false;
      if (folders_matter_ && (event->mask & IN_ISDIR) != 0) complete = false;
      auto folder = folders_.find(event->wd);
      bool file = (event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) != 0 && (event->mask & IN_ISDIR) == 0;
      if (file && event->len > 0 && folder != folders_.end()) arrived(folder->second, event->name);
    }
  }
  return complete;
}

}  // namespace paxect::link

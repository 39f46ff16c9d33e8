#include "commands/mount_probe.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

#include "base/file_system_type.h"
#include "base/flush.h"
#include "base/relay_paths.h"
#include "base/unique_fd.h"
#include "commands/completeness_probe.h"
#include "commands/limit_probes.h"
#include "commands/probe_directory.h"

namespace paxect::link {
namespace {

using Clock = std::chrono::steady_clock;
using Verdict = Finding::Verdict;

constexpr auto kEventPatience = std::chrono::milliseconds(2000);
constexpr int kEventPauseMs = 100;                                // between two checks whether to continue
constexpr auto kClockPatience = std::chrono::milliseconds(4500);  // two ticks of the coarsest, FAT with 2 s
constexpr auto kClockPause = std::chrono::microseconds(200);
constexpr int kTicks = 3;
constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;

Finding probe_file_system(const ProbeDirectory& place) {
  std::uint64_t magic = 0;
  if (!file_system_magic(place.fd(), &magic))
    return {"file system", Verdict::kNote, "unknown: " + words_of(errno), "nothing follows from it"};
  std::string name = file_system_name(magic);
  if (name == "tmpfs" || name == "ramfs")
    return {"file system", Verdict::kFails, name,
            "what is delivered does not outlive a reboot or a power cut: it is in memory only"};
  if (name.empty()) name = "magic number " + std::to_string(magic);
  bool shared = name == "nfs" || name == "smb" || name == "9p" || name == "fuse" || name == "ceph";
  return {"file system", Verdict::kNote, name,
          shared ? "files that another machine puts here are noticed by the scan, every poll_sec"
                 : "nothing more follows from it"};
}

Finding probe_inotify(const ProbeDirectory& place) {
  const std::string good = "a new file is noticed at once";
  const std::string bad = "a new file is noticed by the scan only, every poll_sec";
  UniqueFd events(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!events) return verdict("inotify", false, words_of(errno), good, bad);
  std::string watched = "/proc/self/fd/" + std::to_string(place.fd());
  if (inotify_add_watch(events.get(), watched.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
    return verdict("inotify", false, words_of(errno), good, bad);
  if (!place.file("watched")) return verdict("inotify", false, words_of(errno), good, bad);
  pollfd polled{events.get(), POLLIN, 0};
  bool reported = false;
  for (auto end = Clock::now() + kEventPatience; !reported && !place.interrupted() && Clock::now() < end;)
    reported = poll(&polled, 1, kEventPauseMs) > 0;
  return verdict("inotify", reported, reported ? "reports a file that is closed" : "reports nothing", good,
                 bad);
}

Finding probe_rename(const ProbeDirectory& place) {
  const std::string what = "rename without replace";
  const std::string good = "no file is ever overwritten";
  const std::string bad = "nothing can be delivered here: it could overwrite a file";
  if (!place.file("from") || !place.file("taken")) return verdict(what, false, words_of(errno), good, bad);
  FileIdentity before = place.directory().stat_of("taken").identity;
  bool taken = false;
  Status onto = place.directory().rename_new("from", "taken", &taken);
  bool kept = place.directory().stat_of("taken").identity.inode == before.inode && place.has("from");
  if (onto.ok() || !kept) return verdict(what, false, "an existing file was replaced", good, bad);
  if (!taken) return verdict(what, false, onto.message, good, bad);
  Status status = place.directory().rename_new("from", "to", &taken);
  if (!status.ok()) return verdict(what, false, status.message, good, bad);
  bool direct = renameat2(place.fd(), "to", place.fd(), "again", RENAME_NOREPLACE) == 0;
  return verdict(what, true, direct ? "works" : "works by a hard link: " + words_of(errno), good, bad);
}

Finding probe_fsync_file(const ProbeDirectory& place) {
  UniqueFd file = place.file("flushed");
  const std::string path = place.directory().path_of("flushed");
  Status status = file ? write_all(file.get(), "x", 1, path) : io_failure("create", path, errno);
  if (status.ok()) status = sync_file(file.get(), path);
  return verdict("fsync of a file", status.ok(), status.ok() ? "works" : status.message,
                 "a delivered file has its content after a power cut",
                 "a delivered file may be empty or torn after a power cut");
}

Finding probe_fsync_directory(const ProbeDirectory& place) {
  Status status = place.directory().sync();
  return verdict("fsync of a directory", status.ok(), status.ok() ? "works" : status.message,
                 "a delivered file has its name after a power cut",
                 "nothing is delivered here: a name could be lost in a power cut");
}

Finding probe_flush_of_many(const ProbeDirectory& place) {
  std::vector<UniqueFd> files;
  std::vector<Unflushed> unflushed;
  for (std::size_t i = 0; i < kMaxSingleFlushes + 1; ++i) {
    const std::string name = "many" + std::to_string(i);
    files.push_back(place.file(name));
    unflushed.push_back({files.back().get(), &place.directory(), place.directory().path_of(name)});
  }
  FlushWay way = FlushWay::kEach;
  std::vector<Status> results = flush_files(unflushed, &way);
  auto failed =
      std::find_if(results.begin(), results.end(), [](const Status& status) { return !status.ok(); });
  const std::string found = way == FlushWay::kFileSystem ? "by one syncfs" : "one by one";
  return verdict("flush of many files", failed == results.end(),
                 failed == results.end() ? found : failed->message,
                 way == FlushWay::kFileSystem ? "a batch of small files costs one flush"
                                              : "a batch of small files costs a flush for each of them",
                 "a delivered file may be empty or torn after a power cut");
}

Finding probe_unnamed(const ProbeDirectory& place) {
  UniqueFd file(openat(place.fd(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  return {"O_TMPFILE", Verdict::kNote, file ? "works" : words_of(errno),
          "not needed: temporary files have names of their own"};
}

Finding probe_hard_link(const ProbeDirectory& place) {
  UniqueFd file = place.file("one");
  bool works = file && linkat(place.fd(), "one", place.fd(), "two", 0) == 0;
  return {"hard links", Verdict::kNote, works ? "work" : words_of(errno),
          "needed only where rename without replace is missing"};
}

// The smallest step that the modification time of a file was seen to take, 0 when it took none.
std::uint64_t smallest_tick_ns(const ProbeDirectory& place, int fd) {
  std::int64_t last = stat_fd(fd).identity.mtime_ns;
  std::uint64_t smallest = 0;
  int ticks = -1;  // the first step began before the first observation
  for (auto end = Clock::now() + kClockPatience;
       ticks < kTicks && !place.interrupted() && Clock::now() < end;) {
    std::this_thread::sleep_for(kClockPause);
    if (pwrite(fd, "x", 1, 0) != 1) return 0;
    std::int64_t now = stat_fd(fd).identity.mtime_ns;
    if (now <= last) continue;
    auto tick = static_cast<std::uint64_t>(now - last);
    if (++ticks > 0) smallest = smallest == 0 ? tick : std::min(smallest, tick);
    last = now;
  }
  return smallest;
}

Finding probe_clock(const ProbeDirectory& place, std::uint64_t settle_ns) {
  UniqueFd file = place.file("clock");
  std::uint64_t tick = file ? smallest_tick_ns(place, file.get()) : 0;
  std::uint64_t microseconds = tick / 1000;
  std::string found = tick == 0 ? "do not advance"
                                : "steps of at most " + std::to_string(microseconds / 1000) + "." +
                                      std::to_string(microseconds % 1000 / 100) + " ms";
  return verdict("times of files", tick != 0 && tick <= std::max(settle_ns, kNanosecondsPerMillisecond),
                 found, "a file that is still written to shows it within settle_ms",
                 "a file rewritten with the same size can look unchanged: set settle_ms higher than this");
}

Finding probe_lock(const ProbeDirectory& place) {
  place.file("lock");
  auto open_lock = [&] { return UniqueFd(openat(place.fd(), "lock", O_RDWR | O_CLOEXEC)); };
  UniqueFd one = open_lock();
  UniqueFd two = open_lock();
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  bool first = one && two && fcntl(one.get(), F_OFD_SETLK, &whole) == 0;
  bool exclusive = first && fcntl(two.get(), F_OFD_SETLK, &whole) != 0;
  return verdict("file locks", exclusive, exclusive ? "work" : "do not exclude",
                 "two relays with their lock file here never run at once",
                 "put the lock file elsewhere: here it does not keep a second relay out");
}

}  // namespace

std::string words_of(int error) { return std::generic_category().message(error); }

Finding verdict(const std::string& what, bool holds, const std::string& found, const std::string& good,
                const std::string& bad) {
  return {what, holds ? Verdict::kHolds : Verdict::kFails, found, holds ? good : bad};
}

Status probe_mount(const std::string& path, const ProbeNeeds& needs, std::vector<Finding>* findings) {
  ProbeDirectory place;
  if (Status status = place.open(path); !status.ok()) return status;
  *findings = {probe_file_system(place),
               probe_inotify(place),
               probe_rename(place),
               probe_fsync_file(place),
               probe_fsync_directory(place),
               probe_flush_of_many(place),
               probe_clock(place, needs.settle_ns),
               probe_completeness(place, needs.settle_ns),
               probe_case(place),
               probe_names(place),
               probe_lock(place),
               probe_hard_link(place),
               probe_unnamed(place),
               probe_file_size(place, needs.largest_container_bytes),
               probe_room(place, needs.largest_bytes)};
  return Status::success();
}

}  // namespace paxect::link

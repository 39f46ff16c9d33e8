// Whether anybody can still be writing a file, by the first of these that answers:
//
//   a read lease      proves it, on a local file system, for our own files or with CAP_LEASE (read_lease.h)
//   inotify           a file that was opened since we watch, and not closed (watcher.h)
//   the settle time   nothing about the file changed for so long, by the clock of its file system or by two
//                     observations
//
// Not for two threads at a time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/filesystem.h"

namespace paxect::link {

enum class Progress {
  kUnknown,   // to be observed again after the settle time
  kComplete,  // as it is now
  kWritten    // somebody has it open for writing
};

struct Judgement {
  Progress progress = Progress::kUnknown;
  std::uint64_t quiet_ns = 0;  // for at least so long nothing about the file changed
};

class Completeness {
 public:
  // What events say of a file, by its path in the inbox: whether it is written to, and whether anybody has it
  // open, a reader too.
  struct Events {
    std::function<bool(const std::string& path)> is_written;
    std::function<bool(const std::string& path)> may_be_open;
  };

  Completeness(std::uint64_t settle_ns, Events events) : settle_ns_(settle_ns), events_(std::move(events)) {}

  // Before the files of one scan: takes the time again when it is needed.
  void begin_scan() { now_ns_.reset(); }
  // A file in this folder, whose state is `identity`. Of one that was `written` to at the last observation,
  // its age proves nothing: its writer pauses.
  Judgement judge(const Directory& folder, const std::string& name, const std::string& path,
                  const FileIdentity& identity, bool written);

 private:
  std::uint64_t age_ns(const Directory& folder, const FileIdentity& identity);

  std::uint64_t settle_ns_;
  Events events_;
  std::optional<std::int64_t> now_ns_;  // by the clock of the inbox; INT64_MIN: it cannot be had
};

// What time a file would get that is made in this folder now; INT64_MIN when none can be made. Leaves nothing
// behind unless it is killed: where no file can be made without a name, that is .clock.PID.part.
std::int64_t file_system_now(const Directory& folder);
// Whether it is such a name; `*pid` receives the process that made it.
bool parse_clock_name(std::string_view name, pid_t* pid);

}  // namespace paxect::link

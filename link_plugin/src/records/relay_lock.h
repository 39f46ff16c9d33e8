// One relay for one lock file, and for one inbox.
//
// The lock is that of the operating system (both flock(2) and an open-file-description lock of fcntl(2), so
// that programs that use either exclude each other), and it ends with the process. The file names its holder:
// the process id on the first line, our mark on the second. A file without our mark comes from another
// implementation that may hold no OS lock: its process id alone is respected as long as that process lives.
//
// The inbox is locked besides, by flock(2) on the directory: the file may be removed, and two configurations
// may give two files to one inbox.
#pragma once

#include <string>

#include "base/filesystem.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace paxect::link {

class RelayLock {
 public:
  RelayLock() = default;
  ~RelayLock() { release(); }
  RelayLock(const RelayLock&) = delete;
  RelayLock& operator=(const RelayLock&) = delete;

  // What to do where the file system has no locks: fail, which is the default, or continue without.
  enum class IfNone { kFail, kContinue };
  void set_if_none(IfNone if_none) { if_none_ = if_none; }

  // kWait when somebody else holds it. `*stale` receives a line about a dead owner whose lock this was, or
  // "".
  Status acquire(const std::string& path, std::string* stale);
  // Locks a directory, and unlocks the one that was locked before.
  Status acquire_directory(const Directory& directory);
  // Makes the file again if somebody has removed it, so that others see who holds the lock.
  Status keep();
  // Removes the file and ends the locks. Nothing when none is held.
  void release();
  bool is_held() const { return static_cast<bool>(fd_); }

  // The process that holds the lock on this path now, 0 for none, -1 when it is held by one that it does not
  // name. Takes no lock: a relay that starts at the same moment is not disturbed.
  static long holder(const std::string& path);

 private:
  IfNone if_none_ = IfNone::kFail;
  std::string path_;
  UniqueFd fd_;
  UniqueFd directory_;
};

}  // namespace paxect::link

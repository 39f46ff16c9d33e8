// One relay for one lock file.
//
// The lock is the operating system's (both flock(2) and an open-file-description lock of fcntl(2), so that
// programs using either are seen), and it ends with the process, however that ends. The file says who holds
// it: the process id on the first line, our mark on the second. A file without our mark comes from another
// implementation that may hold no OS lock: its process id alone is respected as long as that process lives.
#pragma once

#include <string>

#include "base/status.h"
#include "base/unique_fd.h"

namespace paxect::link {

class RelayLock {
 public:
  RelayLock() = default;
  ~RelayLock() { release(); }
  RelayLock(const RelayLock&) = delete;
  RelayLock& operator=(const RelayLock&) = delete;

  // kWait when somebody else holds it. `*stale` receives a line about a dead owner whose lock this was, or
  // "".
  Status acquire(const std::string& path, std::string* stale);
  // Removes the file and ends the lock. Nothing when it is not held.
  void release();

  // The process that holds the lock on this path now, 0 for none, -1 when it is held by one not named. Looks
  // only: a relay that starts at the same moment is not disturbed.
  static long holder(const std::string& path);

 private:
  std::string path_;
  UniqueFd fd_;
};

}  // namespace paxect::link

// inotify as a hint: which names of the inbox to observe before the next scan. The scan finds every file
// without it: missing events, lost events and an overflow only delay a file.
//
// Where a lease cannot prove that a file is complete (read_lease.h), events also show which files are open.
// That is evidence for waiting, never for taking a file: equal events in a row are merged into one, so that
// opening and closing cannot be counted exactly. So a file that nobody has written to counts as open for an
// hour, from the first open that no close followed. One that was written to counts until it is closed.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/filesystem.h"
#include "base/unique_fd.h"

namespace paxect::link {

class Watcher {
 public:
  // Nanoseconds that never go back; none: the monotonic clock of the system.
  using Clock = std::function<std::uint64_t()>;
  explicit Watcher(Clock clock = {});

  // False where inotify is not available; then watch() and read() do nothing. `folders`: whether a
  // folder that appears in a watched directory matters.
  bool open(bool folders);
  int fd() const { return fd_.get(); }

  // Whether a file, by its path in the inbox, was opened and written to since we watch, and is not closed.
  bool is_written(const std::string& path) const;
  // Whether it was opened since we watch, to be read or written, and is not closed as far as events show: the
  // queue is read first. Safe for several threads.
  bool may_be_open(const std::string& path);
  // Whether may_be_open() has taken events from the queue that read() has not reported yet.
  bool has_news() const;

  // Watches a directory of the inbox; watching it again does nothing new.
  void watch(const Directory& directory, const std::string& folder);
  // Calls back for each file that was renamed in or closed after writing, with its folder and name. False
  // when events were lost, or a folder that matters appeared or went: a scan is due. Takes a bounded number
  // of events.
  bool read(const std::function<void(const std::string& folder, const std::string& name)>& arrived);

 private:
  // What events have shown of one file; kept while it is open.
  struct Activity {
    unsigned opens = 0;           // those that were not closed, of readers too
    std::uint64_t opened_ns = 0;  // when the first of them was read
    bool is_made = false;         // one of them made the file, to write to it
    bool is_modified = false;     // it was written to since, and not closed after writing
  };
  bool is_recent(const Activity& activity) const;
  bool is_open(const std::string& path) const;
  // Reads the queue into arrivals_ and activities_.
  void fetch();
  void note(std::uint32_t mask, std::uint32_t cookie, const std::string& path, std::uint64_t now_ns);

  Clock clock_;
  mutable std::mutex mutex_;                                   // of all below it
  std::vector<std::pair<std::string, std::string>> arrivals_;  // folder, name; not called back yet
  bool is_complete_ = true;                                    // no events were lost since the last read()
  UniqueFd fd_;
  bool leases_prove_all_ = false;
  std::unordered_map<std::string, Activity> activities_;  // by path in the inbox
  std::string made_;                                      // the path of the last event, if that made it
  Activity moved_;                                        // of the file that is being renamed
  std::uint32_t moved_cookie_ = 0;
  bool folders_matter_ = false;
  std::unordered_map<int, std::string> folders_;  // by watch descriptor
};

}  // namespace paxect::link

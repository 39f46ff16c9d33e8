// inotify as a hint: which names of the inbox to look at before the next scan. The scan remains the truth, so
// that nothing depends on this working: no events, lost events and an overflow only make things later.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>

#include "base/filesystem.h"
#include "base/unique_fd.h"

namespace paxect::link {

class Watcher {
 public:
  // False where there is no inotify to be had; then watch() and read() do nothing. `folders`: whether a
  // folder that appears in a watched directory matters.
  bool open(bool folders);
  int fd() const { return fd_.get(); }

  // Watches a directory of the inbox; watching it again does nothing new.
  void watch(const Directory& directory, const std::string& folder);
  // Calls back for each file that was renamed in or closed after writing, with its folder and name. False
  // when events were lost, or a folder that matters appeared or went: a scan is due. Takes a bounded number
  // of events; `*drained` is false while there may be more.
  bool read(const std::function<void(const std::string& folder, const std::string& name)>& arrived,
            bool* drained);

 private:
  UniqueFd fd_;
  bool folders_matter_ = false;
  std::unordered_map<int, std::string> folders_;  // by watch descriptor
};

}  // namespace paxect::link

// A new file in a directory that gets its name when it is complete. Until then it has no name, so that
// nothing remains of it whatever happens to the process; where the file system or a missing /proc does not
// permit that, it has a hidden name, ".paxect-*.part". The mode is 0600. One thread at a time.
#pragma once

#include <sys/stat.h>

#include <string>

#include "descriptor.h"

namespace paxect::core {

class TemporaryFile {
 public:
  TemporaryFile() = default;
  ~TemporaryFile() { discard(); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  // In a directory that stays open as long as this object is used. Whether the file can be given its name
  // later is found out here. 0, or the errno value.
  int create(int directory);
  int fd() const { return file_.get(); }
  // The permission bits that a file has that a program creates here in the usual way. 0, or the errno value.
  int find_usual_mode(mode_t& mode);

  // Puts the file under `name`. What exists there is replaced if `replace`; otherwise that is EEXIST, and may
  // be tried again. 0, or the errno value.
  int move_to(const std::string& name, bool replace);

 private:
  int create_hidden();
  bool can_be_named() const;
  int flush() const;  // a network file system reports on closing what it could not write
  int link_to(const std::string& name) const;
  int link_hidden();
  int rename_to_free(const std::string& name);
  void discard();

  int directory_ = -1;
  Descriptor file_;
  std::string hidden_name_;  // to be removed on failure; empty: none
};

// Removes the hidden files that this process made and still has open, for an end that runs no destructors.
// Needs /proc. Async-signal-safe.
void remove_own_hidden_files() noexcept;

}  // namespace paxect::core

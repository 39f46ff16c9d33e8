// Where a directory is mounted, as the kernel lists it in /proc/self/mountinfo.
//
// A bind mount of a directory onto itself shows what is there without it; service managers make them for each
// writable path of a unit. Such a mount counts as part of the one below it. Not for two threads at a time.
#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.h"

namespace paxect::link {

struct Mount {
  std::uint64_t id = 0;  // 0: unknown
  std::string point;     // directory that it is mounted on
  std::string text;      // "nfs server:/export on /mnt/share"

  bool known() const { return id != 0; }
};

class Mounts {
 public:
  // Opens the kernel's list, so that of() works also where the process cannot open it any more.
  Mounts();

  // The mount that an open directory is on; unknown where the kernel does not say.
  Mount of(int directory) const;

 private:
  UniqueFd list_;
};

}  // namespace paxect::link

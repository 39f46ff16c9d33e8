// A process that may have leases on its own files alone, and files that are not its own.
#pragma once

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string>

namespace paxect::test {

// Gives up CAP_LEASE for the calling thread, and those that it starts, until the end of the scope.
class NoLeases {
 public:
  NoLeases() {
    if (geteuid() != 0 || syscall(SYS_capget, &header_, before_.data()) != 0) return;
    auto sets = before_;
    sets[CAP_TO_INDEX(CAP_LEASE)].effective &= ~CAP_TO_MASK(CAP_LEASE);
    works_ = syscall(SYS_capset, &header_, sets.data()) == 0;
  }
  ~NoLeases() {
    if (works_) syscall(SYS_capset, &header_, before_.data());
  }
  NoLeases(const NoLeases&) = delete;
  NoLeases& operator=(const NoLeases&) = delete;

  // False where only root could do it.
  bool works() const { return works_; }
  // Makes a file somebody else's.
  static bool give_away(const std::string& path) { return chown(path.c_str(), 65534, 65534) == 0; }

 private:
  __user_cap_header_struct header_{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> before_{};
  bool works_ = false;
};

}  // namespace paxect::test

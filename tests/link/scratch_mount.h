// File systems and users that a test makes use of for a while. Where that is not allowed a test skips and
// says so.
#pragma once

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.h"
#include "support/process.h"

namespace paxect::test {

using Words = std::vector<std::string>;

inline bool ran(const Words& argv) { return run({.argv = argv}).status == 0; }

// A mounted file system, gone at the end of the scope.
class ScratchMount {
 public:
  explicit ScratchMount(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {}
  ~ScratchMount() { unmount(); }
  ScratchMount(const ScratchMount&) = delete;
  ScratchMount& operator=(const ScratchMount&) = delete;

  bool mount(const std::string& path) {
    path_ = path;
    std::filesystem::create_directories(path);
    std::vector<std::string> argv = {"mount"};
    argv.insert(argv.end(), arguments_.begin(), arguments_.end());
    argv.push_back(path);
    mounted_ = ran(argv);
    return mounted_;
  }
  void unmount(bool lazily = false) {
    if (mounted_) ran(lazily ? Words{"umount", "-l", path_} : Words{"umount", path_});
    mounted_ = false;
  }
  void pull_the_plug() const {
    const int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    // ext4 and XFS: stop the file system as if the power went, without writing its log out.
    constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
    std::uint32_t how = 2;
    REQUIRE(ioctl(fd, kShutdown, &how) == 0);
    close(fd);
  }

 private:
  std::vector<std::string> arguments_;
  std::string path_;
  bool mounted_ = false;
};

// The words before a command line that make it that of another user.
inline const Words kAsNobody = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};

inline bool can_be_nobody() {
  Words version = kAsNobody;
  version.insert(version.end(), {PAXECT_TEST_BIN "/paxect", "--version"});
  const bool can = geteuid() == 0 && ran(version);
  if (!can) WARN("skipped: needs root, to be somebody else for a while");
  return can;
}

}  // namespace paxect::test

// Disks that lose their power, run full, or deny: on file systems made for the test. Where that is not
// allowed the tests are skipped and say so.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <random>

#include "link/relay_site.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

// ext4 and XFS: stop the file system as if the power went, without writing its log out.
constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kNoLogFlush = 2;

bool ran(const std::vector<std::string>& argv) { return run({.argv = argv}).status == 0; }

// A mounted file system, gone at the end of the scope.
class Mount {
 public:
  explicit Mount(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {}
  ~Mount() { unmount(); }
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;

  bool mount(const std::string& path) {
    path_ = path;
    std::filesystem::create_directories(path);
    std::vector<std::string> argv = {"mount"};
    argv.insert(argv.end(), arguments_.begin(), arguments_.end());
    argv.push_back(path);
    mounted_ = ran(argv);
    return mounted_;
  }
  void unmount() {
    if (mounted_) ran({"umount", path_});
    mounted_ = false;
  }
  void pull_the_plug() const {
    int fd = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    std::uint32_t how = kNoLogFlush;
    REQUIRE(ioctl(fd, kShutdown, &how) == 0);
    close(fd);
  }

 private:
  std::vector<std::string> arguments_;
  std::string path_;
  bool mounted_ = false;
};

TEST_CASE("After a loss of power nothing is lost, partial, or delivered twice") {
  TempDir temp;
  std::string image = temp / "image";
  Mount disk({"-o", "loop", image});
  if (!ran({"truncate", "-s", "64M", image}) || !ran({"mkfs.ext4", "-q", "-F", image}) ||
      !disk.mount(temp / "disk")) {
    WARN("skipped: no loop mounts of ext4 here");
    return;
  }
  RelaySite site(temp / "disk/site");
  std::minstd_rand random(11);
  int made = 0;
  for (int loss = 0; loss < (is_long() ? 60 : 6); ++loss) {
    {
      Background relay({.argv = site.relay(), .directory = site.directory()});
      auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(50 + random() % 400);
      while (std::chrono::steady_clock::now() < end) {
        std::string contents = text(random() % 50'000, static_cast<std::uint32_t>(made));
        site.put("f" + std::to_string(made++), contents, true);
      }
      disk.pull_the_plug();
      relay.signal(SIGKILL);
      relay.wait();
    }
    disk.unmount();
    REQUIRE(disk.mount(temp / "disk"));
    site.receive(false);
  }
  site.converges(false);
}

TEST_CASE("A full disk is waited for") {
  TempDir temp;
  Mount disk({"-t", "tmpfs", "-o", "size=2M", "none"});
  if (!disk.mount(temp / "disk")) {
    WARN("skipped: no tmpfs mounts here");
    return;
  }
  RelaySite site(temp / "disk/site");
  for (int i = 0; i < 6; ++i)
    site.put("f" + std::to_string(i), noise(250'000, static_cast<std::uint32_t>(i)));
  write_file(temp / "disk/ballast", std::string(300'000, 'x'));
  Result full = run({.argv = site.relay({"--once"}), .directory = site.directory()});
  CHECK(full.status == 1);
  CHECK(full.error.find("No space left on device") != std::string::npos);
  CHECK(exists(site.path("inbox/f5.txt")));
  REQUIRE(ran({"mount", "-o", "remount,size=32M", temp / "disk"}));
  site.converges();
}

TEST_CASE("A file system out of inodes is waited for") {
  TempDir temp;
  Mount disk({"-t", "tmpfs", "-o", "size=8M,nr_inodes=24", "none"});
  if (!disk.mount(temp / "disk")) {
    WARN("skipped: no tmpfs mounts here");
    return;
  }
  RelaySite site(temp / "disk/site");
  for (int i = 0; i < 12; ++i) site.put("f" + std::to_string(i), "contents " + std::to_string(i));
  Result full = run({.argv = site.relay({"--once"}), .directory = site.directory()});
  INFO(full.error);
  REQUIRE(ran({"mount", "-o", "remount,nr_inodes=1000", temp / "disk"}));
  site.converges();
}

TEST_CASE("An outbox that may not be written to is waited for") {
  std::vector<std::string> as_nobody = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
  if (geteuid() != 0 || !ran({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                              PAXECT_TEST_BIN "/paxect", "--version"})) {
    WARN("skipped: needs root, to be somebody else for a while");
    return;
  }
  RelaySite site;
  site.put("a", "contents");
  std::filesystem::create_directories(site.path("outbox"));
  for (const char* name : {"", "inbox", "outbox"}) REQUIRE(chown(site.path(name).c_str(), 65534, 65534) == 0);
  REQUIRE(chmod(site.path("outbox").c_str(), 0555) == 0);
  std::vector<std::string> argv = as_nobody;
  for (const std::string& word : site.relay({"--once"})) argv.push_back(word);
  Result denied = run({.argv = argv, .directory = site.directory()});
  CHECK(denied.status == 1);
  CHECK(denied.error.find("Permission denied") != std::string::npos);
  REQUIRE(chmod(site.path("outbox").c_str(), 0755) == 0);
  site.converges(true, as_nobody);
}

}  // namespace
}  // namespace paxect::test

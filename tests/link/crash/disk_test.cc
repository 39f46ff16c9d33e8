// Disks that lose their power, run full, or deny: on file systems made for the test. Where that is not
// allowed the tests are skipped and say so.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <random>

#include "link/relay_site.h"
#include "link/scratch_mount.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

TEST_CASE("After a loss of power nothing is lost, partial, or delivered twice") {
  TempDir temp;
  std::string image = temp / "image";
  ScratchMount disk({"-o", "loop", image});
  if (!ran({"truncate", "-s", "1G", image}) || !ran({"mkfs.ext4", "-q", "-F", image}) ||
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
  ScratchMount disk({"-t", "tmpfs", "-o", "size=2M", "none"});
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
  ScratchMount disk({"-t", "tmpfs", "-o", "size=8M,nr_inodes=24", "none"});
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

bool logged(const RelaySite& site, const std::string& text) {
  return exists(site.path("paxect_link_log.jsonl")) && site.log().find(text) != std::string::npos;
}

void end(Background& relay) {
  relay.signal(SIGTERM);
  CHECK(relay.wait().status == 0);
}

// A stick that is pulled while the relay runs: nothing goes to the empty mount point, and everything when the
// stick, or another one, is back.
TEST_CASE("An outbox unmounted under the relay gets nothing until it is mounted again") {
  RelaySite site;
  TempDir other;
  for (bool same_again : {true, false}) {
    const std::string image = other / (same_again ? "same" : "other");
    ScratchMount stick({"-o", "loop", image});
    if (!ran({"truncate", "-s", "16M", image}) || !ran({"mkfs.ext4", "-q", "-F", image}) ||
        !stick.mount(site.path("outbox"))) {
      WARN("skipped: no loop mounts of ext4 here");
      return;
    }
    std::filesystem::remove(site.path("outbox/lost+found"));
    const std::string number = same_again ? "1" : "2";
    Background relay(site.command());
    site.put("before" + number, "delivered before " + number);
    REQUIRE(eventually([&] { return exists(site.path("outbox/before" + number)); }));
    site.receive(true);
    stick.unmount(true);
    site.put("while" + number, "delivered later " + number);
    REQUIRE(eventually([&] { return logged(site, "is not mounted"); }));
    CHECK(list(site.path("outbox")).empty());
    CHECK(exists(site.path("inbox/while" + number + ".txt")));
    if (!same_again) {
      REQUIRE(ran({"truncate", "-s", "16M", image + "2"}));
      REQUIRE(ran({"mkfs.ext4", "-q", "-F", image + "2"}));
    }
    ScratchMount again({"-o", "loop", same_again ? image : image + "2"});
    REQUIRE(again.mount(site.path("outbox")));
    REQUIRE(eventually([&] { return exists(site.path("outbox/while" + number)); }));
    end(relay);
    if (!same_again) std::filesystem::remove(site.path("outbox/lost+found"));
    site.converges();
  }
}

TEST_CASE("An outbox on a tmpfs that is unmounted and mounted again between two runs loses nothing") {
  RelaySite site;
  ScratchMount disk({"-t", "tmpfs", "none"});
  if (!disk.mount(site.path("outbox"))) {
    WARN("skipped: no tmpfs mounts here");
    return;
  }
  Background relay(site.command());
  site.put("a", "one");
  REQUIRE(eventually([&] { return exists(site.path("outbox/a")); }));
  site.receive(true);
  disk.unmount(true);
  site.put("b", "two");
  REQUIRE(eventually([&] { return logged(site, "is not mounted"); }));
  relay.signal(SIGKILL);
  relay.wait();
  REQUIRE(disk.mount(site.path("outbox")));
  site.converges();
}

// The relay as a shell starts it that has this limit.
Words limited(const std::string& limit) { return {"sh", "-c", "ulimit " + limit + "; exec \"$@\"", "sh"}; }

TEST_CASE("A file that is larger than the process may write holds up no other one") {
  RelaySite site;
  site.put("large", noise(200'000));
  site.put("small", "contents");
  Result result = run(site.command({"--once"}, limited("-f 64")));
  INFO(result.error);
  CHECK(result.status == 1);
  CHECK(exists(site.path("outbox/small")));
  CHECK(exists(site.path("inbox/large.txt")));
  site.converges();
}

TEST_CASE("With few descriptors fewer files go together, and all of them go") {
  constexpr std::size_t kFiles = 100;
  for (const char* recursive : {"false", "true"}) {
    RelaySite site;
    for (std::size_t i = 0; i < kFiles; ++i) {
      std::string folder = site.path("inbox/" + (recursive[0] == 't' ? std::to_string(i) : ""));
      std::filesystem::create_directories(folder);
      write_file(folder + "/f" + std::to_string(i) + ".txt", "contents");
    }
    Result result = run(site.command(
        {"--once", "--set", "link.mode=send", "--set", std::string("link.recursive=") + recursive},
        limited("-n 64")));
    INFO(result.error);
    CHECK(result.status == 0);
    for (std::size_t i = 0; i < kFiles; ++i) {
      std::string folder = site.path("outbox/" + (recursive[0] == 't' ? std::to_string(i) + "/" : ""));
      CHECK(exists(folder + "f" + std::to_string(i) + ".freq"));
    }
  }
}

void give_to_nobody(const RelaySite& site) {
  for (const char* name : {"", "inbox", "outbox"}) {
    std::filesystem::create_directories(site.path(name));
    REQUIRE(chown(site.path(name).c_str(), 65534, 65534) == 0);
  }
}

TEST_CASE("Permissions taken from a running relay are waited for, whichever they are") {
  if (!can_be_nobody()) return;
  RelaySite site;
  give_to_nobody(site);
  Background relay(site.command({}, kAsNobody));
  struct Denial {
    const char* name;
    mode_t mode;
  };
  int number = 0;
  for (const Denial& denial : {Denial{"outbox", 0555}, Denial{"inbox", 0555}, Denial{"outbox", 0},
                               Denial{"inbox", 0}, Denial{"inbox", 0333}}) {
    INFO(denial.name << " with mode " << std::oct << denial.mode);
    const std::string stem = "f" + std::to_string(++number);
    std::size_t known = exists(site.path("paxect_link_log.jsonl")) ? site.log().size() : 0;
    REQUIRE(chmod(site.path(denial.name).c_str(), denial.mode) == 0);
    site.put(stem, "contents " + stem);
    REQUIRE(eventually([&] {
      return logged(site, "startup") && site.log().find("Permission denied", known) != std::string::npos;
    }));
    // An inbox that cannot be listed tells of new files all the same, by inotify.
    if (denial.mode != 0333) CHECK_FALSE(exists(site.path("outbox/" + stem)));
    REQUIRE(chmod(site.path(denial.name).c_str(), 0755) == 0);
    REQUIRE(eventually([&] { return exists(site.path("outbox/" + stem)); }));
    REQUIRE(eventually([&] { return list(site.path("inbox")).empty(); }));
  }
  end(relay);
  CHECK_FALSE(logged(site, "\"event\": \"quarantine\""));
  site.converges(true, kAsNobody);
}

TEST_CASE("A file that may not be read waits until it may") {
  if (!can_be_nobody()) return;
  RelaySite site;
  give_to_nobody(site);
  Background relay(site.command({}, kAsNobody));
  write_file(site.path("made"), "private");
  REQUIRE(chmod(site.path("made").c_str(), 0) == 0);
  std::filesystem::rename(site.path("made"), site.path("inbox/a.txt"));
  site.expect("a", "private");
  site.put("b", "public");
  REQUIRE(eventually([&] { return logged(site, "Permission denied"); }));
  REQUIRE(eventually([&] { return exists(site.path("outbox/b")); }));
  CHECK(exists(site.path("inbox/a.txt")));
  REQUIRE(chmod(site.path("inbox/a.txt").c_str(), 0644) == 0);
  REQUIRE(eventually([&] { return exists(site.path("outbox/a")); }));
  end(relay);
  site.converges(true, kAsNobody);
}

TEST_CASE("A quarantine that may not be looked into is waited for") {
  if (!can_be_nobody()) return;
  RelaySite site;
  std::filesystem::create_directories(site.path("inbox/.quarantine"));
  write_file(site.path("inbox/bad.freq"), "no container");
  give_to_nobody(site);
  REQUIRE(chown(site.path("inbox/.quarantine").c_str(), 65534, 65534) == 0);
  REQUIRE(chmod(site.path("inbox/.quarantine").c_str(), 0644) == 0);
  Background relay(site.command({}, kAsNobody));
  REQUIRE(eventually([&] { return logged(site, "Permission denied"); }));
  CHECK(exists(site.path("inbox/bad.freq")));
  REQUIRE(chmod(site.path("inbox/.quarantine").c_str(), 0755) == 0);
  REQUIRE(eventually([&] { return exists(site.path("inbox/.quarantine/bad.freq")); }));
  end(relay);
}

TEST_CASE("An outbox that may not be written to is waited for") {
  if (!can_be_nobody()) return;
  RelaySite site;
  site.put("a", "contents");
  give_to_nobody(site);
  REQUIRE(chmod(site.path("outbox").c_str(), 0555) == 0);
  Result denied = run(site.command({"--once"}, kAsNobody));
  CHECK(denied.status == 1);
  CHECK(denied.error.find("Permission denied") != std::string::npos);
  REQUIRE(chmod(site.path("outbox").c_str(), 0755) == 0);
  site.converges(true, kAsNobody);
}

}  // namespace
}  // namespace paxect::test

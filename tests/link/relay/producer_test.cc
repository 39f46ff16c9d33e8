// Producers that write slowly, cut short, replace, or bring things in the wrong order: what comes out is a
// state in which the producer left the file, and in the end the last one.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/digest.h"
#include "link/link_rig.h"
#include "link/relay_site.h"
#include "support/catch.h"
#include "support/process.h"

namespace paxect::test {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMillisecond = 1'000'000;

// ---- slow writers --------------------------------------------------------------------------------------

TEST_CASE("A file that is still written to waits, and goes at once when its writer closes it") {
  LinkRig rig;
  rig.start();
  rig.settle();
  std::ofstream writer(rig.inbox("slow.txt"), std::ios::binary);
  std::string written;
  for (int i = 0; i < 20; ++i) {
    std::string line = "line " + std::to_string(i) + "\n";
    writer << line << std::flush;
    written += line;
    rig.host.advance_ns(300 * kMillisecond);
    REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
    REQUIRE(rig.delivered().empty());
  }
  std::uint64_t before = rig.host.monotonic_ns();
  writer.close();
  REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
  CHECK(rig.host.monotonic_ns() == before);
  CHECK(read_file(rig.outbox("slow")) == written);
  CHECK(rig.events("encode").size() == 1);
}

// Writes a file in many small pieces, each flushed to the kernel; how long the longest pause between two of
// them was.
milliseconds write_slowly(const std::string& path, const std::string& contents, std::size_t pieces) {
  std::ofstream out(path, std::ios::binary);
  auto longest = milliseconds(0);
  auto last = Clock::now();
  for (std::size_t i = 0; i < pieces; ++i) {
    std::size_t begin = contents.size() * i / pieces;
    out << contents.substr(begin, contents.size() * (i + 1) / pieces - begin) << std::flush;
    auto now = Clock::now();
    longest = std::max(longest, std::chrono::duration_cast<milliseconds>(now - last));
    last = now;
    std::this_thread::sleep_for(milliseconds(8));
  }
  return longest;
}

TEST_CASE("Without inotify a file written slowly is taken when it has settled, whole") {
  for (int attempt = 0; attempt < 5; ++attempt) {
    RelaySite site;
    site.failing = {{SYS_inotify_init1, EMFILE}};
    Background relay(site.command({"--set", "link.settle_ms=500"}));
    const std::string contents = text(200'000);
    site.expect("slow", contents);
    milliseconds pause = write_slowly(site.path("inbox/slow.txt"), contents, 100);
    // A machine so busy that the writer itself settled for a while proves nothing.
    if (pause > milliseconds(250)) continue;
    REQUIRE(eventually([&] { return exists(site.path("outbox/slow")); }));
    relay.signal(SIGTERM);
    CHECK(relay.wait().status == 0);
    site.converges(false);
    return;
  }
  WARN("skipped: the machine is too busy to write a file steadily");
}

TEST_CASE("Without inotify a rename into the inbox is found by the scan") {
  RelaySite site;
  site.failing = {{SYS_inotify_init1, EMFILE}};
  Background relay(site.command());
  for (int i = 0; i < 5; ++i) {
    site.put("f" + std::to_string(i), "contents " + std::to_string(i));
    REQUIRE(eventually([&] { return exists(site.path("outbox/f" + std::to_string(i))); }));
  }
  relay.signal(SIGTERM);
  CHECK(relay.wait().status == 0);
  site.converges(false);
}

TEST_CASE("An overflow of the inotify queue loses no file") {
  std::ifstream setting("/proc/sys/fs/inotify/max_queued_events");
  int room = 0;
  if (!(setting >> room) || room > 100'000) {
    WARN("skipped: the inotify queue of this machine is too long to fill");
    return;
  }
  LinkRig rig;
  rig.start();
  rig.settle();
  rig.host.advance_ns(100 * kMillisecond);  // past the pause that follows a scan
  // Two dot files in turn, since the same event twice in a row is one; nobody reads the queue meanwhile.
  for (const char* name : {".one", ".two"}) rig.put(name, "");
  for (int i = 0; i < room + 10; ++i) {
    int fd = open(rig.inbox(i % 2 == 0 ? ".one" : ".two").c_str(), O_WRONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    close(fd);
  }
  rig.put("lost.txt", "its event is lost");
  REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
  rig.host.advance_ns(500 * kMillisecond);
  REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
  CHECK(rig.delivered() == Names{"lost"});
}

// ---- files that change ---------------------------------------------------------------------------------

TEST_CASE("A file that is cut short while it settles waits anew and is delivered as it is in the end") {
  LinkRig rig;
  rig.put_unclosed("a.txt", "a long first version");
  rig.start();
  REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
  rig.host.advance_ns(499 * kMillisecond);
  REQUIRE(truncate(rig.inbox("a.txt").c_str(), 6) == 0);
  rig.host.advance_ns(kMillisecond);
  REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
  CHECK(rig.delivered().empty());
  rig.host.advance_ns(500 * kMillisecond);
  rig.close_writers();
  REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.outbox("a")) == "a long");
}

struct Change {
  const char* what;
  const char* shell;     // "$3" is the input of the core
  const char* expected;  // what arrives; NULL for nothing
};

constexpr Change kChanges[] = {
    {"added to", "echo more >> \"$3\"", "first version\nmore\n"},
    {"cut short", "echo short > \"$3\"", "short\n"},
    {"emptied", ": > \"$3\"", ""},
    {"written over in place, with its old times",
     "touch -r \"$3\" times; printf F | dd of=\"$3\" conv=notrunc status=none; touch -r times \"$3\"",
     "First version\n"},
    {"renamed over", "echo other > other; mv other \"$3\"", "other\n"},
    {"removed and made anew", "rm \"$3\"; echo anew > \"$3\"", "anew\n"},
    {"removed", "rm \"$3\"", nullptr},
    {"replaced by a symbolic link", "echo secret > secret; rm \"$3\"; ln -s \"$PWD/secret\" \"$3\"", nullptr},
    {"replaced by a FIFO", "rm \"$3\"; mkfifo \"$3\"", nullptr},
    {"replaced by a directory", "rm \"$3\"; mkdir \"$3\"", nullptr},
};

// A core that changes its input once, before or after it reads it.
std::string core_that(const Change& change, bool before, const std::string& directory) {
  const std::string once =
      "cd " + directory + " && test -e changed || { touch changed; " + change.shell + "; }";
  const std::string encode = PAXECT_TEST_BIN "/paxect-core \"$@\"";
  std::string script =
      before ? once + "; exec " + encode : encode + "; status=$?; " + once + "; exit $status";
  return "sh -c '" + script + "' core";
}

TEST_CASE("A file that changes between the first look and the last is delivered as it is in the end") {
  for (bool before : {true, false}) {
    for (const Change& change : kChanges) {
      INFO(change.what << (before ? " before" : " after") << " it was read");
      LinkRig rig;
      rig.host.set("core", core_that(change, before, rig.directory.path()));
      rig.put("a.txt", "first version\n");
      rig.start();
      rig.settle(20'000 * kMillisecond);
      CHECK(exists(rig.directory / "changed"));
      CHECK(rig.events("encode").size() == (change.expected == nullptr ? 0 : 1));
      CHECK(rig.events("quarantine").empty());
      CHECK(rig.delivered() == (change.expected == nullptr ? Names{} : Names{"a"}));
      if (change.expected != nullptr) CHECK(read_file(rig.outbox("a")) == change.expected);
      if (change.expected != nullptr) CHECK(list(rig.inbox()).empty());
    }
  }
}

std::string version(int number) {
  return "version " + std::to_string(number) + " " + noise(200'000, static_cast<std::uint32_t>(number));
}

TEST_CASE("Of a file renamed over again and again whole versions arrive, none twice, and the last one") {
  RelaySite site;
  std::set<std::string> versions;
  int last = 0;
  {
    Background relay(site.command());
    auto end = Clock::now() + milliseconds(is_long() ? 60'000 : 1'500);
    while (Clock::now() < end) site.put("a", version(++last));
    relay.signal(SIGTERM);
    CHECK(relay.wait().status == 0);
  }
  Result rest{};
  for (int i = 0; i < 5 && (i == 0 || rest.status != 0); ++i) rest = run(site.command({"--once"}));
  CHECK(rest.status == 0);
  CHECK(list(site.path("inbox")).empty());
  std::vector<std::string> names = list(site.path("outbox"));
  for (const std::string& name : names) versions.insert(read_file(site.path("outbox/" + name)));
  CHECK(versions.size() == names.size());
  site.receive(false);
  CHECK(versions.count(version(last)) == 1);
}

// ---- sidecars ------------------------------------------------------------------------------------------

TEST_CASE("A container without a sidecar is delivered, and a sidecar that comes after it is blocked") {
  LinkRig rig;
  rig.host.set("mode", "receive");
  std::string container = container_of("data");
  rig.start();
  rig.put("a.freq", container);
  rig.settle();
  CHECK(read_file(rig.outbox("a")) == "data");
  rig.put("a.freq.sha256", link::sha256_hex(container) + "\n");
  rig.settle(20'000 * kMillisecond);
  rig.settle(20'000 * kMillisecond);
  CHECK(rig.delivered() == Names{"a"});
  CHECK(rig.waiting() == Names{"a.freq.sha256"});
  REQUIRE(rig.events("policy_block").size() == 1);
  CHECK(rig.events("policy_block")[0].message == "disallowed_suffix:.sha256");
  CHECK(rig.events("decode").size() == 1);
}

TEST_CASE("A sidecar that comes first is held against its container whenever that comes") {
  for (bool good : {true, false}) {
    LinkRig rig;
    rig.host.set("mode", "receive");
    std::string container = container_of("data");
    rig.start();
    rig.put("a.freq.sha256", (good ? link::sha256_hex(container) : std::string(64, '0')) + "\n");
    rig.settle();
    rig.put("a.freq", container);
    rig.settle();
    CHECK(rig.delivered() == (good ? Names{"a"} : Names{}));
    CHECK(rig.waiting().empty());
    CHECK(rig.events("checksum_mismatch").size() == (good ? 0 : 1));
  }
}

}  // namespace
}  // namespace paxect::test

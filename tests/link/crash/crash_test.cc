// The relay dies, or its system calls fail, at every point that matters, and is started again. What must hold
// after that is in RelaySite::converges().
//
// The points are counted by strace, for each thread by itself. PAXECT_TEST_LONG=1 takes every one of them;
// otherwise the frequent calls are sampled.

#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <regex>
#include <thread>

#include "base/relay_paths.h"
#include "link/relay_site.h"
#include "records/journal.h"
#include "relay/lanes.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

void fill(RelaySite& site) {
  site.put("small", "just a few bytes");
  site.put("empty", "");
  site.put("larger", text(300'000));
  site.put("pair", "one of two that want the same name");
  site.put_as("pair", ".csv", "the other of them");
}

struct Point {
  const char* calls;
  int step;  // between the points that the short run takes
};

// Everything that changes something on disk, and what leads there.
constexpr Point kPoints[] = {
    {"renameat2,renameat", 1}, {"unlinkat,unlink", 1},     {"fsync,fdatasync,syncfs", 1},
    {"ftruncate", 1},          {"mkdir,mkdirat,flock", 5}, {"write,pwrite64", 6},
    {"openat,open", 12}};

// Runs the relay with this fault at the n-th call, with "+" also at all later ones; false when there is no
// n-th call.
bool run_with_fault(const RelaySite& site, const std::string& calls, const std::string& fault, int when,
                    const std::string& and_later, const std::vector<std::string>& more = {}) {
  const std::string when_text = ":when=" + std::to_string(when) + and_later;
  // The host's own wake-up is a write of eight bytes to an eventfd, which cannot fail like this: a relay that
  // was left sleeping by that is ended, any other must end by itself.
  const std::vector<std::string> wrap = {"strace",
                                         "-f",
                                         "-q",
                                         "-o",
                                         site.path("trace"),
                                         "-e",
                                         "trace=" + calls,
                                         "-e",
                                         "inject=" + calls + ":" + fault + when_text,
                                         "timeout",
                                         "-s",
                                         "KILL",
                                         "20"};
  // The log is rotated again and again, so that this too is among the points.
  std::vector<std::string> arguments = {"--once", "--set", "link.log_max=1500"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  Result result = run(site.command(arguments, wrap));
  std::string trace = read_file(site.path("trace"));
  static const std::regex kWakeUp(R"re("\\1(\\0){7}", 8\) += -1 E)re");
  bool wake_up = std::regex_search(trace, kWakeUp);
  INFO(trace);
  if (fault.starts_with("error")) REQUIRE((result.status < 128 || wake_up));
  return trace.find("SIGKILL") != std::string::npos || trace.find("(INJECTED)") != std::string::npos;
}

TEST_CASE("Killed at any call, the relay delivers everything once after a restart") {
  if (!has_strace()) return;
  for (const Point& point : kPoints) {
    int points = 0;
    for (int when = 1; when < 2000; when += is_long() ? 1 : point.step) {
      INFO("killed at call " << when << " of " << point.calls);
      RelaySite site;
      fill(site);
      bool killed = run_with_fault(site, point.calls, "signal=KILL", when, "");
      site.converges();
      if (!killed) break;
      ++points;
    }
    INFO(point.calls);
    CHECK(points > 0);
  }
}

// A relay that was killed between the rename of its product and the flush of the directory. One flush after
// another is tried until that state is found.
std::unique_ptr<RelaySite> killed_before_flush_of_name() {
  for (int when = 1; when < 100; ++when) {
    auto site = std::make_unique<RelaySite>();
    site->put("a", "contents");
    if (!run_with_fault(*site, "fsync", "signal=KILL", when, "", {"--set", "link.mode=send"})) break;
    if (exists(site->path("outbox/a.freq")) && site->log().find("\"encode\"") == std::string::npos)
      return site;
  }
  return nullptr;
}

TEST_CASE("A restart flushes the directory of a product before it removes the source") {
  if (!has_strace()) return;
  const std::unique_ptr<RelaySite> site = killed_before_flush_of_name();
  REQUIRE(site != nullptr);
  const std::vector<std::string> send = {"--once", "--set", "link.mode=send"};
  const std::vector<std::string> no_flush = {"strace",
                                             "-f",
                                             "-q",
                                             "-o",
                                             site->path("trace"),
                                             "-P",
                                             site->path("outbox"),
                                             "-e",
                                             "trace=fsync",
                                             "-e",
                                             "inject=fsync:error=EIO"};
  run(site->command(send, no_flush));
  INFO(read_file(site->path("trace")));
  CHECK(read_file(site->path("trace")).find("(INJECTED)") != std::string::npos);
  CHECK(exists(site->path("inbox/a.txt")));
  CHECK(run(site->command(send)).status == 0);
  CHECK_FALSE(exists(site->path("inbox/a.txt")));
  CHECK(exists(site->path("outbox/a.freq")));
}

// `error`, at one call or at all from there on.
void fail_at_any_call(const std::string& error, bool for_good) {
  if (!has_strace()) return;
  for (const Point& point : kPoints) {
    for (int when = 1; when < 2000; when += is_long() ? 1 : 3 * point.step) {
      INFO(error << " from call " << when << " of " << point.calls);
      RelaySite site;
      fill(site);
      bool failed = run_with_fault(site, point.calls, "error=" + error, when, for_good ? "+" : "");
      site.converges();
      if (!failed) break;
    }
  }
}

TEST_CASE("Any call failing by an I/O error costs nothing but time") { fail_at_any_call("EIO", false); }

TEST_CASE("Any call failing for want of space costs nothing but time") { fail_at_any_call("ENOSPC", false); }

TEST_CASE(
    "Space that runs out at any call, and does not come back before a restart, costs nothing but time") {
  fail_at_any_call("ENOSPC", true);
}

// As a server or a FUSE mount answers that is away for a moment.
TEST_CASE("A file that is reported missing for a moment is delivered once all the same") {
  if (!has_strace()) return;
  for (const char* calls : {"renameat2", "unlinkat", "newfstatat,statx"}) {
    const int step = is_long() ? 1 : calls == std::string("newfstatat,statx") ? 7 : 1;
    int points = 0;
    for (int when = 1; when < 2000; when += step, ++points) {
      INFO("ENOENT from call " << when << " of " << calls);
      RelaySite site;
      fill(site);
      if (!run_with_fault(site, calls, "error=ENOENT", when, "")) break;
      site.converges();
    }
    CHECK(points > 0);
  }
}

// Where there is no rename without replacing: NFS, and what FUSE makes of many things.
constexpr FailingCall kNoReplace = {SYS_renameat2, EINVAL};
constexpr Point kLinkPoints[] = {{"linkat,link", 1}, {"unlinkat,unlink", 1}, {"renameat", 1}};

// The receiver takes nothing before the restart: a hard link and the removal of the old name are two steps,
// and between them only the output itself tells that it was delivered.
TEST_CASE("Killed while a hard link stands in for the rename, the relay delivers everything once") {
  if (!has_strace()) return;
  for (const Point& point : kLinkPoints) {
    int points = 0;
    for (int when = 1; when < 2000; when += point.step) {
      INFO("killed at call " << when << " of " << point.calls);
      RelaySite site;
      site.failing = {kNoReplace};
      fill(site);
      bool killed = run_with_fault(site, point.calls, "signal=KILL", when, "");
      site.converges(false);
      if (!killed) break;
      ++points;
    }
    INFO(point.calls);
    CHECK(points > 4);
  }
}

TEST_CASE(
    "Killed while a hard link stands in for the rename, and the output taken, the relay delivers nothing "
    "twice") {
  if (!has_strace()) return;
  for (const Point& point : kLinkPoints) {
    for (int when = 1; when < 2000; when += point.step) {
      INFO("killed at call " << when << " of " << point.calls);
      RelaySite site;
      site.failing = {kNoReplace};
      site.put("a", "contents");
      const bool killed = run_with_fault(site, point.calls, "signal=KILL", when, "");
      const bool taken = std::filesystem::remove(site.path("outbox/a"));
      run(site.command({"--once"}));
      // A file of which nobody can say whether it was delivered is held.
      const bool waits = exists(site.path("inbox/a.txt")) || exists(site.path("inbox/a.freq"));
      const bool delivered = exists(site.path("outbox/a"));
      CHECK_FALSE((taken && delivered));
      CHECK((taken || delivered || waits));
      if (!killed) break;
    }
  }
}

TEST_CASE("Hard links that fail, or old names that cannot be removed, cost nothing but time") {
  if (!has_strace()) return;
  for (const std::string error : {"EIO", "ENOSPC"}) {
    for (const Point& point : kLinkPoints) {
      for (int when = 1; when < 2000; when += is_long() ? 1 : 2) {
        INFO(error << " from call " << when << " of " << point.calls);
        RelaySite site;
        site.failing = {kNoReplace};
        fill(site);
        bool failed = run_with_fault(site, point.calls, "error=" + error, when, "");
        site.converges();
        if (!failed) break;
      }
    }
  }
}

TEST_CASE("Killed at random while files stream in, the relay delivers each once") {
  const int kills = is_long() ? 100 : 8;
  const int files = is_long() ? 5000 : 250;
  RelaySite site;
  std::minstd_rand random(7);
  int made = 0;
  for (int kill = 0; kill < kills; ++kill) {
    Background relay(site.command());
    auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(20 + random() % 400);
    while (std::chrono::steady_clock::now() < end) {
      if (made < files * (kill + 1) / kills) {
        site.put("f" + std::to_string(made), text(random() % 20'000, static_cast<std::uint32_t>(made)));
        ++made;
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    relay.signal(SIGKILL);
    relay.wait();
    site.receive(true);
  }
  while (made < files) {
    site.put("f" + std::to_string(made), text(random() % 20'000, static_cast<std::uint32_t>(made)));
    ++made;
  }
  site.converges();
  // Otherwise the kills fell beside what they were meant for.
  if (is_long()) CHECK(site.log().find("finished after a restart") != std::string::npos);
}

// Two large files, one in each lane, that want one name, and a small one that wants it too.
void fill_lanes(RelaySite& site) {
  const std::string large(link::Lanes::kLargeBytes, 'x');
  site.put("name", large);
  site.put_as("name", ".csv", large + "y");
  site.put_as("name", ".bin", "small");
  site.put("other", "also small");
}

TEST_CASE("Killed with a large file in each lane and small ones beside them, the relay delivers each once") {
  if (!has_strace()) return;
  for (const Point& point : {Point{"renameat2,renameat", 5}, Point{"fsync,fdatasync,syncfs", 7},
                             Point{"unlinkat,unlink", 5}, Point{"write,pwrite64", 13}}) {
    int points = 0;
    for (int when = 1; when < 2000; when += is_long() ? 1 : point.step) {
      INFO("killed at call " << when << " of " << point.calls);
      RelaySite site;
      fill_lanes(site);
      const bool killed = run_with_fault(site, point.calls, "signal=KILL", when, "");
      site.converges();
      if (!killed) break;
      ++points;
    }
    INFO(point.calls);
    CHECK(points > 0);
  }
}

TEST_CASE("After a failed flush a temporary file is written again, never flushed again") {
  if (!has_strace()) return;
  RelaySite site;
  site.put("a", "contents");
  // Each try has a temporary file of its own. Their names are known once the relay has a token.
  REQUIRE(run(site.command({"--once", "--set", "link.mode=send", "--set", "link.inbox=empty"})).status == 0);
  link::JournalContents journal;
  REQUIRE(link::read_journal(site.path(".paxect_link.lock.journal"), &journal).ok());
  std::vector<std::string> wrap = {"strace",
                                   "-f",
                                   "-q",
                                   "-o",
                                   site.path("trace"),
                                   "-e",
                                   "trace=write,fsync,fdatasync",
                                   "-e",
                                   "inject=fsync,fdatasync:error=EIO:when=1"};
  for (std::uint64_t id = 1; id <= 20; ++id)
    wrap.insert(wrap.end(),
                {"-P", site.path("outbox/" + link::product_temporary_of(journal.relay_token, id))});
  Background relay(site.command({"--set", "link.mode=send"}, wrap));
  REQUIRE(
      eventually([&] { return exists(site.path("outbox/a.freq")) && !exists(site.path("inbox/a.txt")); }));
  kill(std::stoi(read_file(site.path(".paxect_link.lock"))), SIGTERM);
  CHECK(relay.wait().status == 0);
  const std::string trace = read_file(site.path("trace"));
  INFO(trace);
  std::string calls;
  // Where another thread calls in between, strace tells the result on a line of its own.
  const std::regex call("(write|fsync|fdatasync)(?:\\(| resumed).*= (-?[0-9]+)");
  for (std::sregex_iterator it(trace.begin(), trace.end(), call), end; it != end; ++it) {
    const char* name = (*it)[1] == "write" ? "write " : (*it)[2] == "0" ? "flushed " : "failed ";
    if (!calls.ends_with(name)) calls += name;
  }
  // Once for each thread that had its turn at flushing: strace counts by thread.
  CHECK(std::regex_match(calls, std::regex("(write failed )+write flushed ")));
}

TEST_CASE("A journal whose write failed and could not be taken back works again without a restart") {
  if (!has_strace()) return;
  for (const char* calls : {"write", "fsync,fdatasync"}) {
    INFO(calls);
    RelaySite site;
    REQUIRE(run(site.command({"--once"})).status == 0);
    const std::string fault = std::string("inject=") + calls + ":error=EIO:when=1";
    Background relay(site.command(
        {},
        {"strace", "-f", "-q", "-P", site.path(".paxect_link.lock.journal"), "-o", site.path("trace"), "-e",
         "trace=write,fsync,fdatasync,ftruncate", "-e", fault, "-e", "inject=ftruncate:error=EIO:when=2+"}));
    site.put("one", "the first");
    REQUIRE(eventually([&] { return exists(site.path("outbox/one")); }));
    site.put("two", "the second");
    REQUIRE(eventually([&] { return exists(site.path("outbox/two")); }));
    REQUIRE(eventually([&] { return list(site.path("inbox")).empty(); }));
    kill(std::stoi(read_file(site.path(".paxect_link.lock"))), SIGTERM);
    CHECK(relay.wait().status == 0);
    CHECK(read_file(site.path("trace")).find("(INJECTED)") != std::string::npos);
    site.converges(false);
  }
}

TEST_CASE("Asked to stop in the middle of a large file, the relay leaves it for the next start") {
  RelaySite site;
  const std::string contents = noise(std::size_t{96} << 20);
  Background relay(site.command());
  site.put("large", contents);
  REQUIRE(eventually([&] {
    Names names = list(site.path("inbox"));
    return std::any_of(names.begin(), names.end(),
                       [](const std::string& name) { return name.ends_with(".part"); });
  }));
  auto asked = std::chrono::steady_clock::now();
  relay.signal(SIGTERM);
  CHECK(relay.wait().status == 0);
  CHECK(std::chrono::steady_clock::now() - asked < std::chrono::seconds(10));
  CHECK(site.log().find("\"event\": \"shutdown\"") != std::string::npos);
  CHECK_FALSE(exists(site.path(".paxect_link.lock")));
  CHECK(list(site.path("outbox")).empty());
  CHECK(list(site.path("inbox")) == std::vector<std::string>{"large.txt"});
  site.converges();
}

// A directory in memory, so that a move there is a copy; "" where that is not to be had.
class InMemory {
 public:
  InMemory() {
    struct stat here {};
    struct stat there {};
    std::string name = "/dev/shm/paxect_test.XXXXXX";
    if (mkdtemp(name.data()) == nullptr) return;
    path_ = name;
    if (stat(path_.c_str(), &there) != 0 || stat(".", &here) != 0 || here.st_dev == there.st_dev)
      path_.clear();
  }
  ~InMemory() {
    if (!path_.empty()) std::filesystem::remove_all(path_);
  }
  InMemory(const InMemory&) = delete;
  InMemory& operator=(const InMemory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The directory of the quarantine, and whether it is on a file system of its own.
struct QuarantineAt {
  std::string directory;
  bool is_elsewhere;
};

void check_quarantine(const RelaySite& site, const std::string& directory, const std::string& sidecar) {
  const std::string quarantine = directory + "/";
  CHECK(read_file(quarantine + "bad.freq") == "no container");
  CHECK(read_file(quarantine + "bad.freq.sha256") == sidecar);
  CHECK(exists(quarantine + "bad.freq.reason.json"));
  CHECK(list(directory).size() == 3);
  const bool is_below = directory.starts_with(site.path("inbox"));
  CHECK(list(site.path("inbox")) == (is_below ? Names{".quarantine"} : Names{}));
  CHECK(list(site.path("outbox")).empty());
  const std::string log = site.log();
  const std::string line = "\"event\": \"quarantine\"";
  const std::size_t first = log.find(line);
  CHECK(first != std::string::npos);
  CHECK(log.find(line, first + 1) == std::string::npos);
  const std::string of_sidecar = "\"message\": \"disallowed_suffix:.sha256\"";
  const std::size_t side = log.find(of_sidecar);
  CHECK(side != std::string::npos);
  CHECK(log.find(of_sidecar, side + 1) == std::string::npos);
}

TEST_CASE("Killed at any call of a quarantine, a container is there once, with sidecar, reason and line") {
  if (!has_strace()) return;
  InMemory memory;
  std::vector<QuarantineAt> quarantines = {{"", false}};
  if (!memory.path().empty())
    quarantines.push_back({memory.path(), true});
  else
    WARN("skipped: /dev/shm is no other file system");
  for (const QuarantineAt& at : quarantines) {
    for (const Point& point : {Point{"renameat2,renameat", 1}, Point{"fsync,fdatasync,syncfs", 1},
                               Point{"unlinkat,unlink", 1}, Point{"mkdir,mkdirat", 1}}) {
      for (int when = 1; when < 2000; when += point.step) {
        INFO("killed at call " << when << " of " << point.calls << (at.is_elsewhere ? ", elsewhere" : ""));
        RelaySite site;
        const std::string directory =
            at.is_elsewhere ? at.directory + "/" + std::to_string(when) : site.path("inbox/.quarantine");
        const std::vector<std::string> more =
            at.is_elsewhere ? std::vector<std::string>{"--set", "link.quarantine=" + directory}
                            : std::vector<std::string>{};
        const std::string sidecar = std::string(64, '0') + "\n";
        write_file(site.path("inbox/bad.freq.sha256"), sidecar);
        write_file(site.path("inbox/bad.freq"), "no container");
        bool killed = run_with_fault(site, point.calls, "signal=KILL", when, "", more);
        std::vector<std::string> again = {"--once"};
        again.insert(again.end(), more.begin(), more.end());
        // The second time for a file that was given its name back.
        for (int attempt = 0; attempt < 2; ++attempt) CHECK(run(site.command(again)).status < 2);
        check_quarantine(site, directory, sidecar);
        std::filesystem::remove_all(at.is_elsewhere ? directory : "");
        if (!killed) break;
      }
    }
  }
}

}  // namespace
}  // namespace paxect::test

// A sender dies, or its system calls fail, at every point on the way from a container to its list. After that
// each container that has its final name is listed once, under that name, and no number of a list ever has
// two texts.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>

#include "base/relay_paths.h"
#include "link/relay_site.h"
#include "link/sent_lists.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

// Between two calls that change something on a disk a kill leaves the same as at the second of them.
struct Point {
  const char* calls;
  int step;  // between the points that the short run takes
  bool may_be_none = false;
};
constexpr int kMaxCalls = 5000;  // of a kind, and there have to be fewer

constexpr Point kPoints[] = {{"renameat2,renameat", 1},
                             {"unlinkat,unlink", 2},
                             {"fsync,fdatasync,syncfs", 1},
                             {"mkdirat", 1},
                             {"write,pwrite64", 7},
                             {"openat,open", 17},
                             {"linkat,link,ftruncate,fchmod,fchmodat,fchown,fchownat,utimensat,fallocate,"
                              "copy_file_range,fsetxattr,rmdir",
                              3, true}};

// So few descriptors that a batch has two files: lists of the first are carried by those that follow.
const std::vector<std::string> kSmallBatches = {"prlimit", "--nofile=80"};

class SenderSite {
 public:
  SenderSite() : lists_(make_sign_key(site_.path("key"))) {}

  void put(const std::string& stem, const std::string& contents) {
    write_file(site_.path("inbox/." + stem), contents);
    std::filesystem::rename(site_.path("inbox/." + stem), site_.path("inbox/" + stem));
  }

  // false when there is no such call.
  bool run_with_fault(const std::string& calls, const std::string& fault, int when) {
    std::vector<std::string> wrap = {"strace",
                                     "-f",
                                     "-q",
                                     "-o",
                                     site_.path("trace"),
                                     "-e",
                                     "trace=" + calls,
                                     "-e",
                                     "inject=" + calls + ":" + fault + ":when=" + std::to_string(when),
                                     "timeout",
                                     "-s",
                                     "KILL",
                                     "20"};
    wrap.insert(wrap.end(), kSmallBatches.begin(), kSmallBatches.end());
    run(site_.command(arguments(), wrap));
    const std::string trace = read_file(site_.path("trace"));
    lists_.read(site_.path("outbox"), is_taken_);
    return trace.find("SIGKILL") != std::string::npos || trace.find("(INJECTED)") != std::string::npos;
  }

  // Lists that a receiver took right after the fault come back with the same text, or not at all.
  void take_lists() { is_taken_ = true; }

  void converges(std::size_t containers) {
    Result result{};
    for (int attempt = 0; attempt < 5; ++attempt) {
      result = run(site_.command(arguments()));
      lists_.read(site_.path("outbox"), is_taken_);
      if (result.status == 0) break;
    }
    INFO(result.error);
    CHECK(result.status == 0);
    const Names left = list(site_.path("outbox/paxect.proof"));
    INFO(Catch::StringMaker<Names>::convert(list(site_.path("outbox"))));
    CHECK(list(site_.path("inbox")).empty());
    CHECK(list(site_.path("outbox")).size() == 2 * containers + 1);  // sidecars, and the folder of the lists
    CHECK(
        std::none_of(left.begin(), left.end(), [](const std::string& name) { return name.front() == '.'; }));
    lists_.check_chains();
    lists_.check_covers(site_.path("outbox"));
    CHECK(lists_.streams().size() == 1);
  }

  RelaySite& site() { return site_; }
  SentLists& lists() { return lists_; }

 private:
  std::vector<std::string> arguments() const {
    return {"--once",
            "--set",
            "link.mode=send",
            "--set",
            "link.node=north",
            "--set",
            "link.sign_key=file:" + site_.path("key")};
  }

  RelaySite site_;
  SentLists lists_;
  bool is_taken_ = false;
};

// Six containers in three batches, of which two get a conflict name.
constexpr std::size_t kContainers = 6;

void fill(SenderSite& sender) {
  sender.put("one.txt", "the first");
  sender.put("two.txt", text(30'000));
  sender.put("pair.txt", "one of two that want the same name");
  sender.put("pair.csv", "the other of them");
  sender.put("pair.bin", "and another one");
  sender.put("last.txt", "");
}

void at_every_call(const std::string& fault, int factor, bool is_taken) {
  if (!has_strace()) return;
  for (const Point& point : kPoints) {
    int points = 0;
    for (int when = 1;; when += is_long() ? 1 : factor * point.step) {
      INFO(fault << " at call " << when << " of " << point.calls);
      REQUIRE(when < kMaxCalls);
      SenderSite sender;
      if (is_taken) sender.take_lists();
      fill(sender);
      const bool failed = sender.run_with_fault(point.calls, fault, when);
      sender.converges(kContainers);
      if (!failed) break;
      ++points;
    }
    INFO(point.calls);
    CHECK((points > 0 || point.may_be_none));
  }
}

// Calls of a run over so many files that flush something.
int flushes_for(int files, bool is_signed) {
  RelaySite site;
  make_sign_key(site.path("key"));
  for (int i = 0; i < files; ++i) write_file(site.path("inbox/f" + std::to_string(i) + ".txt"), "contents");
  std::vector<std::string> arguments = {"--once", "--set", "link.mode=send", "--set", "link.node=north"};
  if (is_signed) arguments.insert(arguments.end(), {"--set", "link.sign_key=file:" + site.path("key")});
  const std::vector<std::string> wrap = {
      "strace", "-f", "-y", "-qq", "-o", site.path("trace"), "-e", "trace=fsync,fdatasync,syncfs"};
  REQUIRE(run(site.command(arguments, wrap)).status == 0);
  CHECK(exists(site.path("outbox/paxect.proof")) == is_signed);
  const std::string trace = read_file(site.path("trace"));
  // A thread's call may take two lines. The lists of the last three batches, which no batch carries, are
  // flushed one by one.
  int flushes = 0;
  int single = 0;
  std::istringstream lines(trace);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("sync(") == std::string::npos && line.find("syncfs(") == std::string::npos) continue;
    ++(line.find("/outbox/.paxect-") == std::string::npos ? flushes : single);
  }
  CHECK(single <= 6 + 1);  // with the marker of the outbox
  return flushes;
}

}  // namespace

TEST_CASE("Under load lists cost no flush of their own") {
  if (!has_strace()) return;
  // What is the same for every number of files belongs to the start and the end.
  constexpr int kFew = 512;
  constexpr int kMany = 3 * kFew;
  const int with = flushes_for(kMany, true) - flushes_for(kFew, true);
  const int without = flushes_for(kMany, false) - flushes_for(kFew, false);
  CHECK(without > 0);
  // On a slow machine there is a batch more, or the log is flushed by the clock. The difference has four
  // lists.
  CHECK(with <= without + 3);
}

TEST_CASE("Killed at any call, a sender lists every container once, and no number has two texts") {
  at_every_call("signal=KILL", 1, false);
}

TEST_CASE("Killed at any call, a sender whose lists are taken at once gives no number two texts") {
  at_every_call("signal=KILL", 4, true);
}

TEST_CASE("Killed at any call of a duplicate, a sender lists its container once") {
  if (!has_strace()) return;
  for (const char* calls : {"renameat2,renameat", "unlinkat,unlink", "fsync,fdatasync,syncfs"}) {
    for (int when = 1; when < 2000; ++when) {
      INFO("killed at call " << when << " of " << calls);
      SenderSite sender;
      for (const bool is_again : {false, true}) {
        sender.put("one.txt", "contents");
        const bool killed = is_again && sender.run_with_fault(calls, "signal=KILL", when);
        sender.converges(1);
        if (is_again && !killed) when = 2000;
      }
    }
  }
}

TEST_CASE("Any call of a sender failing by an I/O error costs no list") {
  at_every_call("error=EIO", 5, false);
}

TEST_CASE("Any call of a sender failing for want of space costs no list") {
  at_every_call("error=ENOSPC", 7, false);
}

}  // namespace paxect::test

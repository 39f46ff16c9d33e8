// What lists cost, in system calls.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <regex>

#include "base/relay_paths.h"
#include "link/link_rig.h"
#include "link/proof_sender.h"
#include "link/relay_site.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/sanitizer.h"

namespace paxect::test {
namespace {

constexpr int kLists = 1000;
constexpr int kScans = 20;

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++found;
  return found;
}

// A receiver with this number of lists, each of one container that is delivered.
class ListedSite : public RelaySite {
 public:
  explicit ListedSite(int lists) {
    const std::string container = container_of("data");
    north_.pin(path("peers"));
    for (int i = 0; i < lists; ++i) {
      const std::string name = "f" + std::to_string(i) + ".freq";
      north_.send(name, container);
      write_file(path("inbox/" + name), container);
      north_.write_next(path("inbox"));
    }
    std::filesystem::create_directories(path("inbox/paxect.proof"));
    REQUIRE(run(receiver({"--once"})).status == 0);
    REQUIRE(list(path("outbox")).size() == static_cast<std::size_t>(lists));
    // The time of a change says that there was none since only when it is some seconds ago.
    std::filesystem::last_write_time(path("inbox/paxect.proof"),
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  }
  Command receiver(std::vector<std::string> more, const std::vector<std::string>& wrap = {}) const {
    for (const char* setting : {"link.mode=receive", "link.node=south", "link.peers=peers"})
      more.insert(more.end(), {"--set", setting});
    return command(more, wrap);
  }

 private:
  ProofSender north_;
};

// System calls from one scan of the inbox to the next.
std::size_t calls_in_scan(int lists) {
  ListedSite site(lists);
  const std::string trace = site.path("trace");
  Background relay(site.receiver({}));
  Background strace({.argv = {"strace", "-f", "-y", "-qq", "-o", trace, "-p", std::to_string(relay.pid())}});
  std::vector<std::size_t> scans;
  std::string text;
  // The call that reports the end of the folder, once in a scan.
  const std::regex of_inbox("getdents64\\([0-9]+<[^>]*/inbox>[^\n]* = 0\n");
  // What a start has to look at is over with the first half of them.
  CHECK(eventually([&] {
    text = exists(trace) ? read_file(trace) : "";
    scans.clear();
    for (std::sregex_iterator it(text.begin(), text.end(), of_inbox), end; it != end; ++it)
      scans.push_back(static_cast<std::size_t>(it->position()));
    return scans.size() > 2 * kScans;
  }));
  relay.signal(SIGTERM);
  CHECK(relay.wait().status == 0);
  REQUIRE(scans.size() > 2 * kScans);
  // Of the quietest one: others have the calls of what is looked after by the clock between them.
  std::size_t fewest = SIZE_MAX;
  for (std::size_t i = scans.size() - 1 - kScans; i + 1 < scans.size(); ++i)
    fewest = std::min(fewest, count(text.substr(scans[i], scans[i + 1] - scans[i]), "\n"));
  return fewest;
}

// Flushes of a sender of this number of small files.
std::size_t flushes(int files, bool has_key) {
  RelaySite site;
  for (int i = 0; i < files; ++i) site.put("f" + std::to_string(i), "contents " + std::to_string(i));
  std::vector<std::string> arguments = {"--once", "--set", "link.mode=send", "--set", "link.node=north"};
  if (has_key) {
    link::Wiped text;
    link::SigningKey::generate().write(&text);
    write_file(site.path("key"), text.text);
    std::filesystem::permissions(site.path("key"), std::filesystem::perms(0600));
    arguments.insert(arguments.end(), {"--set", "link.sign_key=file:" + site.path("key")});
  }
  REQUIRE(run(site.command(arguments, {"strace", "-f", "-qq", "-o", site.path("trace"), "-e",
                                       "trace=fsync,fdatasync,syncfs"}))
              .status == 0);
  const std::string trace = read_file(site.path("trace"));
  return count(trace, "sync(") + count(trace, "syncfs(");
}

}  // namespace

TEST_CASE("A scan of a receiver makes no system calls for each of 1,000 delivered lists") {
  if (!has_strace() || skip_when_sanitized("its run-time makes calls of its own")) return;
  const std::size_t none = calls_in_scan(0);
  const std::size_t many = calls_in_scan(kLists);
  INFO(none << " calls in a scan without lists, " << many << " with " << kLists);
  CHECK(none > 5);
  // Far from one call for each of the lists; some calls come by the clock.
  CHECK(many < none + kLists / 10);
}

TEST_CASE("A batch of 256 files takes as many flushes with lists as without") {
  if (!has_strace()) return;
  constexpr int kFew = 3 * 256;
  constexpr int kMany = 9 * 256;
  const std::size_t without = flushes(kMany, false) - flushes(kFew, false);
  const std::size_t with = flushes(kMany, true) - flushes(kFew, true);
  INFO(with << " flushes for six batches with lists, " << without << " without");
  CHECK(without >= 6 * 3);
  CHECK(with <= without + 2);
}

}  // namespace paxect::test

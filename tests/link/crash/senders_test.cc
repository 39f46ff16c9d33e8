// Two relays that send files of the same names to one outbox, on a file system whose locks always succeed (as
// those of a share that each client keeps to itself), killed at random.
#include <sys/syscall.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include "link/relay_site.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

constexpr FailingCall kLocksSucceed = {SYS_flock, 0};

std::string contents_of(char sender, int number) {
  return std::string(1, sender) + " " + std::to_string(number) + " " +
         text(static_cast<std::size_t>(number * 37 % 5000), static_cast<std::uint32_t>(number + sender));
}

TEST_CASE(
    "Two senders that share an outbox without working locks, killed at random, deliver each file once") {
  const int files = is_long() ? 1000 : 40;
  const int kills = is_long() ? 60 : 6;
  TempDir temp;
  std::map<char, std::unique_ptr<RelaySite>> sites;
  for (char sender : {'a', 'b'}) {
    sites[sender] = std::make_unique<RelaySite>(temp / std::string(1, sender));
    sites[sender]->failing = {kLocksSucceed};
  }
  const std::vector<std::string> settings = {"--set", "link.mode=send", "--set",
                                             "link.outbox=" + (temp / "share")};
  std::minstd_rand random(5);
  for (int kill = 0; kill <= kills; ++kill) {
    std::vector<std::unique_ptr<Background>> relays;
    for (auto& [sender, site] : sites)
      relays.push_back(std::make_unique<Background>(site->command(settings)));
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(30 + random() % 250);
    for (int i = files * kill / (kills + 1); i < files * (kill + 1) / (kills + 1); ++i)
      for (auto& [sender, site] : sites) site->put("f" + std::to_string(i), contents_of(sender, i));
    std::this_thread::sleep_until(end);  // what it meets is up to chance
    for (auto& relay : relays) {
      relay->signal(SIGKILL);
      relay->wait();
    }
  }
  std::vector<std::string> once = settings;
  once.push_back("--once");
  for (auto& [sender, site] : sites) {
    Result result{};
    for (int attempt = 0; attempt < 5; ++attempt)
      if (result = run(site->command(once)); result.status == 0) break;
    INFO(result.error);
    CHECK(result.status == 0);
    CHECK(list(site->path("inbox")).empty());
  }
  // A receiver of the share has each content once, and nothing is left beside.
  RelaySite receiver(temp / "receiver");
  std::filesystem::remove(receiver.path("inbox"));
  std::filesystem::rename(temp / "share", receiver.path("inbox"));
  CHECK(run(receiver.command({"--once", "--set", "link.mode=receive"})).status == 0);
  CHECK(list(receiver.path("inbox")).empty());
  std::map<std::string, int> arrived;
  for (const std::string& name : list(receiver.path("outbox")))
    ++arrived[read_file(receiver.path("outbox/" + name))];
  CHECK(arrived.size() == static_cast<std::size_t>(2 * files));
  for (const auto& [contents, times] : arrived) CHECK(times == 1);
  for (int i = 0; i < files; ++i)
    for (char sender : {'a', 'b'}) CHECK(arrived.contains(contents_of(sender, i)));
}

}  // namespace
}  // namespace paxect::test

// The deadlines of a relay: alone, and through the plugin's ABI.
#include "relay/schedule.h"

#include <filesystem>

#include "link/link_rig.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

using link::Schedule;
using link::Task;

constexpr std::uint64_t kSecond = 1'000'000'000;

// Runs steps for as long as the relay wants to be called again at once, at most `limit`.
void run_until_waiting(LinkRig* rig, int limit = 100) {
  for (int i = 0; i < limit; ++i) {
    REQUIRE(rig->link->step() == PAXECT_PLUGIN_OK);
    if (rig->link->last().state == PAXECT_STEP_WAIT) return;
  }
  FAIL("the relay does not come to rest");
}

// A name without an event that reports it, as on a network file system: renamed in is what inotify sees of
// this machine alone.
void link_in(const LinkRig& rig, const std::string& name, const std::string& contents) {
  write_file(rig.directory / ("aside-" + name), contents);
  std::filesystem::create_hard_link(rig.directory / ("aside-" + name), rig.inbox(name));
}

TEST_CASE("A schedule starts with a scan and upkeep, and everything else is for later") {
  Schedule schedule;
  CHECK(schedule.is_due(Task::kScan, 0));
  CHECK(schedule.is_due(Task::kUpkeep, 0));
  CHECK_FALSE(schedule.is_due(Task::kState, Schedule::kNever - 1));
  CHECK_FALSE(schedule.is_due(Task::kStalled, Schedule::kNever - 1));
}

TEST_CASE("The next deadline is the earliest, and set_no_later only brings one forward") {
  Schedule schedule;
  schedule.set(Task::kScan, 30);
  schedule.set(Task::kUpkeep, 20);
  CHECK(schedule.next_ns() == 20);
  schedule.set_no_later(Task::kScan, 10);
  CHECK(schedule.next_ns() == 10);
  schedule.set_no_later(Task::kScan, 40);
  CHECK(schedule.due_ns(Task::kScan) == 10);
  schedule.set_now(Task::kUpkeep);
  CHECK(schedule.is_due(Task::kUpkeep, 0));
}

TEST_CASE("Files that keep arriving do not postpone the scan") {
  LinkRig rig;
  rig.host.set("mode", "send");
  rig.host.set("settle_ms", "0");
  rig.host.set("poll_sec", "1");
  rig.start();
  run_until_waiting(&rig);
  // One file without an event, and before each step more files with events than a batch takes.
  link_in(rig, "early.txt", "early");
  int arrived = 0;
  for (int step = 0; step < 20 && std::filesystem::exists(rig.inbox("early.txt")); ++step) {
    for (int i = 0; i < 300; ++i, ++arrived) rig.put("f" + std::to_string(arrived) + ".txt", "data");
    rig.host.advance_ns(kSecond / 2);
    REQUIRE(rig.link->step() == PAXECT_PLUGIN_OK);
    REQUIRE(rig.link->last().state == PAXECT_STEP_AGAIN);
  }
  CHECK_FALSE(std::filesystem::exists(rig.inbox("early.txt")));
}

TEST_CASE("A policy that changes is read while files keep arriving") {
  LinkRig rig;
  rig.host.set("mode", "send");
  rig.host.set("poll_sec", "1");
  rig.start();
  run_until_waiting(&rig);
  rig.write_policy("\"max_file_mb\": 1");
  int arrived = 0;
  for (int step = 0; step < 6 && rig.events("policy_reload").empty(); ++step) {
    for (int i = 0; i < 300; ++i, ++arrived) rig.put("f" + std::to_string(arrived) + ".txt", "data");
    rig.host.advance_ns(kSecond / 2);
    REQUIRE(rig.link->step() == PAXECT_PLUGIN_OK);
  }
  CHECK(rig.events("policy_reload").size() == 1);
}

TEST_CASE("However long the outbox was away, the relay looks for it every second") {
  LinkRig rig;
  rig.start();
  run_until_waiting(&rig);
  std::filesystem::rename(rig.outbox(), rig.directory / "away");
  rig.put("a.txt", "data");
  for (int i = 0; i < 200; ++i) {
    REQUIRE(rig.link->step() == PAXECT_PLUGIN_OK);
    REQUIRE(rig.link->last().state == PAXECT_STEP_WAIT);
    REQUIRE(rig.link->last().wake_at_ns <= rig.host.monotonic_ns() + kSecond);
    rig.host.set_monotonic_ns(rig.link->last().wake_at_ns);
  }
  std::filesystem::rename(rig.directory / "away", rig.outbox());
  rig.settle(2 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
}

TEST_CASE("A folder that appears causes no scan where folders are not looked into") {
  LinkRig rig;
  rig.host.set("settle_ms", "0");
  rig.start();
  run_until_waiting(&rig);
  link_in(rig, "unseen.txt", "data");
  std::filesystem::create_directory(rig.inbox("folder"));
  run_until_waiting(&rig);
  CHECK(std::filesystem::exists(rig.inbox("unseen.txt")));
  CHECK(rig.link->last().wake_at_ns > rig.host.monotonic_ns());
}

TEST_CASE("A folder that appears is looked into at once with recursive") {
  LinkRig rig;
  rig.host.set("recursive", "true");
  rig.host.set("poll_sec", "3600");
  rig.start();
  run_until_waiting(&rig);
  std::filesystem::create_directory(rig.inbox("folder"));
  rig.put("folder/a.txt", "data");
  rig.settle();
  CHECK(read_file(rig.outbox("folder/a")) == "data");
}

TEST_CASE("Containers are decoded while files wait to be encoded, with events as without") {
  LinkRig rig;
  rig.start();
  run_until_waiting(&rig);
  for (int i = 0; i < 900; ++i) rig.put("f" + std::to_string(i) + ".txt", std::to_string(i));
  // The first two batches encode, and each one after a commit decodes what that made.
  for (int step = 0; step < 5 && rig.delivered().empty(); ++step)
    REQUIRE(rig.link->step() == PAXECT_PLUGIN_OK);
  CHECK(rig.events("encode").size() < 900);
  CHECK(rig.delivered().size() > 100);
}

TEST_CASE("Without a backoff a stalled relay does not spin") {
  LinkRig rig;
  rig.host.set("backoff_sec", "0");
  rig.start();
  run_until_waiting(&rig);
  std::filesystem::rename(rig.outbox(), rig.directory / "away");
  REQUIRE(rig.link->step() == PAXECT_PLUGIN_OK);
  CHECK(rig.link->last().wake_at_ns >= rig.host.monotonic_ns() + kSecond / 4);
}

}  // namespace
}  // namespace paxect::test

// When a file is complete: nobody can still be writing it. Real writers, in processes of their own where time
// matters.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/digest.h"
#include "base/filesystem.h"
#include "base/read_lease.h"
#include "link/link_rig.h"
#include "link/relay_site.h"
#include "support/catch.h"
#include "support/no_leases.h"
#include "support/process.h"

namespace paxect::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMillisecond = 1'000'000;

bool has_leases(const std::string& directory) {
  link::Directory folder;
  REQUIRE(link::Directory::open(directory, &folder).ok());
  write_file(directory + "/probe.part", "");
  std::ofstream writer(directory + "/probe.part");
  const bool works = link::is_open_for_writing(folder, "probe.part");
  std::filesystem::remove(directory + "/probe.part");
  if (!works) WARN("skipped: no leases in " << directory);
  return works;
}

// A shell writes "data" to report.txt in the inbox and pauses while it has the file open: `relay`, which has
// delivered "first", delivers all of it and nothing else, and ends.
void arrives_whole(const RelaySite& site, Background& relay, const std::string& write) {
  REQUIRE(eventually([&] { return exists(site.path("outbox/first")); }));
  Background writer({.argv = {"sh", "-c", write}});
  CHECK(writer.wait().status == 0);
  REQUIRE(eventually([&] { return exists(site.path("outbox/report")); }));
  CHECK(read_file(site.path("outbox/report")) == "data\n");
  CHECK(list(site.path("outbox")) == Names{"first", "report"});
  relay.signal(SIGTERM);
  CHECK(relay.wait().status == 0);
}

TEST_CASE("A writer that keeps its file open and pauses for longer than the settle time loses nothing") {
  RelaySite site;
  if (!has_leases(site.path("inbox"))) return;
  Background relay(site.command({"--set", "link.settle_ms=10"}));
  site.put("first", "it runs");
  arrives_whole(site, relay, "(sleep 1; echo data) >" + site.path("inbox/report.txt"));
}

// Without the capability there are leases on our own files alone.
const std::vector<std::string> kWithoutLeases = {"setpriv", "--bounding-set", "-lease"};

bool can_do_without_leases() {
  if (geteuid() == 0 && run({.argv = {"setpriv", "--bounding-set", "-lease", "true"}}).status == 0)
    return true;
  WARN("skipped: cannot give up CAP_LEASE here");
  return false;
}

TEST_CASE("Where there are no leases, events show who keeps a file open") {
  if (!can_do_without_leases()) return;
  RelaySite site;
  Background relay(
      site.command({"--set", "link.settle_ms=10", "--set", "link.poll_sec=0.05"}, kWithoutLeases));
  site.put("first", "it runs");
  const std::string file = site.path("inbox/report.txt");
  arrives_whole(site, relay, "exec >" + file + "; chown 65534 " + file + "; sleep 1; echo data");
}

// What is written while the file is still open, or open again, arrives too: with the rest or, where its
// producer had closed it before, in a file of its own.
TEST_CASE("Where there are no leases, a file is neither taken nor removed while anybody has it open") {
  if (!can_do_without_leases()) return;
  const std::string give_away = "chown 65534 $F; ";
  const std::string script = GENERATE_COPY(
      as<std::string>{},
      // One of two handles is closed.
      "exec 7>$F; " + give_away + "echo one >&7; exec 8>>$F; exec 8>&-; sleep 1; echo two >&7",
      // It is opened again at once.
      "echo one >$F; " + give_away + "exec 7>>$F; sleep 1; echo two >&7",
      // It is renamed in while it is open.
      "echo one >$H; chown 65534 $H; exec 7>>$H; mv $H $F; sleep 1; echo two >&7",
      // It is opened again when it is under way, and written to when it is delivered.
      "head -c 30000000 /dev/zero >$H; chown 65534 $H; mv $H $F; until ls -A $O | grep -q part; do :; done; "
      "exec 7>>$F; until [ -e $O/report ]; do sleep 0.1; done; sleep 1; echo two >&7");
  INFO(script);
  RelaySite site;
  Background relay(
      site.command({"--set", "link.settle_ms=10", "--set", "link.poll_sec=0.05"}, kWithoutLeases));
  site.put("first", "it runs");
  REQUIRE(eventually([&] { return exists(site.path("outbox/first")); }));
  Background writer({.argv = {"sh", "-c",
                              "F=" + site.path("inbox/report.txt") + " H=" + site.path("inbox/.hidden") +
                                  " O=" + site.path("outbox") + "; " + script}});
  CHECK(writer.wait().status == 0);
  CHECK(eventually([&] {
    const Names names = list(site.path("outbox"));
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      // A hidden one can get its name in between.
      return !name.starts_with('.') && read_file(site.path("outbox/" + name)).ends_with("two\n");
    });
  }));
  CHECK(eventually([&] { return list(site.path("inbox")).empty(); }));
  relay.signal(SIGTERM);
  CHECK(relay.wait().status == 0);
}

TEST_CASE("A file that is written to is neither delivered nor blocked nor moved, in one run as in many") {
  LinkRig rig;
  if (!has_leases(rig.inbox())) return;
  rig.write_policy("\"quarantine_on_policy_block\": true");
  rig.put_unclosed("a.txt", "half");
  rig.put_unclosed("b.exe", "half");
  rig.put_unclosed("c.freq", "half a container");
  // Old enough for every timer.
  for (const char* name : {"a.txt", "b.exe", "c.freq"})
    std::filesystem::last_write_time(rig.inbox(name), std::filesystem::file_time_type{});
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  rig.start();
  rig.settle(60'000 * kMillisecond);
  rig.stop();
  CHECK(rig.waiting() == Names{"a.txt", "b.exe", "c.freq"});
  CHECK(rig.delivered().empty());
  for (const char* event : {"policy_block", "quarantine", "decode_error", "changed", "encode"})
    CHECK(rig.events(event).empty());
  rig.close_writers();
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.waiting().empty());
  CHECK(rig.delivered() == Names{"a"});
  CHECK(rig.events("quarantine").size() == 2);
}

TEST_CASE("A partial name that grows is not quarantined") {
  LinkRig rig;
  rig.write_policy("\"quarantine_on_policy_block\": true");
  for (const char* name : {"x.bin.filepart", "x.bin.crdownload", "~$x.txt"}) rig.put(name, "part");
  rig.put("y.exe", "whole");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.waiting() == Names{"x.bin.crdownload", "x.bin.filepart", "~$x.txt"});
  CHECK(list(rig.inbox(".quarantine")) == Names{"y.exe", "y.exe.reason.json"});
}

TEST_CASE("With a minimum age a file that is closed and opened again arrives once, whole") {
  LinkRig rig;
  rig.host.set("min_age_ms", "2000");
  rig.host.set("poll_sec", "0.5");
  rig.start();
  rig.settle(100 * kMillisecond);
  rig.put("s.txt", "1\n");
  rig.settle(1000 * kMillisecond);
  CHECK(rig.delivered().empty());
  std::ofstream(rig.inbox("s.txt"), std::ios::app) << "2\n";
  rig.settle(1500 * kMillisecond);
  CHECK(rig.delivered().empty());
  rig.settle(1000 * kMillisecond);
  CHECK(read_file(rig.outbox("s")) == "1\n2\n");
  CHECK(rig.delivered() == Names{"s"});
}

TEST_CASE("A rename is a sign of life") {
  LinkRig rig;
  rig.host.set("min_age_ms", "2000");
  rig.start();
  rig.put("a.txt", "a");
  rig.settle(1500 * kMillisecond);
  std::filesystem::rename(rig.inbox("a.txt"), rig.inbox("b.txt"));
  rig.settle(1500 * kMillisecond);
  CHECK(rig.delivered().empty());
  rig.settle(3000 * kMillisecond);
  CHECK(rig.delivered() == Names{"b"});
}

TEST_CASE("A file that a lease proves complete is taken at the first look, however long the settle time is") {
  RelaySite site;
  if (!has_leases(site.path("inbox"))) return;
  site.put("f", "complete");
  const auto begin = Clock::now();
  CHECK(run(site.command({"--once", "--set", "link.settle_ms=60000"})).status == 0);
  CHECK(exists(site.path("outbox/f")));
  CHECK(Clock::now() - begin < std::chrono::seconds(30));
}

// ---- without leases ---------------------------------------------------------------------------------------

// Makes a file one on which this thread can have no lease.
bool is_given_away(const NoLeases& none, const std::string& path) {
  if (none.works() && NoLeases::give_away(path)) return true;
  WARN("skipped: cannot give up leases here");
  return false;
}

TEST_CASE("What nothing proves complete is taken after two equal observations the settle time apart") {
  NoLeases no_leases;
  LinkRig rig;
  rig.put("slow.txt", "first");
  if (!is_given_away(no_leases, rig.inbox("slow.txt"))) return;
  rig.start();
  REQUIRE(rig.link->step() == PAXECT_PLUGIN_OK);
  CHECK(rig.link->last().wake_at_ns == rig.host.monotonic_ns() + 500'000'000);
  rig.host.advance_ns(499'000'000);
  REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
  CHECK(rig.delivered().empty());
  rig.host.advance_ns(1'000'000);
  REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.outbox("slow")) == "first");
}

TEST_CASE("Without leases a file that was opened since we watch waits for its writer to close it") {
  NoLeases no_leases;
  LinkRig rig;
  rig.put("slow.txt", "first");
  if (!is_given_away(no_leases, rig.inbox("slow.txt"))) return;
  rig.start();
  REQUIRE(rig.link->step() == PAXECT_PLUGIN_OK);
  rig.put_unclosed("slow.txt", "first and second");
  rig.settle(60'000'000'000);
  CHECK(rig.delivered().empty());
  rig.close_writers();
  REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.outbox("slow")) == "first and second");
}

TEST_CASE("With --once a file that keeps changing is pending, not waited for") {
  NoLeases no_leases;
  LinkRig rig;
  rig.host.set_once();
  rig.put("growing.txt", "1");
  if (!is_given_away(no_leases, rig.inbox("growing.txt"))) return;
  rig.start();
  REQUIRE(rig.link->step() == PAXECT_PLUGIN_OK);
  REQUIRE(rig.link->last().state == PAXECT_STEP_WAIT);
  rig.put("growing.txt", "12");
  rig.host.advance_ns(500'000'000);
  REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
  CHECK(rig.link->last().state == PAXECT_STEP_DONE);
  CHECK(rig.link->last().outcome == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.delivered().empty());
}

}  // namespace
}  // namespace paxect::test

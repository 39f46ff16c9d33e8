// What is listed is late by how long it has been listed, whatever is done to the clock of the machine.
#include "link/commands/command_rig.h"
#include "link/receiver_rig.h"

namespace paxect::test {
namespace {

constexpr std::int64_t kYears = std::int64_t{10} * 366 * 86'400;

struct ClockRig : ReceiverRig {
  ClockRig() {
    host.set("late_after", "100");
    north.within = 31'622'400;
    for (const char* name : {"a", "b"})
      north.send(std::string(name) + ".freq", container(std::string("data of ") + name));
    list();
    start();
    settle(5 * kSecond);
    REQUIRE(count(PAXECT_PLUGIN_OK, "expected") == 2);
  }
  void set_clock(std::int64_t seconds) {
    host.set_realtime_ns(host.realtime_ns() + seconds * static_cast<std::int64_t>(kSecond));
  }
  std::uint64_t count(int status, const char* what) {
    return command_json(host, {"missing"}, status)["streams"][0][what].GetUint64();
  }
};

}  // namespace

TEST_CASE("A clock that is set while a receiver runs makes nothing late, and keeps nothing from being late") {
  ClockRig rig;
  const std::int64_t by = GENERATE(values<std::int64_t>({kYears, -kYears, 3600, -3600}));
  INFO(by);
  rig.set_clock(by);
  rig.settle(10 * kSecond);
  CHECK(rig.events("missing").empty());
  CHECK(rig.count(PAXECT_PLUGIN_OK, "expected") == 2);
  REQUIRE(rig.events("clock").size() == 1);
  CHECK(rig.events("clock")[0].message.find(std::string("was set ") + (by > 0 ? "forward" : "back") +
                                            " by") != std::string::npos);
  // Set right again.
  const bool is_undone = GENERATE(false, true);
  if (is_undone) rig.set_clock(-by);
  rig.settle(70 * kSecond);
  CHECK(rig.events("missing").empty());
  rig.settle(60 * kSecond);
  CHECK(rig.events("missing").size() == 1);
  CHECK(rig.count(PAXECT_PLUGIN_INCOMPLETE, "missing") == 2);
  for (const LogEntry& entry : rig.log()) CHECK(fits_schema("link_plugin", "log", entry.line));
}

TEST_CASE("A clock that was set back while no receiver ran hides nothing that is missing") {
  ClockRig rig;
  rig.stop();
  rig.set_clock(-kYears);
  rig.start();
  rig.settle(5 * kSecond);
  CHECK(rig.count(PAXECT_PLUGIN_OK, "expected") == 2);
  rig.settle(120 * kSecond);
  CHECK(rig.count(PAXECT_PLUGIN_INCOMPLETE, "missing") == 2);
  CHECK(rig.events("missing").size() == 1);
}

TEST_CASE("A clock that is years ahead at a start is reported with what counts as late by it") {
  ClockRig rig;
  rig.stop();
  rig.set_clock(kYears);
  rig.start();
  rig.settle(10 * kSecond);
  REQUIRE(rig.events("clock").size() == 1);
  CHECK(rig.events("clock")[0].message.find("the last list was verified 3660 days ago") != std::string::npos);
  CHECK(rig.events("missing").size() == 1);
  // The clock is set right: what is listed is as old as it was.
  rig.set_clock(-kYears);
  rig.settle(10 * kSecond);
  CHECK(rig.events("clock").size() == 2);
}

}  // namespace paxect::test

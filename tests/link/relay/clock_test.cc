// Clocks that are set: nothing waits by the wall's clock, and nothing breaks when it goes back, while the
// relay runs or between two runs.
#include <filesystem>

#include "commands/log_reader.h"
#include "link/commands/command_rig.h"
#include "support/catch.h"
#include "support/no_leases.h"

namespace paxect::test {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kSecond = 1000 * kMillisecond;
constexpr std::int64_t kYear = std::int64_t{365} * 24 * 3600 * 1'000'000'000;

void turn_clock(LinkRig& rig, std::int64_t by) { rig.host.set_realtime_ns(rig.host.realtime_ns() + by); }

TEST_CASE("Settling goes by the monotonic clock, wherever the wall's clock goes") {
  NoLeases no_leases;
  for (std::int64_t jump : {-kYear, kYear}) {
    LinkRig rig;
    rig.put("a.txt", "a");
    if (!no_leases.works() || !NoLeases::give_away(rig.inbox("a.txt"))) {
      WARN("skipped: cannot give up leases here");
      return;
    }
    rig.start();
    REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
    turn_clock(rig, jump);
    REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
    rig.host.advance_ns(499 * kMillisecond);
    REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
    CHECK(rig.delivered().empty());
    rig.host.advance_ns(kMillisecond);
    REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
    CHECK(rig.delivered() == Names{"a"});
  }
}

TEST_CASE("Retries go by the monotonic clock, and their reason tells first and last as the wall had them") {
  LinkRig rig;
  // Has nothing against the sample that a relay tries it with.
  rig.host.set("core",
               "sh -c 'test ${3##*/} != a.txt || exit 1; exec " PAXECT_TEST_BIN "/paxect-core \"$@\"' core");
  rig.host.set("max_attempts", "3");
  rig.put("a.txt", "a");
  rig.start();
  rig.settle();
  turn_clock(rig, -kYear);
  CHECK(rig.waiting() == Names{"a.txt"});
  rig.settle(20 * kSecond);
  CHECK(rig.waiting().empty());
  std::string reason = read_file(rig.inbox(".quarantine/a.txt.reason.json"));
  CHECK(reason.find("\"attempts\": 3") != std::string::npos);
  CHECK(reason.find("\"first_utc\": \"2026-01-02") != std::string::npos);
  CHECK(reason.find("\"last_utc\": \"2025-01-02") != std::string::npos);
}

TEST_CASE("Logs rotated in seconds that come twice keep all their lines") {
  LinkRig rig;
  rig.host.set("log_max", "2000");
  rig.start();
  rig.settle();
  const std::int64_t begin = rig.host.realtime_ns();
  for (int i = 0; i < 40; ++i) {
    rig.host.set_realtime_ns(begin - (i % 2) * kYear);
    rig.put("f" + std::to_string(i) + ".txt", "contents " + std::to_string(i));
    REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
  }
  CHECK(rig.delivered().size() == 40);
  rig.stop();
  auto stats = command_json(rig.host, {"stats"});
  CHECK(stats["logs"].Size() > 4);
  CHECK(stats["unreadable"].GetUint64() == 0);
  CHECK(stats["events"]["encode"].GetUint64() == 40);
  CHECK(stats["events"]["decode"].GetUint64() == 40);
  CHECK(std::string(stats["first_utc"].GetString()).starts_with("2025-01-02"));
  CHECK(std::string(stats["last_utc"].GetString()).starts_with("2026-01-02"));
}

TEST_CASE("The manifest is written anew every minute, whatever time that is") {
  LinkRig rig;
  rig.start();
  rig.settle();
  CHECK(read_file(rig.directory / "link_manifest.json").find("2026-01-02") != std::string::npos);
  turn_clock(rig, -kYear);
  rig.settle(61 * kSecond);
  CHECK(read_file(rig.directory / "link_manifest.json").find("2025-01-02") != std::string::npos);
}

TEST_CASE("Between two runs both clocks may go back: nothing is lost or delivered again") {
  LinkRig rig;
  rig.write_policy("\"auto_delete\": false");
  rig.put("a.txt", "kept");
  rig.put("bad.exe", "blocked");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.delivered() == Names{"a"});
  std::filesystem::remove(rig.outbox("a"));
  turn_clock(rig, -kYear);
  rig.host.set_monotonic_ns(5 * kSecond);  // as after a boot
  rig.put("b.txt", "later, by a clock that says earlier");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.delivered() == Names{"b"});
  CHECK(rig.events("decode").size() == 2);
}

TEST_CASE("Files from the future and from before 1970 are files") {
  LinkRig rig;
  for (int years : {-60, 60}) {
    std::string name = years < 0 ? "past.txt" : "future.txt";
    rig.put(name, name);
    std::filesystem::last_write_time(rig.inbox(name), std::filesystem::file_time_type::clock::now() +
                                                          std::chrono::hours(24 * 365) * years);
  }
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.delivered() == Names{"future", "past"});
  auto encoded = rig.events("encode");
  REQUIRE(encoded.size() == 2);
  CHECK(encoded[0].source == rig.inbox("past.txt"));
}

TEST_CASE("The commands make sense of a log that was written later than now") {
  LinkRig rig;
  rig.put("a.txt", "a");
  rig.start();
  rig.settle();
  turn_clock(rig, -kYear);
  auto status = command_json(rig.host, {"status"});
  CHECK(std::string(status["last_delivery"]["datetime_utc"].GetString()).starts_with("2026-01-02"));
  CHECK(status["last_minute"]["files_per_second"].GetDouble() <= 1.0);
  CHECK(command(rig.host, {"explain", "a.txt"}).output.find("delivered") != std::string::npos);
}

}  // namespace
}  // namespace paxect::test

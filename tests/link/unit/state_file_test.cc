// The report of a relay to the commands.
#include <filesystem>

#include "link/commands/command_rig.h"
#include "records/state_file.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

TEST_CASE("A state comes back as it was written and a damaged one is none") {
  link::RelayState state;
  state.pid = 7;
  state.written_utc_ns = 42;
  state.waiting_count = 1;
  state.waiting_for = "outbox";
  state.oldest_utc_ns = 12;
  state.trouble["log"] = "disk is \"full\"\n";
  state.waiting.push_back({.path = "odd \xff\\x41",
                           .identity = {0, 1, 2, -3, 4},
                           .state = link::FileState::kBlocked,
                           .attempts = 3,
                           .next_try_utc_ns = 4,
                           .arrived_utc_ns = 9,
                           .first_utc_ns = 5,
                           .last_utc_ns = 6,
                           .event = "policy_block",
                           .reason = "why"});
  std::string written = link::to_json(state);
  auto read = link::parse_state(written);
  REQUIRE(read);
  CHECK(link::to_json(*read) == written);
  CHECK(read->waiting.at(0).path == "odd \xff\\x41");
  CHECK(read->waiting.at(0).identity == state.waiting[0].identity);
  for (std::size_t size = 0; size + 1 < written.size(); ++size)
    CHECK_FALSE(link::parse_state(written.substr(0, size)));
  CHECK_FALSE(link::parse_state("{\"pid\": 1}"));
}

TEST_CASE("A state file that cannot be replaced reports that in its place") {
  TempDir directory;
  const std::string lock = directory / "lock";
  link::StateFile file(lock);
  link::RelayState state;
  state.waiting.resize(2);
  state.waiting_count = 2;
  file.write(state, 10);
  // As on a full disk, no new file can be made.
  std::filesystem::create_directories(directory / ".lock.status.json.part/in the way");
  state.trouble["log"] = "no space";
  file.write(state, 2'000'000'000);
  const auto read = link::read_state(lock);
  REQUIRE(read);
  CHECK(read->trouble.at("log") == "no space");
  CHECK(read->trouble.contains("state"));
  CHECK(read->waiting.size() == 2);
  state.waiting.resize(500);
  for (auto& waiting : state.waiting) waiting.path = std::string(100, 'p');
  file.write(state, 4'000'000'000);
  REQUIRE(link::read_state(lock));
  CHECK(link::read_state(lock)->waiting.size() < 500);
}

TEST_CASE("The state file is written at most once a second and only when something changed") {
  TempDir directory;
  const std::string lock = directory / "lock";
  link::StateFile file(lock);
  link::RelayState state;
  CHECK(file.due_ns() == 0);
  file.write(state, 10);
  CHECK(file.due_ns() == 1'000'000'010);
  REQUIRE(link::read_state(lock));
  std::filesystem::remove(directory / "lock.status.json");
  state.written_utc_ns = 99;
  file.write(state, 2'000'000'000);
  CHECK_FALSE(link::read_state(lock));
  state.waiting_count = 1;
  file.write(state, 4'000'000'000);
  REQUIRE(link::read_state(lock));
  CHECK(link::read_state(lock)->written_utc_ns == 99);
}

}  // namespace
}  // namespace paxect::test

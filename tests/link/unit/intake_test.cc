#include "stages/intake.h"

#include <chrono>
#include <filesystem>
#include <map>
#include <set>

#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

using test::Names;
using test::TempDir;
using test::write_file;

struct Rig {
  TempDir temp;
  Directory inbox;
  Ledger ledger{{}};
  std::vector<std::string> unexpected;
  std::uint64_t now = 1'000'000'000;

  Rig() { REQUIRE(Directory::open(temp.path(), &inbox).ok()); }

  void file(const std::string& name, int age_seconds) {
    write_file(temp / name, name);
    std::filesystem::last_write_time(
        temp / name, std::filesystem::file_time_type::clock::now() - std::chrono::seconds(age_seconds));
  }
  std::vector<std::string> scan(Intake& intake) {
    REQUIRE(intake
                .scan(
                    inbox, now, [](const Candidate&) { return FileState::kReady; },
                    [&](const std::string& path, const std::string&, const std::string&) {
                      unexpected.push_back(path);
                    })
                .ok());
    Names names;
    while (!intake.empty()) names.push_back(intake.take().path());
    return names;
  }
};

TEST_CASE("The oldest file comes first, then by name") {
  Rig rig;
  rig.file("young", 1);
  rig.file("old", 100);
  rig.file("b", 50);
  rig.file("a", 50);
  auto same = std::filesystem::last_write_time(rig.temp / "a");
  std::filesystem::last_write_time(rig.temp / "b", same);
  Intake intake({.settle_ns = 10}, &rig.ledger);
  CHECK(rig.scan(intake).empty());
  rig.now += 10;
  CHECK(rig.scan(intake) == Names{"old", "a", "b", "young"});
}

TEST_CASE("A file that changes between two observations starts its wait again") {
  Rig rig;
  rig.file("f", 5);
  Intake intake({.settle_ns = 10}, &rig.ledger);
  rig.scan(intake);
  CHECK(intake.next_observation_ns(true) == rig.now + 10);
  CHECK(intake.next_observation_ns(false) == rig.now + 10);
  rig.now += 10;
  write_file(rig.temp / "f", "other");
  CHECK(rig.scan(intake).empty());
  CHECK(intake.unsettled() == 1);
  CHECK(intake.next_observation_ns(true) == rig.now + 10);
  CHECK(intake.next_observation_ns(false) == UINT64_MAX);
  rig.now += 10;
  CHECK(rig.scan(intake) == Names{"f"});
}

TEST_CASE("A file seen to arrive complete is taken at the first observation") {
  Rig rig;
  rig.file("f", 5);
  Intake intake({.settle_ns = 10}, &rig.ledger);
  intake.arrived("f", rig.inbox.stat_of("f").identity, rig.now);
  CHECK(rig.scan(intake) == Names{"f"});
}

TEST_CASE("What is proved to be complete is taken at the first observation, what is written to at none") {
  Rig rig;
  for (const char* name : {"complete", "unknown", "written"}) rig.file(name, 5);
  std::map<std::string, Progress> progress = {
      {"complete", Progress::kComplete}, {"unknown", Progress::kUnknown}, {"written", Progress::kWritten}};
  std::set<std::string> were_written;
  Intake intake({.settle_ns = 10,
                 .judge =
                     [&](const Directory&, const Candidate& candidate, bool written) {
                       if (written) were_written.insert(candidate.name);
                       return Judgement{progress[candidate.name]};
                     }},
                &rig.ledger);
  CHECK(rig.scan(intake) == Names{"complete"});
  CHECK(intake.unsettled() == 2);
  CHECK(intake.next_observation_ns(true) == rig.now + 10);
  rig.now += 10;
  CHECK(rig.scan(intake) == Names{"complete", "unknown"});
  CHECK(were_written == std::set<std::string>{"written"});
  // Nothing is to be expected of time alone while somebody has the file open.
  CHECK(intake.next_observation_ns(true) == UINT64_MAX);
  progress["written"] = Progress::kUnknown;
  rig.now += 5;
  rig.scan(intake);
  rig.now += 5;
  CHECK(rig.scan(intake) == Names{"complete", "unknown", "written"});
}

TEST_CASE("A file is ready when the minimum age has passed since its last sign of life") {
  Rig rig;
  rig.file("f", 5);
  Progress progress = Progress::kComplete;
  Intake intake({.settle_ns = 10,
                 .min_age_ns = 100,
                 .judge =
                     [&](const Directory&, const Candidate&, bool) {
                       return Judgement{progress, 30};
                     }},
                &rig.ledger);
  CHECK(rig.scan(intake).empty());
  CHECK(intake.next_observation_ns(true) == rig.now + 70);
  CHECK(intake.next_observation_ns(false) == rig.now + 70);
  rig.now += 69;
  CHECK(rig.scan(intake).empty());
  // Closing counts, even where it changes nothing.
  intake.arrived("f", rig.inbox.stat_of("f").identity, rig.now);
  rig.now += 99;
  CHECK(rig.scan(intake).empty());
  rig.now += 1;
  CHECK(rig.scan(intake) == Names{"f"});
  write_file(rig.temp / "f", "changed");
  CHECK(rig.scan(intake).empty());
  progress = Progress::kWritten;
  intake.still_written("f", rig.inbox.stat_of("f").identity, rig.now);
  rig.now += 1000;
  CHECK(rig.scan(intake).empty());
  progress = Progress::kComplete;
  CHECK(rig.scan(intake).empty());
  rig.now += 100;
  CHECK(rig.scan(intake) == Names{"f"});
}

TEST_CASE("What we have made is ready at once") {
  Rig rig;
  rig.file("f", 5);
  Intake intake({.settle_ns = 10, .min_age_ns = 100}, &rig.ledger);
  intake.made("f", rig.inbox.stat_of("f").identity, rig.now);
  CHECK(rig.scan(intake) == Names{"f"});
}

TEST_CASE("Ignored files and folders are not observed") {
  Rig rig;
  std::filesystem::create_directories(rig.temp / "lost+found");
  std::filesystem::create_directories(rig.temp / "sub");
  for (const char* name : {"lost+found/a", "sub/a", "sub/x.filepart", "x.filepart", "a"}) rig.file(name, 5);
  Intake intake(
      {.recursive = true,
       .ignored = [](std::string_view name) { return name == "lost+found" || name.ends_with(".filepart"); }},
      &rig.ledger);
  rig.scan(intake);
  CHECK(rig.ledger.files().size() == 2);
  rig.now += 1;
  CHECK(rig.scan(intake).size() == 2);
}

TEST_CASE("The window holds the oldest and says that there is more") {
  Rig rig;
  for (int i = 0; i < 20; ++i) rig.file("f" + std::to_string(10 + i), 100 - i);
  Intake intake({.settle_ns = 1, .window = 3}, &rig.ledger);
  rig.scan(intake);
  ++rig.now;
  CHECK(rig.scan(intake) == Names{"f10", "f11", "f12"});
  CHECK(intake.has_more());
}

TEST_CASE("What is no file to relay is reported once, and again after it was away") {
  Rig rig;
  Intake intake({}, &rig.ledger);
  std::filesystem::create_symlink("nowhere", rig.temp / "link");
  rig.scan(intake);
  rig.scan(intake);
  CHECK(rig.unexpected == Names{"link"});
  std::filesystem::remove(rig.temp / "link");
  rig.scan(intake);
  std::filesystem::create_symlink("nowhere", rig.temp / "link");
  rig.scan(intake);
  CHECK(rig.unexpected.size() == 2);
}

TEST_CASE("Files that are gone are forgotten") {
  Rig rig;
  rig.file("f", 1);
  Intake intake({}, &rig.ledger);
  rig.scan(intake);
  CHECK(rig.ledger.files().size() == 1);
  std::filesystem::remove(rig.temp / "f");
  rig.scan(intake);
  CHECK(rig.ledger.files().size() == 0);
}

}  // namespace
}  // namespace paxect::link

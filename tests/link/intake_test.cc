#include "stages/intake.h"

#include <chrono>
#include <filesystem>

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
  std::vector<std::string> odd;
  std::uint64_t now = 1'000'000'000;

  Rig() { REQUIRE(Directory::open(temp.path(), &inbox).ok()); }

  void file(const std::string& name, int age_seconds) {
    write_file(temp / name, name);
    std::filesystem::last_write_time(
        temp / name, std::filesystem::file_time_type::clock::now() - std::chrono::seconds(age_seconds));
  }
  std::vector<std::string> scan(Intake& intake) {
    REQUIRE(
        intake
            .scan(
                inbox, now, [](const Candidate&) { return true; },
                [&](const std::string& path, const std::string&, const std::string&) { odd.push_back(path); })
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
  Intake intake({.settle_ns = 10});
  CHECK(rig.scan(intake).empty());
  rig.now += 10;
  CHECK(rig.scan(intake) == Names{"old", "a", "b", "young"});
}

TEST_CASE("A file that changes between two looks starts its wait again") {
  Rig rig;
  rig.file("f", 5);
  Intake intake({.settle_ns = 10});
  rig.scan(intake);
  CHECK(intake.next_look_ns(true) == rig.now + 10);
  CHECK(intake.next_look_ns(false) == rig.now + 10);
  rig.now += 10;
  write_file(rig.temp / "f", "other");
  CHECK(rig.scan(intake).empty());
  CHECK(intake.unsettled() == 1);
  CHECK(intake.next_look_ns(true) == rig.now + 10);
  CHECK(intake.next_look_ns(false) == UINT64_MAX);
  rig.now += 10;
  CHECK(rig.scan(intake) == Names{"f"});
}

TEST_CASE("A file seen to arrive whole is taken at the first look") {
  Rig rig;
  rig.file("f", 5);
  Intake intake({.settle_ns = 10});
  intake.arrived("f", rig.inbox.look("f").identity);
  CHECK(rig.scan(intake) == Names{"f"});
}

TEST_CASE("The window holds the oldest and says that there is more") {
  Rig rig;
  for (int i = 0; i < 20; ++i) rig.file("f" + std::to_string(10 + i), 100 - i);
  Intake intake({.settle_ns = 1, .window = 3});
  rig.scan(intake);
  ++rig.now;
  CHECK(rig.scan(intake) == Names{"f10", "f11", "f12"});
  CHECK(intake.has_more());
}

TEST_CASE("What is odd is told once, and again after it was away") {
  Rig rig;
  Intake intake({});
  std::filesystem::create_symlink("nowhere", rig.temp / "link");
  rig.scan(intake);
  rig.scan(intake);
  CHECK(rig.odd == Names{"link"});
  std::filesystem::remove(rig.temp / "link");
  rig.scan(intake);
  std::filesystem::create_symlink("nowhere", rig.temp / "link");
  rig.scan(intake);
  CHECK(rig.odd.size() == 2);
}

TEST_CASE("Looks at files that are gone are forgotten") {
  Rig rig;
  rig.file("f", 1);
  Intake intake({});
  rig.scan(intake);
  CHECK(intake.seen() == 1);
  std::filesystem::remove(rig.temp / "f");
  rig.scan(intake);
  CHECK(intake.seen() == 0);
}

}  // namespace
}  // namespace paxect::link

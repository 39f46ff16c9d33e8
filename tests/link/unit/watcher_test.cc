#include "stages/watcher.h"

#include <filesystem>
#include <fstream>
#include <set>

#include "support/catch.h"
#include "support/files.h"
#include "support/no_leases.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

// A watched folder in which events alone show who has a file open.
struct WatchedFolder {
  test::NoLeases none;
  test::TempDir temp;
  Directory folder;
  std::uint64_t now_ns = 1'000'000'000;
  Watcher watcher{[this] { return now_ns; }};
  std::set<std::string> arrived;

  WatchedFolder() {
    REQUIRE(Directory::open(temp.path(), &folder).ok());
    REQUIRE(watcher.open(false));
    watcher.watch(folder, "");
  }
  void read() {
    watcher.read([this](const std::string&, const std::string& name) { arrived.insert(name); });
  }
};

TEST_CASE("A file arrives when the last of its handles is closed") {
  WatchedFolder watched;
  if (!watched.none.works()) return;
  std::ofstream first(watched.temp / "x");
  first << "one" << std::flush;
  watched.read();
  std::ofstream second(watched.temp / "x", std::ios::app);
  watched.read();
  first.close();
  watched.read();
  CHECK(watched.watcher.may_be_open("x"));
  CHECK(watched.arrived.empty());
  second << "two" << std::flush;
  second.close();
  watched.read();
  CHECK_FALSE(watched.watcher.may_be_open("x"));
  CHECK(watched.arrived == std::set<std::string>{"x"});
}

TEST_CASE("The close of a file that was unlinked is no event of the new file of its name") {
  WatchedFolder watched;
  if (!watched.none.works()) return;
  std::ofstream before(watched.temp / "x");
  before << "one" << std::flush;
  watched.read();
  std::filesystem::remove(watched.temp / "x");
  std::ofstream after(watched.temp / "x");
  after << "two" << std::flush;
  watched.read();
  before << "more" << std::flush;
  before.close();
  watched.read();
  CHECK(watched.watcher.may_be_open("x"));
  CHECK(watched.arrived.empty());
}

constexpr std::uint64_t kMinute = 60'000'000'000;

TEST_CASE("A file whose closing events were merged counts as open for an hour, however often it is read") {
  WatchedFolder watched;
  if (!watched.none.works()) return;
  test::write_file(watched.temp / "x", "complete");
  watched.read();
  std::ifstream first(watched.temp / "x");
  watched.read();
  std::ifstream second(watched.temp / "x");
  watched.read();
  // Two equal events in a row: inotify reports one.
  first.close();
  second.close();
  for (int minute = 0; minute < 60; minute += 10) {
    CHECK(watched.watcher.may_be_open("x"));
    watched.now_ns += 10 * kMinute;
    std::ifstream reader(watched.temp / "x");
    watched.read();
  }
  watched.read();
  CHECK_FALSE(watched.watcher.may_be_open("x"));
}

TEST_CASE("A file that was made and not written to counts as written to for an hour") {
  WatchedFolder watched;
  if (!watched.none.works()) return;
  std::ofstream file(watched.temp / "x");
  watched.read();
  CHECK(watched.watcher.is_written("x"));
  watched.now_ns += 61 * kMinute;
  CHECK_FALSE(watched.watcher.is_written("x"));
  CHECK_FALSE(watched.watcher.may_be_open("x"));
  // Who writes after a long time has it open all the same.
  file << "data" << std::flush;
  watched.read();
  CHECK(watched.watcher.is_written("x"));
}

TEST_CASE("Who reads a file that came by a hard link is not taken for its writer") {
  WatchedFolder watched;
  if (!watched.none.works()) return;
  test::TempDir elsewhere;
  test::write_file(elsewhere / "x", "complete");
  std::filesystem::create_hard_link(elsewhere / "x", watched.temp / "x");
  std::filesystem::create_hard_link(elsewhere / "x", watched.temp / "y");
  watched.read();
  std::ifstream reader(watched.temp / "x");
  watched.read();
  CHECK_FALSE(watched.watcher.is_written("x"));
  CHECK(watched.watcher.may_be_open("x"));
  reader.close();
  watched.read();
  CHECK_FALSE(watched.watcher.may_be_open("x"));
}

TEST_CASE("Arrivals that a question about a file has taken from the queue are news until they are read") {
  WatchedFolder watched;
  test::write_file(watched.temp / "x", "complete");
  CHECK_FALSE(watched.watcher.has_news());
  watched.watcher.may_be_open("y");
  CHECK(watched.watcher.has_news());
  watched.read();
  CHECK_FALSE(watched.watcher.has_news());
  CHECK(watched.arrived == std::set<std::string>{"x"});
}

}  // namespace
}  // namespace paxect::link

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
  Watcher watcher;
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

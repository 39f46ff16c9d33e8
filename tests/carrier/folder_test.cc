#include "folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "names.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::carrier {
namespace {

// A folder, and the files that remember its markers.
struct Place {
  test::TempDir temp;
  std::string path = temp / "folder";
  Place() { mkdir(path.c_str(), 0755); }
  Status open(Folder* folder) const { return folder->open(path, temp / "place", temp / "own"); }
};

TEST_CASE("Only a name that is not in its folder is absent") {
  const Place place;
  Folder folder;
  REQUIRE(place.open(&folder).ok());
  test::write_file(place.path + "/file", "x");
  Presence presence = Presence::kAbsent;
  REQUIRE(folder.find_surely("file", &presence).ok());
  CHECK(presence == Presence::kThere);
  for (const char* name : {"none", "none/below"}) {
    presence = Presence::kThere;
    INFO(name);
    REQUIRE(folder.find_surely(name, &presence).ok());
    CHECK(presence == Presence::kAbsent);
  }
  // A failure concludes nothing.
  for (const std::string& name : {std::string("file/below"), std::string(300, 'x')}) {
    presence = Presence::kThere;
    INFO(name);
    CHECK_FALSE(folder.find_surely(name, &presence).ok());
    CHECK(presence == Presence::kThere);
  }
}

TEST_CASE("An empty directory in the place of a folder is refused") {
  const Place place;
  Folder folder;
  REQUIRE(place.open(&folder).ok());
  const std::string away = place.temp / "away";
  REQUIRE(rename(place.path.c_str(), away.c_str()) == 0);
  mkdir(place.path.c_str(), 0755);
  CHECK_FALSE(folder.check().ok());
  CHECK_FALSE(folder.is_open());
  CHECK_FALSE(place.open(&folder).ok());
  REQUIRE(rmdir(place.path.c_str()) == 0);
  REQUIRE(rename(away.c_str(), place.path.c_str()) == 0);
  CHECK(folder.check().ok());
}

TEST_CASE("A record of the marker that is damaged takes the marker that is there") {
  const Place place;
  Folder folder;
  REQUIRE(place.open(&folder).ok());
  std::string own = test::read_file(place.temp / "own");
  own[3] = own[3] == '1' ? '2' : '1';
  test::write_file(place.temp / "own", own);
  CHECK(place.open(&folder).ok());
  CHECK(test::read_file(place.temp / "own") == test::read_file(place.path + "/.paxect-carrier-place"));
}

TEST_CASE("A file that was written with its old time is not removed") {
  const Place place;
  Folder folder;
  REQUIRE(place.open(&folder).ok());
  const std::string path = place.path + "/file";
  test::write_file(path, "one");
  UniqueFd file;
  FileIdentity identity;
  bool missing = false;
  bool removed = true;
  REQUIRE(folder.open_file("file", &file, &identity, &missing).ok());
  struct stat info {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  test::write_file(path, "two");
  const timespec times[2] = {info.st_atim, info.st_mtim};
  REQUIRE(utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  REQUIRE(folder.remove_same("file", identity, &removed).ok());
  CHECK_FALSE(removed);
  CHECK(test::read_file(path) == "two");
  REQUIRE(folder.open_file("file", &file, &identity, &missing).ok());
  REQUIRE(folder.remove_same("file", identity, &removed).ok());
  CHECK(removed);
}

TEST_CASE("A removal does not replace a file that an earlier one has left under the hidden name") {
  const Place place;
  Folder folder;
  REQUIRE(place.open(&folder).ok());
  const std::string path = place.path + "/x.freq";
  const std::string hidden = place.path + "/" + leaving_of("x.freq");
  test::write_file(hidden, "left");
  test::write_file(path, "delivered");
  UniqueFd file;
  FileIdentity identity;
  bool missing = false;
  bool removed = false;
  REQUIRE(folder.open_file("x.freq", &file, &identity, &missing).ok());
  REQUIRE(folder.remove_same("x.freq", identity, &removed).ok());
  CHECK(removed);
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(place.path))
    if (entry.is_regular_file() && test::read_file(entry.path()) == "left")
      left.push_back(entry.path().filename());
  REQUIRE(left.size() == 1);
  CHECK(left[0].front() == 'x');
  CHECK(left[0].ends_with(".freq"));
}

TEST_CASE("A removal goes on where an earlier one has failed after it gave the hidden name") {
  const Place place;
  Folder folder;
  REQUIRE(place.open(&folder).ok());
  const std::string path = place.path + "/x.freq";
  test::write_file(path, "delivered");
  UniqueFd file;
  FileIdentity identity;
  bool missing = false;
  bool removed = false;
  REQUIRE(folder.open_file("x.freq", &file, &identity, &missing).ok());
  std::filesystem::rename(path, place.path + "/" + leaving_of("x.freq"));
  test::write_file(path, "another one of the name");
  REQUIRE(folder.remove_same("x.freq", identity, &removed).ok());
  CHECK(removed);
  CHECK_FALSE(std::filesystem::exists(place.path + "/" + leaving_of("x.freq")));
  CHECK(test::read_file(path) == "another one of the name");
}

TEST_CASE("A file that somebody has open for writing is known by a lease") {
  const Place place;
  Folder folder;
  REQUIRE(place.open(&folder).ok());
  const std::string path = place.path + "/file";
  test::write_file(path, "one");
  UniqueFd file;
  FileIdentity identity;
  bool missing = false;
  REQUIRE(folder.open_file("file", &file, &identity, &missing).ok());
  CHECK_FALSE(is_being_written(file.get()));
  {
    const UniqueFd writer(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    REQUIRE(writer.valid());
    CHECK(is_being_written(file.get()));
  }
  CHECK_FALSE(is_being_written(file.get()));
  const UniqueFd writer(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK));  // no lease is left behind
  CHECK(writer.valid());
}

TEST_CASE("A name of the greatest length is removed without leaving another") {
  const Place place;
  Folder folder;
  REQUIRE(place.open(&folder).ok());
  const std::string name = std::string(250, 'n') + ".freq";
  test::write_file(place.path + "/" + name, "x");
  UniqueFd file;
  FileIdentity identity;
  bool missing = false;
  bool removed = false;
  REQUIRE(folder.open_file(name, &file, &identity, &missing).ok());
  REQUIRE(folder.remove_same(name, identity, &removed).ok());
  CHECK(removed);
  CHECK(leaving_of(name).empty());
  CHECK(name_of_leaving(leaving_of("short.freq")) == "short.freq");
}

}  // namespace
}  // namespace paxect::carrier

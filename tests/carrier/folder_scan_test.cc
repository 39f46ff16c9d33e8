#include "folder_scan.h"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <string>

#include "names.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"
#include "unique_fd.h"

namespace paxect::carrier {
namespace {

struct Place {
  test::TempDir temp;
  std::string path = temp / "folder";
  UniqueFd folder;
  Place() {
    mkdir(path.c_str(), 0755);
    folder = UniqueFd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
};

// What the tests do as an ordinary user, whom modes of files bind.
class OrdinaryUser {
 public:
  OrdinaryUser() {
    if (geteuid() == 0) setfsuid(65534);
  }
  ~OrdinaryUser() {
    if (geteuid() == 0) setfsuid(0);
  }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;
};

TEST_CASE("A folder below that cannot be read is reported, and what is beside it is found") {
  const Place place;
  const FolderScan scan(place.folder.get(), place.path);
  std::set<std::string> expected;
  for (int i = 0; i < 20; ++i) {
    const std::string name = std::to_string(i);
    for (const char* kind : {"/a", "/b", "/shut"}) mkdir((place.path + kind + name).c_str(), 0755);
    for (const std::string& file : {"a" + name + "/file", "b" + name + "/file", "file" + name}) {
      test::write_file(place.path + "/" + file, "x");
      expected.insert(file);
    }
    test::write_file(place.path + "/b" + name + "/" + temporary_of("x", std::string(32, 'a')), "x");
    test::write_file(place.path + "/shut" + name + "/file", "x");
    REQUIRE(chmod((place.path + "/shut" + name).c_str(), i % 2 == 0 ? 0 : 0644) == 0);
  }
  mkdir((place.path + "/lost+found").c_str(), 0);
  std::set<std::string> found;
  std::set<std::string> temporaries;
  FolderScan::Unread unread;
  std::set<std::string> hidden;
  {
    const OrdinaryUser user;
    const auto each = [&](const FolderEntry& entry) { return found.insert(entry.path).second; };
    CHECK(scan.all(each, &unread, &hidden).ok());
    CHECK_FALSE(
        scan.ours([&](const FolderEntry& entry) { return temporaries.insert(entry.path).second; }).ok());
  }
  CHECK(found == expected);
  CHECK(temporaries.size() == 20);
  CHECK(unread.size() == 20);
  for (const auto& [path, status] : unread) {
    CHECK(path.starts_with("shut"));
    CHECK(status.message().find(place.path + "/" + path) != std::string::npos);
  }
  for (int i = 0; i < 20; ++i) chmod((place.path + "/shut" + std::to_string(i)).c_str(), 0755);
}

TEST_CASE("A folder that is too deep is reported, and so is a hidden container of any name") {
  const Place place;
  const FolderScan scan(place.folder.get(), place.path);
  std::string deep;
  for (int i = 0; i < 70; ++i) {
    deep += (deep.empty() ? "" : "/") + std::string(1, 'd');
    REQUIRE(mkdir((place.path + "/" + deep).c_str(), 0755) == 0);
    test::write_file(place.path + "/" + deep + "/x.freq", "x");
  }
  for (const char* name : {"...freq", ".freq", ".x.freq", ".list", ".note"})
    test::write_file(place.path + "/" + name, "x");
  std::set<std::string> found;
  std::set<std::string> hidden;
  FolderScan::Unread unread;
  const auto each = [&](const FolderEntry& entry) { return found.insert(entry.path).second; };
  CHECK(scan.all(each, &unread, &hidden).ok());
  CHECK(found.size() == 64);
  REQUIRE(unread.size() == 1);
  CHECK(unread.begin()->second.message().ends_with("is more than 64 folders deep: move it up"));
  CHECK(hidden == std::set<std::string>{"...freq", ".freq", ".list", ".x.freq"});
}

}  // namespace
}  // namespace paxect::carrier

#include "base/open_folders.h"

#include <filesystem>
#include <vector>

#include "support/catch.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

TEST_CASE("A folder is opened once for all who use it, and again for later users") {
  test::TempDir temp;
  Directory base;
  REQUIRE(Directory::open(temp.path(), &base).ok());
  OpenFolders folders;
  std::shared_ptr<const Directory> first, second;
  bool fresh = false;
  CHECK(folders.open(base, "a/b", false, &first, &fresh).fault == Fault::kGone);
  CHECK(folders.size() == 0);
  REQUIRE(folders.open(base, "a/b", true, &first, &fresh).ok());
  CHECK(fresh);
  REQUIRE(folders.open(base, "a/b", false, &second, &fresh).ok());
  CHECK_FALSE(fresh);
  CHECK(first == second);
  first.reset();
  second.reset();
  REQUIRE(folders.open(base, "a/b", false, &second, &fresh).ok());
  CHECK(fresh);
}

TEST_CASE("Folders that nobody has open any more are forgotten, however many come and go") {
  test::TempDir temp;
  Directory base;
  REQUIRE(Directory::open(temp.path(), &base).ok());
  OpenFolders folders;
  std::vector<std::shared_ptr<const Directory>> kept(100);
  std::shared_ptr<const Directory> passing;
  bool fresh = false;
  for (int day = 0; day < 2000; ++day) {
    auto& out = day < 100 ? kept[static_cast<std::size_t>(day)] : passing;
    REQUIRE(folders.open(base, std::to_string(day), true, &out, &fresh).ok());
    CHECK(folders.size() <= 2 * (kept.size() + 1) + OpenFolders::kFew);
  }
  REQUIRE(folders.open(base, "42", false, &passing, &fresh).ok());
  CHECK(passing == kept[42]);
}

}  // namespace
}  // namespace paxect::link

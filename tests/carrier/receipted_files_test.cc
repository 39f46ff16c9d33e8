#include "receipted_files.h"

#include <string>
#include <vector>

#include "support/catch.h"

namespace paxect::carrier {
namespace {

std::size_t comparisons = 0;  // NOLINT: of the test

struct CountingLess {
  bool operator()(const std::string& a, const std::string& b) const {
    ++comparisons;
    return a < b;
  }
};
using Files = BasicReceiptedFiles<CountingLess>;

constexpr std::size_t kUnremovable = 20'000;
constexpr std::size_t kFew = 200;  // comparisons, of a number that grows with the logarithm of the files

Files with_unremovable_files() {
  Files files;
  for (std::size_t i = 0; i < kUnremovable; ++i) {
    const std::string id = std::to_string(i);
    files.add({.id = id, .receiver = "receiver", .is_recorded = true});
    files.put_off(id, 10'000 + i);
  }
  comparisons = 0;
  return files;
}

TEST_CASE("Files that cannot be removed cost what comes next to nothing") {
  Files files = with_unremovable_files();
  CHECK_FALSE(files.contains("new"));
  CHECK_FALSE(files.has_new());
  files.add({.id = "new", .receiver = "receiver"});
  CHECK(files.contains("new"));
  CHECK(files.has_new());
  CHECK(files.due(5, 256) == std::vector<std::string>{"new"});
  files.find("new")->is_recorded = true;
  files.remove("new");
  CHECK_FALSE(files.contains("new"));
  CHECK_FALSE(files.has_new());
  CHECK(comparisons < kFew);
}

TEST_CASE("The new files come first, and those that failed in the order of their turns, some at a time") {
  Files files = with_unremovable_files();
  files.add({.id = "new", .receiver = "receiver"});
  const std::vector<std::string> due = files.due(50'000, 256);
  REQUIRE(due.size() == 256);
  CHECK(due[0] == "new");
  CHECK(due[1] == "0");
  CHECK(due[255] == "254");
  CHECK(comparisons < kFew);
  for (const std::string& id : due) files.put_off(id, 60'000);
  CHECK(files.due(50'000, 1) == std::vector<std::string>{"255"});
  CHECK(files.next_due_ns() == 10'255);
}

TEST_CASE("A file that is there stays as it is when its receipt comes again") {
  Files files;
  files.add({.id = "a", .receiver = "first", .is_recorded = true});
  files.put_off("a", 100);
  files.add({.id = "a", .receiver = "second"});
  CHECK(files.find("a")->receiver == "first");
  CHECK(files.due(99, 10).empty());
  CHECK(files.due(100, 10) == std::vector<std::string>{"a"});
  std::size_t count = 0;
  files.for_each([&](const Receipted& one) { count += one.is_recorded ? 1 : 0; });
  CHECK(count == 1);
  files.remove("a");
  CHECK(files.empty());
}

}  // namespace
}  // namespace paxect::carrier

#include "relay/statement_file.h"

#include <algorithm>
#include <filesystem>

#include "base/relay_paths.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::link {

TEST_CASE("A statement is put once, over what a process left that ended, and never over another text") {
  test::TempDir temp;
  Directory folder;
  REQUIRE(Directory::open(temp.path(), &folder).ok());
  test::write_file(temp / temporary_of("a.list"), "half of");
  for (int i = 0; i < 2; ++i) {
    REQUIRE(put_statement(folder, "a.list", "text\n").ok());
    CHECK(test::list(temp.path()) == std::vector<std::string>{"a.list"});
    CHECK(test::read_file(temp / "a.list") == "text\n");
  }
  const Status other = put_statement(folder, "a.list", "another\n");
  CHECK(other.fault == Fault::kEnvironment);
  CHECK(other.message.ends_with("a.list exists with another text"));
  CHECK(other.event == kTaken);
  CHECK(test::read_file(temp / "a.list") == "text\n");
  test::write_file(temp / "large.list", std::string(5'000'000, 'x'));
  std::filesystem::create_directory(temp / "folder.list");
  for (const char* name : {"large.list", "folder.list"})
    CHECK(put_statement(folder, name, "text\n").event == kTaken);
}

TEST_CASE("What is left of statements of this node is swept, and nothing else") {
  test::TempDir temp;
  Directory folder;
  REQUIRE(Directory::open(temp.path(), &folder).ok());
  const std::string receipt = receipt_of("south", "0123456789abcdef", 3);
  const std::string list = list_of("south", "0123456789abcdef", 3);
  for (const std::string& name : {receipt, signature_of(receipt), list, signature_of(list)})
    test::write_file(temp / temporary_of(name), "half of");
  UniqueFd live;
  REQUIRE(folder.create_temporary(temporary_of(receipt_of("south", "0123456789abcdef", 4)), &live).ok());
  std::vector<std::string> stays = {temporary_of(receipt_of("north", "0123456789abcdef", 3)),
                                    temporary_of("south.txt"),
                                    "." + receipt,
                                    receipt,
                                    ".part",
                                    ".a"};
  for (const std::string& name : stays) test::write_file(temp / name, "another's");
  stays.push_back(temporary_of(receipt_of("south", "0123456789abcdef", 4)));
  sweep_statements(folder, "south");
  std::sort(stays.begin(), stays.end());
  CHECK(test::list(temp.path()) == stays);
}

}  // namespace paxect::link

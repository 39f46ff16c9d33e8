#include "records/write_off.h"

#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::link {

TEST_CASE("What is written off is read as it was given, until it is done") {
  test::TempDir temp;
  const std::string state = temp / "lock";
  std::vector<WriteOff> read;
  REQUIRE(take_write_offs(state, &read).ok());
  CHECK(read.empty());
  const std::string key(80, 'a');
  const std::vector<WriteOff> given = {
      {{"north", key, "0123456789abcdef"}, {{1, 1}, {3, 900}}, 0, "why, in words"},
      {{"north.east", key, "0123456789abcdef"}, {}, 7, "1-2"},
      {{"north", "", "0123456789abcdef"}, {}, 7, "no list of it came"},
      {{"", "", "fedcba9876543210"}, {{5, 6}}, 0, "x"}};
  REQUIRE(add_write_offs(state, {given[0], given[1]}).ok());
  REQUIRE(add_write_offs(state, {given[2], given[3]}).ok());
  const std::string path = write_off_of(state);
  std::string others;
  for (const char* bad :
       {"", "garbage", "0123456789abcdef why", "- - 0123456789ABCDEF 0 1-2 x", "- - 0123456789abcdef 0 2-1 x",
        "- - 0123456789abcdef 0 0-1 x", "- - 0123456789abcdef 0 1-2", "- - 0123456789abcdef x 1-2 x",
        "- - 0123456789abcdef 0 1 x", "a/b aa 0123456789abcdef 0 1-2 x", "north X 0123456789abcdef 0 1-2 x",
        "- aa 0123456789abcdef 0 1-2 x", "- - 0123456789abcdef 0 1-2 \x01"})
    others += std::string(bad) + "\n";
  test::write_file(path, others + test::read_file(path) + others);
  REQUIRE(take_write_offs(state, &read).ok());
  CHECK(read == given);
  REQUIRE(finish_write_offs(state).ok());
  REQUIRE(take_write_offs(state, &read).ok());
  CHECK(read.empty());
}

TEST_CASE("A reason is one line of at most 512 bytes") {
  CHECK(is_write_off_reason("the receiver was scrapped \xc3\xa4"));
  CHECK(is_write_off_reason(std::string(512, 'x')));
  CHECK_FALSE(is_write_off_reason(std::string(513, 'x')));
  for (const char* bad : {"", "two\nlines", "\t", "\x7f"}) CHECK_FALSE(is_write_off_reason(bad));
}

}  // namespace paxect::link

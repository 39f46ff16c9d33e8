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
  const std::vector<WriteOff> given = {{"0123456789abcdef", "why, in words"}, {"fedcba9876543210", "x"}};
  for (const WriteOff& each : given) REQUIRE(add_write_off(state, each).ok());
  const std::string path = write_off_of(state);
  test::write_file(path, "garbage\n\n0123456789abcdef\n0123456789ABCDEF x\n" + test::read_file(path) +
                             "0123456789abcdef \x01\n");
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

#include "records/resend_line.h"

#include "support/catch.h"

namespace paxect::link {

TEST_CASE("A line of a request to send again has one form, and that of an earlier version is read") {
  const ResendRequest request{"0123456789abcdef", 3, 900};
  CHECK(resend_line(request) == "0123456789abcdef 3 900\n");
  ResendRequest read;
  REQUIRE(parse_resend_line("0123456789abcdef 3 900", &read));
  CHECK(read == request);
  REQUIRE(parse_resend_line("0123456789abcdef 3", &read));
  CHECK(read == ResendRequest{"0123456789abcdef", 3, 3});
  for (const char* bad :
       {"", "garbage", "0123456789abcdef", "0123456789abcdef ", "0123456789abcdef 3 ", "0123456789abcdef 3 2",
        "0123456789abcdef 0 2", "0123456789abcdef 03 4", "0123456789abcdef 3  4", "0123456789abcdef 3 4 5",
        "0123456789abcdef 3 9223372036854775808", "0123456789ABCDEF 3 4", " 3 4"}) {
    INFO(bad);
    CHECK_FALSE(parse_resend_line(bad, &read));
  }
}

}  // namespace paxect::link

#include "base/backoff.h"

#include "base/clock.h"
#include "support/catch.h"

namespace paxect::link {
namespace {

TEST_CASE("The delay doubles, keeps a random half, and ends at an hour") {
  CHECK(backoff_delay_ns(8, 1, 0) == 4);
  CHECK(backoff_delay_ns(8, 1, 3) == 7);
  CHECK(backoff_delay_ns(8, 3, 0) == 16);
  CHECK(backoff_delay_ns(5 * kSecond, 1000, 0) == 1800 * kSecond);
  CHECK(backoff_delay_ns(5 * kSecond, 1000, UINT64_MAX) < 3600 * kSecond);
  CHECK(backoff_delay_ns(0, 3, 9) == 0);
}

}  // namespace
}  // namespace paxect::link

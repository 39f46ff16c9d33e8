#include "claims.h"

#include "support/catch.h"

using namespace paxect::host;

TEST_CASE("A resource belongs to the first instance that claims it") {
  Claims claims;
  CHECK(claims.claim("lock", "one") == nullptr);
  CHECK(claims.claim("inbox", "two") == nullptr);
  const std::string* owner = claims.claim("lock", "two");
  REQUIRE(owner != nullptr);
  CHECK(*owner == "one");
  CHECK(claims.claim("lock", "one") == nullptr);  // its own, by another key
}

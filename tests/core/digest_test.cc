#include "digest.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "support/catch.h"

namespace paxect::core {
namespace {

TEST_CASE("the errors that a program has in libcrypto's queue stay, and none is added") {
  for (bool own_error : {true, false}) {
    ERR_clear_error();
    if (own_error) ERR_raise(ERR_LIB_USER, 1);
    unsigned long before = ERR_peek_error();
    REQUIRE(EVP_set_default_properties(nullptr, "provider=none") == 1);
    Sha256 digest;
    CHECK_THROWS_AS(digest.reset(), DigestUnavailable);
    REQUIRE(EVP_set_default_properties(nullptr, "") == 1);
    CHECK(ERR_get_error() == before);
    CHECK(ERR_get_error() == 0);
    digest.reset();
    digest.update("abc", 3);
    CHECK(digest.finish()[0] == 0xba);
  }
}

}  // namespace
}  // namespace paxect::core

// libcrypto without SHA-256, for this process.
#pragma once

#include <openssl/evp.h>

#include "support/catch.h"

namespace paxect::test {

// No provider has this property, so that none is found. Those fetched before stay usable.
class NoSha256 {
 public:
  NoSha256() { REQUIRE(EVP_set_default_properties(nullptr, "paxect.test=none") == 1); }
  ~NoSha256() { restore(); }
  NoSha256(const NoSha256&) = delete;
  NoSha256& operator=(const NoSha256&) = delete;

  void restore() { EVP_set_default_properties(nullptr, ""); }
};

}  // namespace paxect::test

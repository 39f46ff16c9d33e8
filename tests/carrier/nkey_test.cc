#include "nkey.h"

#include <string>

#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::carrier {
namespace {

// The key pair of RFC 8032, 7.1, TEST 1, in the form of nkeys as Python's base64.b32encode and
// binascii.crc_hqx give it.
constexpr char kSeed[] = "SUAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YALCA";
constexpr char kPublic[] = "UDLVVGABQKYQVN6VJP7NHSLEA45A5YLS6PNKMIZFV4BBU2HXA5IRUVAL";

TEST_CASE("The public key of a seed is the one that nkeys computes") {
  std::string key;
  REQUIRE(public_nkey_of(kSeed, &key));
  CHECK(key == kPublic);
}

TEST_CASE("A seed with one other character is refused") {
  const std::string seed = kSeed;
  for (std::size_t i = 0; i < seed.size(); ++i) {
    std::string changed = seed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    if (changed == seed) continue;
    std::string key;
    INFO(i);
    CHECK_FALSE(public_nkey_of(changed, &key));
  }
}

TEST_CASE("Only the seed of a user is taken") {
  std::string key;
  for (const char* seed : {"", "SU", "SAAJ2YNRTXX72WTAXKCEV5ES5QWMIRCJYVUXWMTJDFYDXLADDSXH6YHY3Q", kPublic})
    CHECK_FALSE(public_nkey_of(seed, &key));
}

TEST_CASE("A seed is found among other lines of its file") {
  const test::TempDir place;
  const std::string path = place / "nkey";
  std::string key;
  test::write_file(path,
                   std::string("SUSUSU no seed\n-----BEGIN USER NKEY SEED-----\n") + kSeed + "\n------END\n");
  REQUIRE(read_public_nkey(path, &key).ok());
  CHECK(key == kPublic);
  test::write_file(path, "SU\n");
  CHECK(read_public_nkey(path, &key).message() == path + " has no seed of a user's nkey (SU...)");
  test::write_file(path, kSeed);
  CHECK(read_public_nkey(path, &key).ok());
  for (const std::string& text : {std::string(kSeed) + "\r\n", "\xef\xbb\xbf" + std::string(kSeed) + "\n",
                                  " " + std::string(kSeed), std::string(kSeed) + " \n"}) {
    test::write_file(path, text);
    CHECK(read_public_nkey(path, &key)
              .message()
              .starts_with(path + " has other characters in the line of its seed"));
  }
}

}  // namespace
}  // namespace paxect::carrier

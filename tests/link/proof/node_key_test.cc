#include "proof/node_key.h"

#include "link/proof/vectors.h"
#include "proof/key.h"
#include "support/catch.h"

namespace paxect::link {
namespace {

const std::string kStream = "3f9a6c2e11d04b77";
const std::string kOther = "0123456789abcdef";

bool is_valid(const std::string& text) {
  PublicKey key;
  LastStatements last;
  return parse_retired_key(text, &key, &last).ok();
}

}  // namespace

TEST_CASE("The retired key of the vectors is read, and written again as it was") {
  const std::string text = test::vector_text("north.pub.retired");
  PublicKey key;
  LastStatements last;
  REQUIRE(parse_retired_key(text, &key, &last).ok());
  CHECK(key == test::public_vector("north"));
  CHECK(last == LastStatements{{test::kNorthStream, 3}, {test::kNextStream, 1}});
  CHECK(retired_key_text(key, last) == text);
}

TEST_CASE("A retired key counts up to its number, and for no stream without one") {
  const PublicKey key = SigningKey::generate().public_key();
  NodeKey node{"north", key};
  const auto counts = [&](const std::string& stream, std::uint64_t number) {
    return keys_for({node}, "north", stream, number).size() == 1;
  };
  CHECK(counts(kStream, 1));
  CHECK(counts(kStream, INT64_MAX));
  CHECK(keys_for({node}, "south", kStream, 1).empty());
  node.last = {{kStream, 9}};
  CHECK(counts(kStream, 9));
  CHECK_FALSE(counts(kStream, 10));
  CHECK_FALSE(counts(kOther, 1));
  node.last->emplace(kOther, 0);
  CHECK_FALSE(counts(kOther, 1));
  node.is_revoked = true;
  CHECK_FALSE(counts(kStream, 1));
}

TEST_CASE("The file of a retired key has one form, and a change of any byte of it is found") {
  const PublicKey key = SigningKey::generate().public_key();
  const LastStatements last = {{kOther, 0}, {kStream, 123}};
  const std::string text = retired_key_text(key, last);
  PublicKey read_key;
  LastStatements read_last;
  REQUIRE(parse_retired_key(text, &read_key, &read_last).ok());
  CHECK(read_key == key);
  CHECK(read_last == last);
  CHECK(is_valid(public_key_text(key)));
  const std::string lines = public_key_text(key);
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 0x80);
    INFO(at);
    CHECK_FALSE(is_valid(changed));
  }
  for (const std::string& wrong :
       {lines + "retired " + kStream + "\n", lines + "retired " + kStream + " 1",
        lines + "retired " + kStream + " 01\n", lines + "retired " + kStream + " -1\n",
        lines + "retired  " + kStream + " 1\n",
        lines + "retired " + kStream + " 1\nretired " + kStream + " 2\n",
        lines + "retired " + kStream + " 1\nretired " + kOther + " 2\n", lines + "\n",
        lines + "retired " + kStream + " 9223372036854775808\n", std::string("retired ") + kStream + " 1\n"})
    CHECK_FALSE(is_valid(wrong));
}

}  // namespace paxect::link

#include "proof/key.h"

#include "link/proof/vectors.h"
#include "proof/signature.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

using test::damaged;
using test::TempDir;
using test::vector_text;

std::string secret_text(const SigningKey& key) {
  Wiped text;
  key.write(&text);
  return text.text;
}

TEST_CASE("Keys that minisign made are read, and belong together") {
  for (const char* node : {"north", "south"}) {
    const PublicKey key = test::public_vector(node);
    CHECK(public_key_text(key) == vector_text(std::string(node) + ".pub"));
    CHECK(test::secret_vector(node).public_key() == key);
  }
}

TEST_CASE("A new key is read as it was written, and is like no other") {
  const SigningKey key = SigningKey::generate();
  const SigningKey other = SigningKey::generate();
  CHECK_FALSE(key.public_key() == other.public_key());
  CHECK(key.public_key().id != other.public_key().id);
  SigningKey again;
  REQUIRE(SigningKey::parse(secret_text(key), &again).ok());
  CHECK(again.public_key() == key.public_key());
  CHECK(again.sign("text") == key.sign("text"));
  CHECK(secret_text(again) == secret_text(key));
}

TEST_CASE("minisign signs with our keys, and verifies with them") {
  TempDir temp;
  SigningKey key = SigningKey::generate();
  // minisign leaves leading zeros of the id out.
  const bool has_zeros = GENERATE(false, true);
  while ((key_id_text(key.public_key().id).size() < 16) != has_zeros) key = SigningKey::generate();
  test::write_file(temp / "key", secret_text(key));
  test::write_file(temp / "key.pub", public_key_text(key.public_key()));
  test::write_file(temp / "text", "text\n");
  auto minisign = [&](const std::vector<std::string>& words) {
    std::vector<std::string> argv = {"minisign"};
    argv.insert(argv.end(), words.begin(), words.end());
    return test::run({.argv = argv, .directory = temp.path()});
  };
  test::Result signing = minisign({"-Sm", "text", "-s", "key", "-t", "file:text"});
  INFO(signing.error);
  REQUIRE(signing.status == 0);
  CHECK(test::read_file(temp / "text.minisig") == sign_file(key, "text\n", "text"));
  CHECK(minisign({"-Vm", "text", "-p", "key.pub"}).status == 0);
  // Recreated from our secret key, the public one is ours.
  REQUIRE(minisign({"-R", "-s", "key", "-p", "again.pub"}).status == 0);
  CHECK(test::read_file(temp / "again.pub") == public_key_text(key.public_key()));
}

TEST_CASE("Of a secret key every changed byte is refused, and every cut") {
  const std::string text = secret_text(SigningKey::generate());
  for (const std::string& other : damaged(text)) {
    SigningKey key;
    Status status = SigningKey::parse(other, &key);
    INFO(other);
    REQUIRE_FALSE(status.ok());
    REQUIRE_FALSE(status.message.empty());
  }
  SigningKey key;
  CHECK_FALSE(SigningKey::parse(text + "\n", &key).ok());
}

TEST_CASE("Of a secret key of minisign every change is refused, or makes no signature that verifies") {
  const PublicKey pinned = test::public_vector("north");
  for (const std::string& other : damaged(vector_text("north.key"))) {
    SigningKey key;
    if (!SigningKey::parse(other, &key).ok()) continue;
    // Only the id, which nothing in the file covers.
    REQUIRE(key.public_key().bytes == pinned.bytes);
    REQUIRE_FALSE(verify_file("text", sign_file(key, "text", "a"), "a", {pinned}).ok());
  }
}

TEST_CASE("Of a public key every changed byte is refused, or verifies nothing, and every cut is refused") {
  const std::string name = test::list_vector(1);
  const std::string text = vector_text(name);
  const std::string signature = vector_text(signature_of(name));
  REQUIRE(verify_file(text, signature, name, {test::public_vector("north")}).ok());
  for (const std::string& other : damaged(vector_text("north.pub"))) {
    PublicKey key;
    if (!parse_public_key(other, &key).ok()) continue;
    REQUIRE(other.size() == vector_text("north.pub").size());
    REQUIRE_FALSE(verify_file(text, signature, name, {key}).ok());
  }
}

TEST_CASE("A public key with CR LF is refused and the reason named") {
  std::string text = vector_text("north.pub");
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2)
    text.replace(at, 1, "\r\n");
  PublicKey key;
  const Status status = parse_public_key(text, &key);
  CHECK_FALSE(status.ok());
  CHECK(status.message.find("CR LF") != std::string::npos);
}

TEST_CASE("A key file of another kind is refused, and says which is needed") {
  SigningKey key;
  PublicKey public_key;
  CHECK(SigningKey::parse(vector_text("north.pub"), &key).message == "line 2: not 158 bytes in base64");
  CHECK(parse_public_key(vector_text("north.key"), &public_key).message == "line 2: not 42 bytes in base64");
  CHECK(SigningKey::parse("", &key).message == "line 1: the text ends before it");
  // "Sc" at the offset 2: a key with a password.
  std::string text = vector_text("north.key");
  const std::size_t line = text.find('\n') + 1;
  text.replace(line, 8, "RWRTY0Iy");
  CHECK(
      SigningKey::parse(text, &key).message ==
      "line 2: the key has a password, which a relay cannot enter: give one of `paxect link key new PATH` or "
      "`minisign -G -W`");
}

}  // namespace
}  // namespace paxect::link

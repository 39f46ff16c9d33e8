#include "proof/signature.h"

#include "link/proof/vectors.h"
#include "support/process.h"

namespace paxect::link {
namespace {

using test::damaged;
using test::vector_text;

std::vector<std::string> signed_vectors() {
  return {test::list_vector(1),     test::list_vector(2),   test::list_vector(3),
          test::next_list_vector(), test::receipt_vector(), test::receipt_vector(2)};
}

std::string signer_of(const std::string& name) { return name.substr(0, name.find('.')); }

TEST_CASE("minisign accepts the vectors, sha256sum the containers of the lists, and so do we") {
  for (const std::string& name : signed_vectors()) {
    const std::string node = signer_of(name);
    test::Result result = test::run(
        {.argv = {"minisign", "-Vm", name, "-p", node + ".pub"}, .directory = PAXECT_TEST_VECTORS "/proof"});
    INFO(result.error);
    CHECK(result.status == 0);
    PublicKey by;
    CHECK(verify_file(vector_text(name), vector_text(signature_of(name)), name,
                      {test::public_vector("south"), test::public_vector("north")}, &by)
              .ok());
    CHECK(by == test::public_vector(node));
  }
  for (int number : {1, 2}) {
    test::Result result = test::run({.argv = {"sha256sum", "-c", "--ignore-missing", "--strict",
                                              test::list_vector(static_cast<std::uint64_t>(number))},
                                     .environment = {"LC_ALL=C"},
                                     .directory = PAXECT_TEST_VECTORS "/proof"});
    INFO(result.error);
    CHECK(result.status == 0);
    CHECK(result.output == (number == 1 ? "report.freq: OK\ndata 1.freq: OK\n" : "folder/c\\d.freq: OK\n"));
  }
}

TEST_CASE("We make the signatures that minisign makes, byte for byte") {
  for (const std::string& name : signed_vectors())
    CHECK(sign_file(test::secret_vector(signer_of(name)), vector_text(name), name) ==
          vector_text(signature_of(name)));
}

TEST_CASE("Of a signature every changed byte is refused, and every cut") {
  const std::string name = test::list_vector(1);
  const std::string text = vector_text(name);
  const std::vector<PublicKey> keys = {test::public_vector("north")};
  const std::string signature = vector_text(signature_of(name));
  REQUIRE(verify_file(text, signature, name, keys).ok());
  for (const std::string& other : damaged(signature)) {
    INFO(other);
    REQUIRE_FALSE(verify_file(text, other, name, keys).ok());
  }
}

TEST_CASE("Whose a signature is can be said without the text, for its file alone") {
  const std::vector<PublicKey> keys = {test::public_vector("south"), test::public_vector("north")};
  for (const std::string& name : signed_vectors())
    CHECK(verify_signature_file(vector_text(signature_of(name)), name, keys).ok());
  const std::string name = test::list_vector(1);
  const std::string signature = vector_text(signature_of(name));
  CHECK_FALSE(verify_signature_file(signature, test::list_vector(2), keys).ok());
  CHECK_FALSE(verify_signature_file(signature, name, {test::public_vector("south")}).ok());
  CHECK_FALSE(verify_signature_file(signature, name, {}).ok());
  for (const std::string& other : damaged(signature)) {
    INFO(other);
    REQUIRE_FALSE(verify_signature_file(other, name, keys).ok());
  }
}

TEST_CASE("Of a signed text every changed byte is refused, and every cut") {
  for (const std::string& name : {test::list_vector(2), test::receipt_vector()}) {
    const std::string signature = vector_text(signature_of(name));
    const std::vector<PublicKey> keys = {test::public_vector(signer_of(name))};
    for (const std::string& other : damaged(vector_text(name)))
      REQUIRE_FALSE(verify_file(other, signature, name, keys).ok());
  }
}

TEST_CASE("A signature is good for one file name and one key alone") {
  const std::string name = test::list_vector(1);
  const std::string text = vector_text(name);
  const std::string signature = vector_text(signature_of(name));
  const PublicKey north = test::public_vector("north");
  const PublicKey south = test::public_vector("south");
  CHECK(verify_file(text, signature, test::list_vector(2), {north}).message ==
        "signed as 'file:" + name + "', not as " + test::list_vector(2));
  CHECK(verify_file(text, signature, name, {}).message ==
        "signed with the key " + key_id_text(north.id) + ", which is not pinned");
  CHECK_FALSE(verify_file(text, signature, name, {south}).ok());
  // Another key with the same id is another key.
  PublicKey same_id = south;
  same_id.id = north.id;
  CHECK(verify_file(text, signature, name, {same_id}).message ==
        "the key " + key_id_text(north.id) + " did not sign this text");
  CHECK(verify_file(text, signature, name, {same_id, north}).ok());
}

TEST_CASE("What minisign accepts and a strict reader does not is refused, with the reason") {
  Signature signature;
  const std::string good = vector_text(signature_of(test::list_vector(1)));
  CHECK(parse_signature(vector_text("legacy.minisig"), &signature).message ==
        "line 2: a signature of the legacy kind: sign with `minisign -S`, without -l");
  CHECK(parse_signature(vector_text("comment.minisig"), &signature).message ==
        "line 1: not 'untrusted comment: signature from minisign secret key'");
  CHECK(parse_signature(good + "\n", &signature).message == "line 5: text after the end");
  CHECK(parse_signature(good + "a fifth line\n", &signature).message == "line 5: text after the end");
  CHECK(parse_signature(good.substr(0, good.size() - 1), &signature).message ==
        "line 4: the text ends within it");
  std::string with_returns;
  for (char c : good) with_returns += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK_FALSE(parse_signature(with_returns, &signature).ok());
  // The last digit of base64 has bits that no byte uses.
  std::string loose = good;
  const std::size_t padding = loose.find("=\ntrusted");
  loose[padding - 1] = static_cast<char>(loose[padding - 1] + 1);
  CHECK(parse_signature(loose, &signature).message == "line 2: not 74 bytes in base64");
}

}  // namespace
}  // namespace paxect::link

// Reads any bytes as a signature. One that we make of them is good for this text and name, and for no other.
#include "proof/signature.h"
#include "one_form.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace link = paxect::link;
  const std::string_view text = paxect::fuzz::view(data, size);
  link::Signature read;
  const link::Status status = link::parse_signature(text, &read);
  paxect::fuzz::check_one_form(status, text, status.ok() ? link::signature_text(read) : "");
  static const link::SigningKey kKey = link::SigningKey::generate();
  const std::string signature = link::sign_file(kKey, text, "one");
  FUZZ_REQUIRE(link::verify_file(text, signature, "one", {kKey.public_key()}).ok());
  FUZZ_REQUIRE(!link::verify_file(text, signature, "other", {kKey.public_key()}).ok());
  FUZZ_REQUIRE(!link::verify_file(std::string(text) + "x", signature, "one", {kKey.public_key()}).ok());
  FUZZ_REQUIRE(!link::verify_file("", text, "one", {kKey.public_key()}).ok());
  return 0;
}

// Reads any bytes as a public key, as a retired one and as a secret one.
#include "proof/key.h"
#include "one_form.h"
#include "proof/node_key.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace link = paxect::link;
  const std::string_view text = paxect::fuzz::view(data, size);
  link::PublicKey public_key;
  link::Status status = link::parse_public_key(text, &public_key);
  paxect::fuzz::check_one_form(status, text, status.ok() ? link::public_key_text(public_key) : "");
  const bool is_public = status.ok();
  link::LastStatements last;
  status = link::parse_retired_key(text, &public_key, &last);
  paxect::fuzz::check_one_form(status, text, status.ok() ? link::retired_key_text(public_key, last) : "");
  FUZZ_REQUIRE(!is_public || (status.ok() && last.empty()));
  link::SigningKey key;
  status = link::SigningKey::parse(text, &key);
  if (!status.ok()) {
    paxect::fuzz::check_one_form(status, text, "");
    return 0;
  }
  // One of minisign is written again as ours: with a checksum.
  link::Wiped again;
  key.write(&again);
  link::SigningKey same;
  FUZZ_REQUIRE(link::SigningKey::parse(again.text, &same).ok() && same.public_key() == key.public_key());
  return 0;
}

// Reads any bytes as each file of proof: a list, a receipt, a signature, a public key and a secret key. What
// is accepted is written again as it was; what is refused has a reason. A statement that we sign is verified
// with our key under its name, and under no other.
#include "fuzz.h"
#include "proof/list.h"
#include "proof/receipt.h"
#include "proof/signature.h"

namespace paxect::fuzz {
namespace {

void check(const link::Status& status, std::string_view text, const std::string& again) {
  if (status.ok())
    FUZZ_REQUIRE(again == text);
  else
    FUZZ_REQUIRE(!status.message.empty() && status.message.find('\n') == std::string::npos);
}

void check_list(std::string_view text) {
  link::List list;
  const link::Status status = link::parse_list(text, &list);
  check(status, text, status.ok() ? link::list_text(list) : "");
  FUZZ_REQUIRE(list.entries.size() <= link::kMaxListEntries);
  for (const link::ListEntry& entry : list.entries) FUZZ_REQUIRE(link::is_entry_name(entry.name));
}

void check_receipt(std::string_view text) {
  link::Receipt receipt;
  const link::Status status = link::parse_receipt(text, &receipt);
  check(status, text, status.ok() ? link::receipt_text(receipt) : "");
  std::uint64_t next = 1;
  for (const link::OutcomeRange& range : receipt.outcomes) {
    FUZZ_REQUIRE(range.first == next && range.last >= range.first);
    next = range.last + 1;
  }
}

void check_keys(std::string_view text) {
  link::Signature signature;
  link::Status status = link::parse_signature(text, &signature);
  check(status, text, status.ok() ? link::signature_text(signature) : "");
  link::PublicKey public_key;
  status = link::parse_public_key(text, &public_key);
  check(status, text, status.ok() ? link::public_key_text(public_key) : "");
  link::SigningKey key;
  status = link::SigningKey::parse(text, &key);
  // One of minisign is written again as ours: with a checksum.
  if (!status.ok()) return check(status, text, "");
  link::Wiped again;
  key.write(&again);
  link::SigningKey same;
  FUZZ_REQUIRE(link::SigningKey::parse(again.text, &same).ok() && same.public_key() == key.public_key());
}

void check_own(std::string_view text) {
  static const link::SigningKey kKey = link::SigningKey::generate();
  const std::string signature = link::sign_file(kKey, text, "one");
  FUZZ_REQUIRE(link::verify_file(text, signature, "one", {kKey.public_key()}).ok());
  FUZZ_REQUIRE(!link::verify_file(text, signature, "other", {kKey.public_key()}).ok());
  FUZZ_REQUIRE(!link::verify_file(std::string(text) + "x", signature, "one", {kKey.public_key()}).ok());
}

}  // namespace
}  // namespace paxect::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = paxect::fuzz::view(data, size);
  paxect::fuzz::check_list(text);
  paxect::fuzz::check_receipt(text);
  paxect::fuzz::check_keys(text);
  paxect::fuzz::check_own(text);
  return 0;
}

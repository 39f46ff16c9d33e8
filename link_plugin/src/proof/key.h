// Keys of Ed25519 in the files of minisign, as PROOF.md specifies them.
//
// A file has one valid form: every reader here writes what it read again and compares. It accepts the
// comments that minisign and paxect write and no others, although they are not signed, so that a changed byte
// is found wherever it is. Nothing here touches the disk.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/status.h"

namespace paxect::link {

using KeyId = std::array<std::uint8_t, 8>;

// Two keys are the same when all of their bytes are: nothing prevents that two keys have one id.
struct PublicKey {
  KeyId id = {};
  std::array<std::uint8_t, 32> bytes = {};

  bool operator==(const PublicKey&) const = default;
};

// Upper-case hexadecimal digits without leading zeros, as minisign shows an id.
std::string key_id_text(const KeyId& id);
// Id and key in lower-case hexadecimal digits: what distinguishes a key from every other one.
std::string whole_key_text(const PublicKey& key);

Status parse_public_key(std::string_view text, PublicKey* out);
std::string public_key_text(const PublicKey& key);

// A secret key without a password. Copies share the secret.
class SigningKey {
 public:
  // A new random key.
  static SigningKey generate();
  // The failures never contain the key.
  static Status parse(std::string_view text, SigningKey* out);

  SigningKey() = default;
  const PublicKey& public_key() const { return public_; }
  // The contents of its file. `text` is wiped by its owner.
  void write(Wiped* out) const;
  // Ed25519 of the message as it is.
  std::array<std::uint8_t, 64> sign(std::string_view message) const;

 private:
  SigningKey(const KeyId& id, std::string_view secret);

  PublicKey public_;
  Secret secret_{""};  // the seed and the public key: 64 bytes
};

}  // namespace paxect::link

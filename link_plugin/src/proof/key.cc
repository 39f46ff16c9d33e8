#include "proof/key.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "base/digest.h"
#include "proof/statement.h"

namespace paxect::link {
namespace {

constexpr std::string_view kPublicComment = "untrusted comment: minisign public key ";
constexpr std::string_view kSecretComment = "untrusted comment: paxect secret key without password ";
// What minisign writes, also with -W, which makes keys without a password.
constexpr std::string_view kMinisignSecretComment = "untrusted comment: minisign encrypted secret key";

constexpr std::string_view kAlgorithm = "Ed";
constexpr std::size_t kIdSize = 8;
constexpr std::size_t kPublicSize = 32;
constexpr std::size_t kSecretSize = 64;
constexpr std::size_t kChecksumSize = 32;

// The offsets in the decoded second line of a secret key.
constexpr std::string_view kSecretPrefix("Ed\0\0B2", 6);  // Ed25519, no password, checksum by BLAKE2b
constexpr std::size_t kSaltSize = 32 + 8 + 8;             // and the two limits: 0 without a password
constexpr std::size_t kIdOffset = kSecretPrefix.size() + kSaltSize;
constexpr std::size_t kChecksumOffset = kIdOffset + kIdSize + kSecretSize;
constexpr std::size_t kSecretFileSize = kChecksumOffset + kChecksumSize;

constexpr const char* kSecretRemedy = ": give one of `paxect link key new PATH` or `minisign -G -W`";

void start_sodium() {
  if (sodium_init() < 0) throw std::bad_alloc();
}

void copy_id(std::string_view bytes, KeyId* id) { std::copy(bytes.begin(), bytes.end(), id->begin()); }

std::string_view view(const KeyId& id) { return {reinterpret_cast<const char*>(id.data()), id.size()}; }

// Of a secret key: BLAKE2b-256 over algorithm, id and key.
std::array<std::uint8_t, kChecksumSize> checksum_of(std::string_view id_and_key) {
  crypto_generichash_state state;
  crypto_generichash_init(&state, nullptr, 0, kChecksumSize);
  crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(kAlgorithm.data()),
                            kAlgorithm.size());
  crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(id_and_key.data()),
                            id_and_key.size());
  std::array<std::uint8_t, kChecksumSize> checksum{};
  crypto_generichash_final(&state, checksum.data(), checksum.size());
  return checksum;
}

// minisign leaves the checksum of a key without a password 0.
bool is_checksum(std::string_view found, std::string_view id_and_key) {
  const auto expected = checksum_of(id_and_key);
  return sodium_memcmp(found.data(), expected.data(), expected.size()) == 0;
}

bool is_zero(std::string_view bytes) {
  return sodium_is_zero(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()) == 1;
}

}  // namespace

std::string key_id_text(const KeyId& id) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (auto byte = id.rbegin(); byte != id.rend(); ++byte) {
    text += kDigits[*byte >> 4];
    text += kDigits[*byte & 15];
  }
  // As minisign writes a number: without leading zeros.
  return text.substr(std::min(text.find_first_not_of('0'), text.size() - 1));
}

std::string whole_key_text(const PublicKey& key) {
  return hex(key.id.data(), key.id.size()) + hex(key.bytes.data(), key.bytes.size());
}

Status parse_public_key(std::string_view text, PublicKey* out) {
  if (text.find('\r') != std::string_view::npos)
    return Status::invalid("the lines end with CR LF: convert the file to lines that end with LF");
  LineReader reader(text);
  std::string_view comment;
  std::string key;
  if (Status status = reader.line(&comment); !status.ok()) return status;
  if (Status status = reader.base64(kAlgorithm.size() + kIdSize + kPublicSize, &key); !status.ok())
    return status;
  if (!key.starts_with(kAlgorithm)) return reader.fail("this is not a public key of minisign");
  PublicKey found;
  copy_id(std::string_view(key).substr(kAlgorithm.size(), kIdSize), &found.id);
  std::copy_n(key.begin() + kAlgorithm.size() + kIdSize, kPublicSize, found.bytes.begin());
  if (crypto_core_ed25519_is_valid_point(found.bytes.data()) != 1)
    return reader.fail("no secret key belongs to these bytes: the file is damaged");
  if (public_key_text(found) != text)
    return Status::invalid("the file is not exactly '" + std::string(kPublicComment) + key_id_text(found.id) +
                           "' and the key, a line each: get it again from the owner of the key");
  *out = found;
  return Status::success();
}

std::string public_key_text(const PublicKey& key) {
  std::string bytes(kAlgorithm);
  bytes += view(key.id);
  bytes.append(reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size());
  return std::string(kPublicComment) + key_id_text(key.id) + "\n" + base64_text(bytes) + "\n";
}

SigningKey::SigningKey(const KeyId& id, std::string_view secret) : secret_(secret) {
  public_.id = id;
  std::copy_n(secret.begin() + kSecretSize - kPublicSize, kPublicSize, public_.bytes.begin());
}

SigningKey SigningKey::generate() {
  start_sodium();
  KeyId id;
  randombytes_buf(id.data(), id.size());
  std::array<std::uint8_t, kPublicSize> ignored{};
  Wiped secret;
  secret.text.resize(kSecretSize);
  crypto_sign_keypair(ignored.data(), reinterpret_cast<unsigned char*>(secret.text.data()));
  return {id, secret.text};
}

Status SigningKey::parse(std::string_view text, SigningKey* out) {
  start_sodium();
  LineReader reader(text);
  std::string_view comment;
  Wiped file;
  if (Status status = reader.line(&comment); !status.ok()) return status;
  if (Status status = reader.base64(kSecretFileSize, &file.text); !status.ok()) return status;
  const std::string_view bytes = file.text;
  if (!bytes.starts_with(kAlgorithm)) return reader.fail(std::string("not a secret key") + kSecretRemedy);
  if (!bytes.starts_with(kSecretPrefix))
    return reader.fail(std::string("the key has a password, which a relay cannot enter") + kSecretRemedy);
  const std::string_view id_and_key = bytes.substr(kIdOffset, kIdSize + kSecretSize);
  const std::string_view secret = id_and_key.substr(kIdSize);
  const std::string_view checksum = bytes.substr(kChecksumOffset);
  KeyId id;
  copy_id(id_and_key.substr(0, kIdSize), &id);
  const bool is_ours = comment == std::string(kSecretComment) + key_id_text(id);
  const bool is_whole =
      is_ours ? is_checksum(checksum, id_and_key) : comment == kMinisignSecretComment && is_zero(checksum);
  Wiped derived;
  derived.text.resize(kSecretSize);
  std::array<std::uint8_t, kPublicSize> ignored{};
  crypto_sign_seed_keypair(ignored.data(), reinterpret_cast<unsigned char*>(derived.text.data()),
                           reinterpret_cast<const unsigned char*>(secret.data()));
  if (!is_whole || !is_zero(bytes.substr(kSecretPrefix.size(), kSaltSize)) ||
      sodium_memcmp(derived.text.data(), secret.data(), kSecretSize) != 0)
    return Status::invalid(std::string("the secret key is damaged") + kSecretRemedy);
  if (Status status = reader.end(); !status.ok()) return status;
  *out = SigningKey(id, secret);
  return Status::success();
}

void SigningKey::write(Wiped* out) const {
  Wiped bytes;
  bytes.text.reserve(kSecretFileSize);
  bytes.text = kSecretPrefix;
  bytes.text.append(kSaltSize, '\0');
  bytes.text += view(public_.id);
  bytes.text += secret_.view();
  const auto checksum = checksum_of(std::string_view(bytes.text).substr(kIdOffset));
  bytes.text.append(reinterpret_cast<const char*>(checksum.data()), checksum.size());
  Wiped encoded;
  encoded.text = base64_text(bytes.text);
  out->text.reserve(kSecretComment.size() + 2 * kIdSize + encoded.text.size() + 2);
  out->text = kSecretComment;
  out->text += key_id_text(public_.id) + "\n";
  out->text += encoded.text;
  out->text += "\n";
}

std::array<std::uint8_t, 64> SigningKey::sign(std::string_view message) const {
  std::array<std::uint8_t, 64> signature{};
  crypto_sign_detached(signature.data(), nullptr, reinterpret_cast<const unsigned char*>(message.data()),
                       message.size(), reinterpret_cast<const unsigned char*>(secret_.view().data()));
  return signature;
}

}  // namespace paxect::link

#include "proof/signature.h"

#include <sodium.h>

#include <algorithm>
#include <functional>
#include <new>

#include "base/relay_paths.h"
#include "proof/signature_damage.h"
#include "proof/statement.h"

namespace paxect::link {
namespace {

constexpr std::string_view kComment = "untrusted comment: signature from minisign secret key";
constexpr std::string_view kTrustedComment = "trusted comment: ";
constexpr std::string_view kAlgorithm = "ED";
constexpr std::string_view kLegacyAlgorithm = "Ed";
constexpr std::string_view kFileComment = "file:";
constexpr std::size_t kSignatureSize = 64;

std::string prehash(std::string_view text) {
  std::string hash(64, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size(), nullptr, 0);
  return hash;
}

std::string_view view(const std::array<std::uint8_t, kSignatureSize>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_signed(const std::array<std::uint8_t, kSignatureSize>& signature, std::string_view message,
               const PublicKey& key) {
  return crypto_sign_verify_detached(signature.data(), reinterpret_cast<const unsigned char*>(message.data()),
                                     message.size(), key.bytes.data()) == 0;
}

Status verify_comment(const Signature& signature, const PublicKey& key) {
  const std::string signed_text = std::string(view(signature.bytes)) + signature.comment;
  if (is_signed(signature.comment_bytes, signed_text, key)) return Status::success();
  return Status::invalid("the key " + key_id_text(key.id) + " did not sign this trusted comment");
}

bool is_comment(std::string_view text) {
  return !text.empty() && text.size() <= kMaxCommentSize &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// What is wrong with a signature file that is none: what copies and media do to files first.
std::string damage_of(std::string_view text, const Status& parsed) {
  if (text.empty()) return "it is empty";
  if (text.find_first_not_of('\0') == std::string_view::npos) return "it consists of zeros";
  if (text.find('\r') != std::string_view::npos)
    return "its lines end with carriage returns, as a copy in text mode makes them";
  return parsed.message;
}

}  // namespace

Status parse_signature(std::string_view text, Signature* out) {
  LineReader reader(text);
  std::string_view line;
  std::string bytes;
  Signature found;
  if (Status status = reader.line(&line); !status.ok()) return status;
  if (line != kComment) return reader.fail("not '" + std::string(kComment) + "'");
  if (Status status = reader.base64(kAlgorithm.size() + found.key.size() + kSignatureSize, &bytes);
      !status.ok())
    return status;
  if (bytes.starts_with(kLegacyAlgorithm))
    return reader.fail("a signature of the legacy kind: sign with `minisign -S`, without -l");
  if (!bytes.starts_with(kAlgorithm)) return reader.fail("not a signature of minisign");
  std::copy_n(bytes.begin() + kAlgorithm.size(), found.key.size(), found.key.begin());
  std::copy_n(bytes.begin() + kAlgorithm.size() + found.key.size(), kSignatureSize, found.bytes.begin());
  if (Status status = reader.line(&line); !status.ok()) return status;
  if (!line.starts_with(kTrustedComment) || !is_comment(line.substr(kTrustedComment.size())))
    return reader.fail("not 'trusted comment: ' and 1 to 1024 visible ASCII characters and blanks");
  found.comment = line.substr(kTrustedComment.size());
  if (Status status = reader.base64(kSignatureSize, &bytes); !status.ok()) return status;
  std::copy_n(bytes.begin(), kSignatureSize, found.comment_bytes.begin());
  if (Status status = reader.end(); !status.ok()) return status;
  *out = std::move(found);
  return Status::success();
}

std::string signature_text(const Signature& signature) {
  std::string bytes(kAlgorithm);
  bytes.append(reinterpret_cast<const char*>(signature.key.data()), signature.key.size());
  bytes += view(signature.bytes);
  return std::string(kComment) + "\n" + base64_text(bytes) + "\n" + std::string(kTrustedComment) +
         signature.comment + "\n" + base64_text(view(signature.comment_bytes)) + "\n";
}

Signature sign(const SigningKey& key, std::string_view text, std::string_view comment) {
  Signature signature{.key = key.public_key().id, .comment = std::string(comment)};
  signature.bytes = key.sign(prehash(text));
  signature.comment_bytes = key.sign(std::string(view(signature.bytes)) + signature.comment);
  return signature;
}

Status verify(const Signature& signature, const PublicKey& key, std::string_view text) {
  if (sodium_init() < 0) throw std::bad_alloc();
  if (signature.key != key.id)
    return Status::invalid("signed with the key " + key_id_text(signature.key) + ", not with " +
                           key_id_text(key.id));
  if (!is_signed(signature.bytes, prehash(text), key))
    return Status::invalid("the key " + key_id_text(key.id) + " did not sign this text");
  return verify_comment(signature, key);
}

namespace {

// A signature in the file for a file of this name that one of the keys has made, as `verify_by` says.
Status verify_with(std::string_view signature_file, std::string_view name, const std::vector<PublicKey>& keys,
                   const std::function<Status(const Signature&, const PublicKey&)>& verify_by,
                   PublicKey* by) {
  Signature signature;
  if (Status parsed = parse_signature(signature_file, &signature); !parsed.ok())
    return Status::refused(std::string(kSignatureDamaged),
                           "its signature " + signature_of(name) + " is damaged: " +
                               damage_of(signature_file, parsed) + ": have that file copied again, as it is");
  Status status =
      Status::invalid("signed with the key " + key_id_text(signature.key) + ", which is not pinned");
  for (const PublicKey& key : keys) {
    if (key.id != signature.key) continue;
    status = verify_by(signature, key);
    if (!status.ok()) continue;
    if (signature.comment != std::string(kFileComment) + std::string(name))
      return Status::invalid("signed as '" + signature.comment + "', not as " + std::string(name));
    if (by != nullptr) *by = key;
    return status;
  }
  return status;
}

}  // namespace

Status verify_file(std::string_view text, std::string_view signature_file, std::string_view name,
                   const std::vector<PublicKey>& keys, PublicKey* by) {
  return verify_with(
      signature_file, name, keys,
      [&](const Signature& signature, const PublicKey& key) { return verify(signature, key, text); }, by);
}

Status verify_signature_file(std::string_view signature_file, std::string_view name,
                             const std::vector<PublicKey>& keys) {
  if (sodium_init() < 0) throw std::bad_alloc();
  return verify_with(signature_file, name, keys, verify_comment, nullptr);
}

std::string sign_file(const SigningKey& key, std::string_view text, std::string_view name) {
  return signature_text(sign(key, text, std::string(kFileComment) + std::string(name)));
}

}  // namespace paxect::link

// Signatures in the files of minisign: prehashed (`ED`) only, with a trusted comment.
//
// Ed25519 is deterministic: one key, text and comment give one signature, byte for byte, and minisign writes
// the same one.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "proof/key.h"

namespace paxect::link {

struct Signature {
  KeyId key = {};
  std::array<std::uint8_t, 64> bytes = {};          // over the BLAKE2b-512 of the text
  std::string comment = {};                         // the trusted one: visible ASCII and blanks
  std::array<std::uint8_t, 64> comment_bytes = {};  // over `bytes` and the comment

  bool operator==(const Signature&) const = default;
};

inline constexpr std::size_t kMaxCommentSize = 1024;
// Of a file that is read: more than any signature has.
inline constexpr std::size_t kMaxSignatureSize = 4096;

Status parse_signature(std::string_view text, Signature* out);
std::string signature_text(const Signature& signature);

// Requires: a comment of 1 to kMaxCommentSize visible ASCII characters and blanks.
Signature sign(const SigningKey& key, std::string_view text, std::string_view comment);

// Whether this key made the signature of this text and of the signature's comment.
Status verify(const Signature& signature, const PublicKey& key, std::string_view text);

// The signature file of a list or a receipt: the text is signed by one of these keys, and the trusted comment
// is "file:NAME", so that a signature belongs to one file. `*by`, when asked for, receives the key.
Status verify_file(std::string_view text, std::string_view signature_file, std::string_view name,
                   const std::vector<PublicKey>& keys, PublicKey* by = nullptr);
// The same as far as it can be said without the text, which may be large: one of the keys made this signature
// for a file of this name. Whoever has none of them can only put back one that there was.
Status verify_signature_file(std::string_view signature_file, std::string_view name,
                             const std::vector<PublicKey>& keys);
// The contents of the signature file for that.
std::string sign_file(const SigningKey& key, std::string_view text, std::string_view name);

}  // namespace paxect::link

// SHA-256 and BLAKE2b, by the fastest library for each use that can report its failures.
//
// The contents of files go through libcrypto, which uses the processor's instructions for SHA-256. It may
// fail: without memory, or when its configuration file activates no provider of SHA-256. Names and records
// are short, and nobody could act on a failure in the middle of them: they go through libsodium, which cannot
// fail.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace paxect::link {

using Digest = std::array<std::uint8_t, 32>;

// The SHA-256 of the contents of one file. Not for two threads at a time. Failures are kept and returned by
// finish().
class Sha256 {
 public:
  Sha256();
  void update(const void* data, std::size_t size);
  // `*digest` receives the hexadecimal digest, "" after a failure. kEnvironment: no memory, or no SHA-256.
  // Called once.
  Status finish(std::string* digest);

 private:
  struct Free {
    void operator()(EVP_MD* md) const { EVP_MD_free(md); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD, Free> md_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
  Status status_;
};

// Whether libcrypto offers SHA-256, in the words of Sha256::finish.
Status check_sha256();

// Lower-case hexadecimal digits of the bytes.
std::string hex(const std::uint8_t* bytes, std::size_t size);
inline std::string hex(const Digest& digest) { return hex(digest.data(), digest.size()); }
// The hexadecimal SHA-256 of a short text.
std::string sha256_hex(std::string_view text);
// A digest of a long text that is compared only with others of the same process (BLAKE2b, three times as
// fast).
std::string fingerprint(std::string_view text);

}  // namespace paxect::link

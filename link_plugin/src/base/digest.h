// SHA-256, by libcrypto.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace paxect::link {

using Digest = std::array<std::uint8_t, 32>;

// One running hash. Not for two threads at a time. When libcrypto fails, which it does only without memory,
// the result is of no use and ok() is false.
class Sha256 {
 public:
  Sha256();
  void update(const void* data, std::size_t size);
  // Returns the digest and starts again.
  Digest finish();
  bool ok() const { return ok_; }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
  bool ok_ = true;
};

// Lower-case hexadecimal digits of the bytes.
std::string hex(const std::uint8_t* bytes, std::size_t size);
inline std::string hex(const Digest& digest) { return hex(digest.data(), digest.size()); }
// The hexadecimal SHA-256 of a text.
std::string sha256_hex(std::string_view text);

}  // namespace paxect::link

#include "base/digest.h"

namespace paxect::link {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  ok_ = context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
}

void Sha256::update(const void* data, std::size_t size) {
  if (ok_ && size > 0) ok_ = EVP_DigestUpdate(context_.get(), data, size) == 1;
}

Digest Sha256::finish() {
  Digest digest{};
  if (ok_) ok_ = EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1;
  if (ok_) ok_ = EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
  return digest;
}

std::string hex(const std::uint8_t* bytes, std::size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(size * 2);
  for (std::size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

std::string sha256_hex(std::string_view text) {
  Sha256 sha;
  sha.update(text.data(), text.size());
  return hex(sha.finish());
}

}  // namespace paxect::link

#include "digest.h"

#include <openssl/evp.h>

#include <array>
#include <new>

namespace paxect::carrier {

Digest::Digest() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr || EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) != 1) {
    EVP_MD_CTX_free(context_);
    throw std::bad_alloc();
  }
}

Digest::~Digest() { EVP_MD_CTX_free(context_); }

void Digest::update(const void* data, std::size_t size) { EVP_DigestUpdate(context_, data, size); }

std::string Digest::finish() {
  std::array<unsigned char, 32> bytes{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context_, bytes.data(), &size);
  return hex_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string digest_of(std::string_view bytes) {
  Digest digest;
  digest.update(bytes.data(), bytes.size());
  return digest.finish();
}

std::string hex_of(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

bool is_hex(std::string_view text, std::size_t size) {
  return text.size() == size && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool bytes_of(std::string_view hex, std::string* out) {
  out->clear();
  if (!is_hex(hex, hex.size()) || hex.size() % 2 != 0) return false;
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i < hex.size(); i += 2)
    out->push_back(static_cast<char>(value(hex[i]) * 16 + value(hex[i + 1])));
  return true;
}

}  // namespace paxect::carrier

#include "digest.h"

#include <libdeflate.h>
#include <openssl/evp.h>

#include <new>

namespace paxect::core {

void Sha256::Free::operator()(evp_md_st* md) const { EVP_MD_free(md); }
void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : md_(EVP_MD_fetch(nullptr, "SHA256", nullptr)), context_(EVP_MD_CTX_new()) {
  if (md_ == nullptr || context_ == nullptr) throw std::bad_alloc();
  reset();
}

void Sha256::reset() {
  if (EVP_DigestInit_ex2(context_.get(), md_.get(), nullptr) != 1) throw std::bad_alloc();
}

void Sha256::update(const void* data, std::size_t size) {
  if (EVP_DigestUpdate(context_.get(), data, size) != 1) throw std::bad_alloc();
}

Digest Sha256::finish() {
  Digest digest;
  if (EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1) throw std::bad_alloc();
  return digest;
}

std::uint32_t crc32(const void* data, std::size_t size, std::uint32_t before) {
  return libdeflate_crc32(before, data, size);
}

}  // namespace paxect::core

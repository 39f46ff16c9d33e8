#include "digest.h"

#include <libdeflate.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <new>

namespace paxect::core {

void Sha256::Free::operator()(evp_md_st* md) const { EVP_MD_free(md); }
void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

namespace {

// Keeps the errors that the caller's program has in libcrypto's queue for this thread, and removes those that
// are added while it lives.
class ErrorScope {
 public:
  ErrorScope() : empty_(ERR_peek_error() == 0) { ERR_set_mark(); }
  ~ErrorScope() { ERR_pop_to_mark(); }
  ErrorScope(const ErrorScope&) = delete;
  ErrorScope& operator=(const ErrorScope&) = delete;

  // Whether what failed since then failed for lack of memory. An error takes memory itself: none at all says
  // so too. Behind errors of the caller only the latest can be seen.
  bool ran_out_of_memory() const {
    if (!empty_) return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
    bool none = ERR_peek_error() == 0;
    bool found = false;
    while (unsigned long error = ERR_get_error())
      found = found || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE;
    return none || found;
  }

 private:
  bool empty_;
};

// `done`: what a function that fails for lack of memory alone returned, 1 for success.
void require(int done) {
  if (done != 1) throw std::bad_alloc();
}

}  // namespace

// This is where libcrypto reads its configuration, if nobody used it before: rather than in the middle of a
// job.
Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (context_ == nullptr) throw std::bad_alloc();
  fetch();
}

// Leaves md_ nullptr when there is no SHA-256. When libcrypto ran out of memory as it started, EVP_MD_fetch
// uses a null pointer; it does not try to start again.
void Sha256::fetch() {
  if (OSSL_LIB_CTX_get0_global_default() == nullptr) throw std::bad_alloc();
  ErrorScope errors;
  md_.reset(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  if (md_ == nullptr && errors.ran_out_of_memory()) throw std::bad_alloc();
}

void Sha256::reset() {
  if (md_ == nullptr) fetch();
  if (md_ == nullptr)
    throw DigestUnavailable(
        "libcrypto offers no SHA-256: check the providers in its openssl.cnf, OPENSSL_CONF and "
        "OPENSSL_MODULES");
  require(EVP_DigestInit_ex2(context_.get(), md_.get(), nullptr));
}

void Sha256::update(const void* data, std::size_t size) {
  require(EVP_DigestUpdate(context_.get(), data, size));
}

Digest Sha256::finish() {
  Digest digest;
  require(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr));
  return digest;
}

Digest Sha256::so_far() const {
  const std::unique_ptr<evp_md_ctx_st, Free> copy(EVP_MD_CTX_new());
  Digest digest;
  require(copy != nullptr ? EVP_MD_CTX_copy_ex(copy.get(), context_.get()) : 0);
  require(EVP_DigestFinal_ex(copy.get(), digest.data(), nullptr));
  return digest;
}

std::uint32_t crc32(const void* data, std::size_t size, std::uint32_t before) {
  return libdeflate_crc32(before, data, size);
}

}  // namespace paxect::core

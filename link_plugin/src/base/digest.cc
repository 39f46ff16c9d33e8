#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <sodium.h>

namespace paxect::link {
namespace {

// For the errors that libcrypto adds to this thread's queue: those that were there stay, new ones go.
class ErrorScope {
 public:
  ErrorScope() { ERR_set_mark(); }
  ~ErrorScope() { ERR_pop_to_mark(); }
  ErrorScope(const ErrorScope&) = delete;
  ErrorScope& operator=(const ErrorScope&) = delete;
};

// Why EVP_MD_fetch() failed. An error takes memory itself: none at all says that there is none left. A
// provider that could not allocate may also be reported as one that does not exist.
Status fetch_failure() {
  const unsigned long error = ERR_peek_last_error();
  if (error == 0 || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE)
    return Status::environment("libcrypto: out of memory");
  return Status::environment(
      "libcrypto offers no SHA-256: check the providers in its openssl.cnf, OPENSSL_CONF and "
      "OPENSSL_MODULES, and the memory limit of the process");
}

}  // namespace

// When libcrypto ran out of memory as it started, EVP_MD_fetch() uses a null pointer.
Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (OSSL_LIB_CTX_get0_global_default() == nullptr) {
    status_ = Status::environment("libcrypto: out of memory");
    return;
  }
  ErrorScope errors;
  md_.reset(EVP_MD_fetch(nullptr, "SHA256", nullptr));
  if (md_ == nullptr)
    status_ = fetch_failure();
  else if (context_ == nullptr || EVP_DigestInit_ex2(context_.get(), md_.get(), nullptr) != 1)
    status_ = Status::environment("libcrypto: out of memory");
}

void Sha256::update(const void* data, std::size_t size) {
  if (status_.ok() && size > 0 && EVP_DigestUpdate(context_.get(), data, size) != 1)
    status_ = Status::environment("libcrypto: cannot compute SHA-256");
}

Status Sha256::finish(std::string* digest) {
  digest->clear();
  Digest bytes{};
  if (status_.ok() && EVP_DigestFinal_ex(context_.get(), bytes.data(), nullptr) != 1)
    status_ = Status::environment("libcrypto: cannot compute SHA-256");
  if (status_.ok()) *digest = hex(bytes);
  return status_;
}

Status check_sha256() {
  std::string ignored;
  return Sha256().finish(&ignored);
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
  Digest digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return hex(digest);
}

std::string fingerprint(std::string_view text) {
  Digest digest{};
  crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  return hex(digest);
}

}  // namespace paxect::link

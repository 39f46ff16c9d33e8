// SHA-256 (FIPS 180-4) by libcrypto and CRC-32 (IEEE 802.3, as in zlib) by libdeflate: the fastest of the
// well-kept libraries for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>

#include "format.h"

struct evp_md_st;
struct evp_md_ctx_st;

namespace paxect::core {

// libcrypto gives no SHA-256, as when its configuration file activates no provider that has it.
struct DigestUnavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// One digest after another; one thread at a time. Throws DigestUnavailable; std::bad_alloc when libcrypto has
// no memory.
class Sha256 {
 public:
  // Throws std::bad_alloc alone: that there is no SHA-256 is the failure of reset.
  Sha256();
  // Requires: called before the first update, and again after each finish.
  void reset();
  void update(const void* data, std::size_t size);
  Digest finish();
  // Of the data so far, which more may follow.
  Digest so_far() const;

 private:
  void fetch();

  struct Free {
    void operator()(evp_md_st* md) const;
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_st, Free> md_;
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// `before` is the CRC-32 of what comes before the data.
std::uint32_t crc32(const void* data, std::size_t size, std::uint32_t before = 0);

}  // namespace paxect::core

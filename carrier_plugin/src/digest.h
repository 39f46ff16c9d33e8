// SHA-256 of bytes that come in parts. One thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace paxect::carrier {

class Digest {
 public:
  Digest();
  ~Digest();
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;

  void update(const void* data, std::size_t size);
  // 64 hexadecimal digits in lower case. Nothing can be added afterwards.
  std::string finish();

 private:
  evp_md_ctx_st* context_;
};

std::string digest_of(std::string_view bytes);
std::string hex_of(std::string_view bytes);
// Whether the text is `size` hexadecimal digits in lower case.
bool is_hex(std::string_view text, std::size_t size);
// False when the text is no hexadecimal number with an even number of digits.
bool bytes_of(std::string_view hex, std::string* out);

}  // namespace paxect::carrier

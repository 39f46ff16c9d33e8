#include "base/token.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>

#include "base/digest.h"

namespace paxect::link {
namespace {

constexpr std::size_t kTokenBytes = 16;

}  // namespace

std::string make_token() {
  if (sodium_init() < 0) throw std::bad_alloc();
  std::array<std::uint8_t, kTokenBytes> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  return hex(bytes.data(), bytes.size());
}

bool is_token(std::string_view text) {
  return text.size() == 2 * kTokenBytes && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace paxect::link

#include "base/printable.h"

#include <cctype>
#include <charconv>
#include <cstdint>

#include "base/digest.h"

namespace paxect::link {
namespace {

// The length of the UTF-8 sequence that `bytes` begins with, 0 when it begins with none (RFC 3629: no
// overlong forms, no surrogates, nothing beyond U+10FFFF).
std::size_t sequence_length(std::string_view bytes) {
  auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  unsigned char first = at(0);
  if (first < 0x80) return 1;
  std::size_t length = first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : 4;
  if (first < 0xc2 || first > 0xf4 || bytes.size() < length) return 0;
  unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i)
    if (at(i) < 0x80 || at(i) > 0xbf) return 0;
  return length;
}

bool reads_like_escape(std::string_view text) {
  return text.size() >= 4 && text[0] == '\\' && text[1] == 'x' &&
         std::isxdigit(static_cast<unsigned char>(text[2])) != 0 &&
         std::isxdigit(static_cast<unsigned char>(text[3])) != 0;
}

}  // namespace

std::string printable(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    std::size_t length = sequence_length(bytes);
    if (length == 0 || reads_like_escape(bytes)) {
      auto byte = static_cast<std::uint8_t>(bytes.front());
      text += "\\x" + hex(&byte, 1);
      length = 1;
    } else {
      text += bytes.substr(0, length);
    }
    bytes.remove_prefix(length);
  }
  return text;
}

std::string bytes_of_printable(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    std::size_t length = reads_like_escape(text) ? 4 : 1;
    unsigned byte = static_cast<unsigned char>(text.front());
    if (length == 4) std::from_chars(text.data() + 2, text.data() + 4, byte, 16);
    bytes += static_cast<char>(byte);
    text.remove_prefix(length);
  }
  return bytes;
}

}  // namespace paxect::link

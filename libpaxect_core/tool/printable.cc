#include "printable.h"

#include <array>
#include <cstdint>
#include <cstdio>

namespace paxect::tool {
namespace {

// The first character of a text.
struct Character {
  std::string_view bytes;
  std::uint32_t code = 0;
  bool valid = false;  // false: `bytes` is one byte that begins no UTF-8 sequence

  // RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
  static Character first_of(std::string_view text) {
    auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    unsigned char lead = byte(0);
    if (lead < 0x80) return {text.substr(0, 1), lead, true};
    std::size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    Character invalid{text.substr(0, 1), 0, false};
    if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return invalid;
    std::uint32_t code = lead & (0xffu >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
      if ((byte(i) & 0xc0) != 0x80) return invalid;
      code = code << 6 | (byte(i) & 0x3fu);
    }
    bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (overlong || surrogate || code > 0x10ffff) return invalid;
    return {text.substr(0, size), code, true};
  }
};

struct Interval {
  std::uint32_t first;
  std::uint32_t last;
};
// The host has the same table (host/src/unicode.cc).
constexpr std::array<Interval, 11> kControls = {{{0x00, 0x1f},      // C0
                                                 {0x7f, 0x9f},      // DEL, C1
                                                 {0xad, 0xad},      // soft hyphen
                                                 {0x061c, 0x061c},  // Arabic letter mark
                                                 {0x180e, 0x180e},  // Mongolian vowel separator
                                                 {0x200b, 0x200f},  // zero width, direction marks
                                                 {0x2028, 0x202e},  // line separators, embeddings, overrides
                                                 {0x2060, 0x206f},  // word joiner, isolates
                                                 {0xfeff, 0xfeff},  // byte order mark
                                                 {0xfff9, 0xfffb},  // interlinear annotation
                                                 {0xe0000, 0xe007f}}};  // tags

bool is_control(std::uint32_t code) {
  for (const Interval& interval : kControls)
    if (code >= interval.first && code <= interval.last) return true;
  return false;
}

std::string escaped_unit(std::uint32_t unit) {
  std::array<char, 7> escape;
  std::snprintf(escape.data(), escape.size(), "\\u%04x", unit);
  return escape.data();
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    Character character = Character::first_of(text);
    if (character.valid && !is_control(character.code))
      result += character.bytes;
    else
      result += '?';
    text.remove_prefix(character.bytes.size());
  }
  return result;
}

std::string shell_word(std::string_view name) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,-";
  std::string word = name.size() > 1 && name.front() == '-' ? "./" : "";
  word += name;
  if (!word.empty() && word.find_first_not_of(kPlain) == word.npos) return word;
  const bool is_printable = printable(word) == word;
  std::string quoted = is_printable ? "'" : "$'";
  for (const char each : word) {
    const auto byte = static_cast<unsigned char>(each);
    std::array<char, 5> octal;
    if (each == '\'') {
      quoted += is_printable ? "'\\''" : "\\'";
    } else if (!is_printable && (byte < 0x20 || byte >= 0x7f || each == '\\')) {
      std::snprintf(octal.data(), octal.size(), "\\%03o", unsigned{byte});
      quoted += octal.data();
    } else {
      quoted += each;
    }
  }
  return quoted + "'";
}

std::string json_string(std::string_view text) {
  std::string result = "\"";
  while (!text.empty()) {
    Character character = Character::first_of(text);
    if (!character.valid) {
      result += "\xef\xbf\xbd";
    } else if (is_control(character.code)) {
      if (character.code < 0x10000)
        result += escaped_unit(character.code);
      else  // RFC 8259: a surrogate pair
        result +=
            escaped_unit(0xd7c0 + (character.code >> 10)) + escaped_unit(0xdc00 + (character.code & 0x3ff));
    } else {
      if (character.code == '"' || character.code == '\\') result += '\\';
      result += character.bytes;
    }
    text.remove_prefix(character.bytes.size());
  }
  return result + '"';
}

}  // namespace paxect::tool

#include "unicode.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace paxect::host {
namespace {

// The length of the well-formed UTF-8 sequence at the front, or 0 (table of section 4).
std::size_t utf8_length(std::string_view text) {
  struct Form {
    unsigned char first_low, first_high, second_low, second_high;
    std::size_t length;
  };
  static constexpr std::array<Form, 9> kForms = {{{0x00, 0x7f, 0, 0, 1},
                                                  {0xc2, 0xdf, 0x80, 0xbf, 2},
                                                  {0xe0, 0xe0, 0xa0, 0xbf, 3},
                                                  {0xe1, 0xec, 0x80, 0xbf, 3},
                                                  {0xed, 0xed, 0x80, 0x9f, 3},
                                                  {0xee, 0xef, 0x80, 0xbf, 3},
                                                  {0xf0, 0xf0, 0x90, 0xbf, 4},
                                                  {0xf1, 0xf3, 0x80, 0xbf, 4},
                                                  {0xf4, 0xf4, 0x80, 0x8f, 4}}};
  auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  auto within = [](unsigned char value, unsigned char low, unsigned char high) {
    return value >= low && value <= high;
  };
  for (const Form& form : kForms) {
    if (!within(byte(0), form.first_low, form.first_high)) continue;
    if (text.size() < form.length) return 0;
    if (form.length > 1 && !within(byte(1), form.second_low, form.second_high)) return 0;
    for (std::size_t i = 2; i < form.length; ++i)
      if (!within(byte(i), 0x80, 0xbf)) return 0;
    return form.length;
  }
  return 0;
}

// The code point of one well-formed sequence.
char32_t code_point(std::string_view character) {
  auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first;
  char32_t value = first & (0x7f >> character.size());
  for (char byte : character.substr(1)) value = value << 6 | (static_cast<unsigned char>(byte) & 0x3f);
  return value;
}

}  // namespace

Character first_character(std::string_view text) {
  std::size_t length = utf8_length(text);
  if (length == 0) return {text.substr(0, 1)};
  return {text.substr(0, length), code_point(text.substr(0, length)), true};
}

bool is_control(char32_t code) {
  struct Range {
    char32_t first, last;
  };
  // The command paxect-core has the same table (libpaxect_core/tool/printable.cc).
  static constexpr std::array<Range, 11> kRanges = {
      {{0x00, 0x1f},          // C0
       {0x7f, 0x9f},          // DEL, C1
       {0xad, 0xad},          // soft hyphen
       {0x061c, 0x061c},      // Arabic letter mark
       {0x180e, 0x180e},      // Mongolian vowel separator
       {0x200b, 0x200f},      // zero width, direction marks
       {0x2028, 0x202e},      // line separators, embeddings, overrides
       {0x2060, 0x206f},      // word joiner, isolates
       {0xfeff, 0xfeff},      // byte order mark
       {0xfff9, 0xfffb},      // interlinear annotation
       {0xe0000, 0xe007f}}};  // tags
  return std::any_of(kRanges.begin(), kRanges.end(),
                     [&](const Range& range) { return code >= range.first && code <= range.last; });
}

}  // namespace paxect::host

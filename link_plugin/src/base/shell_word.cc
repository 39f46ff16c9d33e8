#include "base/shell_word.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/printable.h"

namespace paxect::link {
namespace {

constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,-";

// How characters begin in UTF-8 that hide or reorder the text around them, or look like a blank; and the rest
// of their blocks, for brevity: soft hyphen, Arabic letter mark, Mongolian vowel separator, general
// punctuation, byte order mark, specials, tags.
constexpr std::array<std::string_view, 8> kInvisible = {"\xc2\xad", "\xd8\x9c", "\xe1\xa0\x8e", "\xe2\x80",
                                                        "\xe2\x81", "\xef\xbb", "\xef\xbf",     "\xf3\xa0"};

// Whether the log, the screen and JSON show the text as it is.
bool is_shown_as_is(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    const bool is_control = byte < 0x20 || byte == 0x7f || (byte == 0xc2 && next < 0xa0);
    if (is_control || byte == '\\') return false;
  }
  return printable(text) == text && std::none_of(kInvisible.begin(), kInvisible.end(), [&](auto begin) {
           return text.find(begin) != std::string_view::npos;
         });
}

}  // namespace

std::string shell_word(std::string_view name) {
  std::string word = name.starts_with('-') ? "./" : "";
  word += name;
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  const bool is_plain_text = is_shown_as_is(word);
  std::string quoted = is_plain_text ? "'" : "$'";
  for (const char each : word) {
    const auto byte = static_cast<unsigned char>(each);
    const bool is_escaped = !is_plain_text && (byte < 0x20 || byte >= 0x7f || each == '\\' || each == '\'');
    if (is_escaped) {
      std::array<char, 5> octal{};
      std::snprintf(octal.data(), octal.size(), "\\%03o", unsigned{byte});
      quoted += octal.data();
    } else if (each == '\'') {
      quoted += "'\\''";
    } else {
      quoted += each;
    }
  }
  return quoted + "'";
}

}  // namespace paxect::link

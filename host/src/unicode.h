// UTF-8 text from elsewhere, one character at a time.
#pragma once

#include <string_view>

namespace paxect::host {

// The first character of a text.
struct Character {
  std::string_view bytes;  // of its sequence; one byte that begins no well-formed sequence when not valid
  char32_t code = 0;
  bool valid = false;
};

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. Requires: `text` is not empty.
Character first_character(std::string_view text);

// What a terminal does not show as a character of its own. (Unicode 15: general categories Cc, Zl and Zp, and
// those of Cf that hide or reorder the text around them)
bool is_control(char32_t code);

}  // namespace paxect::host

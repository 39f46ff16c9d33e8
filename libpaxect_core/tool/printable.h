// Text from elsewhere, such as file names, made safe to print.
#pragma once

#include <string>
#include <string_view>

namespace paxect::tool {

// The text as UTF-8 in which a question mark replaces each byte that is not UTF-8 and each character that
// controls a terminal or the order of the text, or that is invisible: C0, DEL and C1 controls, line and
// paragraph separators, bidirectional marks, embeddings, overrides and isolates, soft hyphen, zero-width
// characters, annotation marks, the byte order mark, tags.
std::string printable(std::string_view text);

// The text as a JSON string, quotes included, with the same characters as \uXXXX, and U+FFFD for each byte
// that is not UTF-8.
std::string json_string(std::string_view text);

// The name of a file as a word of a command that a reader can copy into a shell: quoted where it has to be,
// and never an option. Bytes that printable() replaces are octal escapes of $'...'.
std::string shell_word(std::string_view name);

}  // namespace paxect::tool

// File names in commands that a message advises.
#pragma once

#include <string>
#include <string_view>

namespace paxect::link {

// The name as a word that a reader can copy into a shell: quoted where it has to be, and never an option (a
// leading '-' gets "./" before it). The log, the screen and JSON show the word as it is: bytes that they
// would escape, and backslashes, are octal escapes of $'...'.
std::string shell_word(std::string_view name);

}  // namespace paxect::link

// Names are bytes; what we write is UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace paxect::link {

// The bytes as UTF-8: those that are none are written as \xHH, and a backslash that would read like that as
// \x5c, so that the original bytes can be had back.
std::string printable(std::string_view bytes);
// The bytes back.
std::string bytes_of_printable(std::string_view text);

}  // namespace paxect::link

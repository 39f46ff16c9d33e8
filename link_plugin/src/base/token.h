// Random tokens that identify a relay or a place: 128 bits as 32 lower-case hexadecimal digits.
#pragma once

#include <string>
#include <string_view>

namespace paxect::link {

std::string make_token();
bool is_token(std::string_view text);

}  // namespace paxect::link

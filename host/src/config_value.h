// Values of the configuration file that are refused, because they hold text to which shells or other
// configuration formats give a meaning, and which would become part of a file name.
#pragma once

#include <string>
#include <string_view>

namespace paxect::host {

// Why a value is refused, and the remedy; empty when it is accepted. Never repeats the value, which may be a
// key. Requires: `value` is UTF-8.
std::string value_fault(std::string_view value);

// "U+00A0".
std::string code_point(char32_t code);

}  // namespace paxect::host

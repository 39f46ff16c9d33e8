// The event of a failure of verify_file() that is about the signature file itself: its message names that
// file, what is wrong with it and the remedy, and the text was not compared.
#pragma once

#include <string_view>

namespace paxect::link {

inline constexpr std::string_view kSignatureDamaged = "signature_damaged";

}  // namespace paxect::link

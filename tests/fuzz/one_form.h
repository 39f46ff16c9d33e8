// What holds for each parser of a text that has one valid form.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "fuzz.h"

namespace paxect::fuzz {

// What is accepted is written again as it was; what is refused has a reason of one line.
inline void check_one_form(const link::Status& status, std::string_view text, const std::string& again) {
  if (status.ok())
    FUZZ_REQUIRE(again == text);
  else
    FUZZ_REQUIRE(!status.message.empty() && status.message.find('\n') == std::string::npos);
}

}  // namespace paxect::fuzz

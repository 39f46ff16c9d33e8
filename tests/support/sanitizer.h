// Whether this build runs under a sanitizer, for tests of conditions that a sanitizer's own run-time does not
// survive.
#pragma once

#include <string>

#include "support/catch.h"

namespace paxect::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// True, after a warning with the reason, when the rest of the test has to be left out.
inline bool skip_when_sanitized(const std::string& reason) {
  if (kSanitized) WARN("skipped under a sanitizer: " << reason);
  return kSanitized;
}

}  // namespace paxect::test

// paxect-core run by a test.
#pragma once

#include <sys/syscall.h>

#include <string>
#include <vector>

#include "support/process.h"

namespace paxect::test {

inline const std::string kTool = PAXECT_TEST_BIN "/paxect-core";

inline Result tool(std::vector<std::string> arguments, const std::string& input = {}) {
  arguments.insert(arguments.begin(), kTool);
  return run({.argv = arguments, .input = input});
}

// The system call that poll(3) makes: arm64 has only the newer one.
#if defined(SYS_poll)
inline constexpr long kPoll = SYS_poll;
#else
inline constexpr long kPoll = SYS_ppoll;
#endif

inline bool one_line(const std::string& text) { return !text.empty() && text.find('\n') == text.size() - 1; }

}  // namespace paxect::test

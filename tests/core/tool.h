// paxect-core run by a test.
#pragma once

#include <string>
#include <vector>

#include "support/process.h"

namespace paxect::test {

inline const std::string kTool = PAXECT_TEST_BIN "/paxect-core";

inline Result tool(std::vector<std::string> arguments, const std::string& input = {}) {
  arguments.insert(arguments.begin(), kTool);
  return run({.argv = arguments, .input = input});
}

inline bool one_line(const std::string& text) { return !text.empty() && text.find('\n') == text.size() - 1; }

}  // namespace paxect::test

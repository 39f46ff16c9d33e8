#include "support/emulation.h"

#include <iostream>

namespace paxect::test {
namespace {

bool& skipped() {
  static bool value = false;
  return value;
}

}  // namespace

bool emulated() { return PAXECT_TEST_EMULATED; }

bool skip_when_emulated(const std::string& reason) {
  if (!emulated()) return false;
  std::cout << "skipped: " << reason << '\n';
  skipped() = true;
  return true;
}

bool was_skipped() { return skipped(); }

}  // namespace paxect::test

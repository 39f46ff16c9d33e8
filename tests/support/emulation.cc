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

void skip(const std::string& reason) {
  std::cout << "skipped: " << reason << '\n';
  skipped() = true;
}

bool skip_when_emulated(const std::string& reason) {
  if (emulated()) skip(reason);
  return emulated();
}

bool was_skipped() { return skipped(); }

}  // namespace paxect::test

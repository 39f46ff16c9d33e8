// What a test has to know when its program runs under qemu's user-mode emulation, in a build for another
// processor.
#pragma once

#include <string>

namespace paxect::test {

bool emulated();

// For a test that needs what an emulator lacks: true when emulated, and then ctest reports the case as
// skipped. The test returns at once.
bool skip_when_emulated(const std::string& reason);
bool was_skipped();
// The exit status that tests/CMakeLists.txt passes to ctest as SKIP_RETURN_CODE.
inline constexpr int kSkippedStatus = 77;

}  // namespace paxect::test

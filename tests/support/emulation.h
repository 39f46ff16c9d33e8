// Tests that cannot run everywhere, such as under qemu's user-mode emulation in a build for another
// processor.
#pragma once

#include <string>

namespace paxect::test {

bool emulated();

// For a test that needs what is not to be had here: ctest reports the case as skipped. The test returns at
// once.
void skip(const std::string& reason);
// The same for what an emulator lacks; true when emulated.
bool skip_when_emulated(const std::string& reason);
bool was_skipped();
// The exit status that tests/CMakeLists.txt passes to ctest as SKIP_RETURN_CODE.
inline constexpr int kSkippedStatus = 77;

}  // namespace paxect::test

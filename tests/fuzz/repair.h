// Makes a damaged container sound again where only a check stands in the way, so that a fuzzer, which cannot
// guess a CRC-32 or a SHA-256, gets behind them.
#pragma once

#include <cstdint>
#include <vector>

namespace paxect::fuzz {

// Puts right, as far as the bytes can be read as a container: the lengths and CRC-32 of each frame whose
// payload decompresses, and the footer's SHA-256 and counts.
void repair(std::vector<std::uint8_t>& container);

}  // namespace paxect::fuzz

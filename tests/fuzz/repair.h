// Repairs the checksums of a mutated container, because a fuzzer cannot guess a CRC-32 or a SHA-256.
#pragma once

#include <cstdint>
#include <vector>

namespace paxect::fuzz {

// Corrects the lengths and CRC-32 of each frame whose payload decompresses, and the footer's SHA-256 and
// counts, as far as the bytes parse as a container.
void repair(std::vector<std::uint8_t>& container);

}  // namespace paxect::fuzz

// Repairs the checksums of a mutated container, because a fuzzer cannot guess a CRC-32 or a SHA-256.
#pragma once

#include <cstdint>
#include <vector>

namespace paxect::fuzz {

// Corrects the lengths and CRC-32 of each frame whose payload decompresses, and the footer's SHA-256 and
// counts, as far as the bytes parse as a container.
void repair(std::vector<std::uint8_t>& container);

// Corrects the CRC-32 of each record of protection, wherever it stands. A mutated field of a record is then
// judged by the code behind that check.
void repair_records(std::vector<std::uint8_t>& bytes);

}  // namespace paxect::fuzz

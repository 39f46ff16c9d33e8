// What the block headers of a zstd frame admit to (RFC 8878, 3.1.1), read without decompressing anything.
#pragma once

#include <cstdint>
#include <span>

namespace paxect::core {

// The most bytes that the blocks of this frame can decompress to: raw and RLE blocks say their size, a
// compressed one holds 128 KiB at most, or the window if that is less. `frame` is one whole zstd frame, as
// ZSTD_findFrameCompressedSize found it; 0 when it is none.
std::uint64_t most_content(std::span<const std::uint8_t> frame);

}  // namespace paxect::core

#include "zstd_blocks.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace paxect::core {
namespace {

constexpr std::uint64_t kMostPerBlock = std::uint64_t{128} << 10;
constexpr std::array<std::uint8_t, 4> kZstdMagic = {0x28, 0xb5, 0x2f, 0xfd};
constexpr std::size_t kBlockHeaderSize = 3;
enum BlockType { kRaw = 0, kRle = 1, kCompressed = 2 };

// Where the blocks begin; 0 when the bytes end before.
std::size_t frame_header_size(std::span<const std::uint8_t> frame) {
  if (frame.size() <= kZstdMagic.size() || !std::equal(kZstdMagic.begin(), kZstdMagic.end(), frame.begin()))
    return 0;
  constexpr std::array<std::size_t, 4> kDictionaryIdSizes = {0, 1, 2, 4};
  constexpr std::array<std::size_t, 4> kContentSizes = {0, 2, 4, 8};
  std::uint8_t descriptor = frame[kZstdMagic.size()];
  bool single_segment = (descriptor & 0x20) != 0;
  std::size_t content_size = kContentSizes[descriptor >> 6];
  if (content_size == 0 && single_segment) content_size = 1;
  std::size_t window_descriptor = single_segment ? 0 : 1;
  return kZstdMagic.size() + 1 + window_descriptor + kDictionaryIdSizes[descriptor & 3] + content_size;
}

// Window_Descriptor to bytes. In a single segment the window is the content, which bounds nothing here.
std::uint64_t most_per_block(std::span<const std::uint8_t> frame) {
  bool single_segment = (frame[kZstdMagic.size()] & 0x20) != 0;
  if (single_segment) return kMostPerBlock;
  std::uint8_t descriptor = frame[kZstdMagic.size() + 1];
  std::uint64_t base = std::uint64_t{1} << (10 + (descriptor >> 3));
  return std::min(kMostPerBlock, base + base / 8 * (descriptor & 7));
}

}  // namespace

std::uint64_t most_content(std::span<const std::uint8_t> frame) {
  std::size_t at = frame_header_size(frame);
  if (at == 0 || at >= frame.size()) return 0;
  std::uint64_t per_block = most_per_block(frame);
  std::uint64_t most = 0;
  for (bool last = false; !last && frame.size() - at >= kBlockHeaderSize;) {
    std::uint32_t header = frame[at] | static_cast<std::uint32_t>(frame[at + 1]) << 8 |
                           static_cast<std::uint32_t>(frame[at + 2]) << 16;
    last = (header & 1) != 0;
    std::uint32_t type = header >> 1 & 3;
    std::size_t size = header >> 3;
    most += type == kCompressed ? per_block : std::min<std::uint64_t>(size, per_block);
    at += kBlockHeaderSize;
    std::size_t stored = type == kRle ? 1 : size;
    if (stored > frame.size() - at) return 0;
    at += stored;
  }
  return most;
}

}  // namespace paxect::core

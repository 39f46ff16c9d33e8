#include "salvage/zstd_extent.h"

#include <algorithm>

#include "frame_codec.h"

namespace paxect::core {
namespace {

// RFC 8878, 3.1.1.1.1: the frame header descriptor.
constexpr unsigned kDictionaryMask = 0x03;
constexpr unsigned kChecksumBit = 0x04;
constexpr unsigned kReservedBit = 0x08;
constexpr unsigned kSingleSegmentBit = 0x20;
constexpr unsigned kContentSizeShift = 6;

enum BlockType : std::uint32_t { kRaw = 0, kRun = 1, kCompressed = 2, kReserved = 3 };

}  // namespace

bool read_zstd_start(std::span<const std::uint8_t> bytes, ZstdStart& out) {
  if (bytes.size() <= kZstdMagic.size() || !std::equal(kZstdMagic.begin(), kZstdMagic.end(), bytes.begin()))
    return false;
  unsigned descriptor = bytes[kZstdMagic.size()];
  bool single = (descriptor & kSingleSegmentBit) != 0;
  unsigned width_code = descriptor >> kContentSizeShift;
  if ((descriptor & (kDictionaryMask | kReservedBit)) != 0 || (width_code == 0 && !single)) return false;
  std::size_t width = std::size_t{1} << width_code;
  std::size_t at = kZstdMagic.size() + 1 + (single ? 0 : 1);
  if (bytes.size() < at + width) return false;
  std::uint64_t content = width == 2 ? 256 : 0;
  for (std::size_t i = 0; i < width; ++i) content += std::uint64_t{bytes[at + i]} << 8 * i;
  out = {content, at + width, (descriptor & kChecksumBit) != 0};
  return true;
}

ZstdStart write_zstd_start(ZstdStartForm form, std::uint64_t content,
                           std::span<std::uint8_t, kZstdStartSize> out) {
  constexpr unsigned kWindowBits = 27 - 10;  // 128 MiB, what every decoder allows
  constexpr std::uint64_t kTwoBytes = 256;   // the smallest content size that takes two bytes, and four
  constexpr std::uint64_t kFourBytes = 65536 + kTwoBytes;
  bool single = form == ZstdStartForm::kSingleSegment;
  if (form == ZstdStartForm::kStored || content > UINT32_MAX || (!single && content < kTwoBytes)) return {};
  unsigned width_code = content < kTwoBytes ? 0 : content < kFourBytes ? 1 : 2;
  std::copy(kZstdMagic.begin(), kZstdMagic.end(), out.begin());
  std::size_t at = kZstdMagic.size();
  out[at++] = static_cast<std::uint8_t>(width_code << kContentSizeShift | (single ? kSingleSegmentBit : 0));
  if (!single) out[at++] = static_cast<std::uint8_t>(kWindowBits << 3);
  std::uint64_t stored = width_code == 1 ? content - kTwoBytes : content;
  for (std::size_t i = 0; i < std::size_t{1} << width_code; ++i)
    out[at++] = static_cast<std::uint8_t>(stored >> 8 * i);
  return {content, at, false};
}

bool ZstdBlocks::next(std::span<const std::uint8_t, kZstdBlockHeaderSize> header) {
  std::uint32_t value =
      header[0] | static_cast<std::uint32_t>(header[1]) << 8 | static_cast<std::uint32_t>(header[2]) << 16;
  bool last = (value & 1) != 0;
  std::uint32_t type = value >> 1 & 3;
  std::uint32_t size = value >> 3;
  if (type == kReserved || size > kZstdBlockMax) return false;
  at_ += kZstdBlockHeaderSize + (type == kRun ? 1 : size);
  min_content_ += type == kCompressed ? 0 : size;
  max_content_ += type == kCompressed ? kZstdBlockMax : size;
  if (min_content_ > start_.content || at_ > payload_bound(start_.content)) return false;
  if (!last) return true;
  if (start_.checksum) at_ += 4;
  ended_ = true;
  return max_content_ >= start_.content;
}

std::uint64_t min_payload(std::uint64_t content) {
  constexpr std::uint64_t kMinStart = 6;  // magic, descriptor, one byte of content size
  std::uint64_t blocks = std::max<std::uint64_t>(1, (content + kZstdBlockMax - 1) / kZstdBlockMax);
  return kMinStart + blocks * (kZstdBlockHeaderSize + (content == 0 ? 0 : 1));
}

}  // namespace paxect::core

// The extent of a zstd frame from the frame alone (RFC 8878): its header gives the size of the data, and each
// block header the start of the next block. So the length of a payload is known without its frame header,
// without decompressing and without reading the whole payload.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace paxect::core {

inline constexpr std::array<std::uint8_t, 4> kZstdMagic = {0x28, 0xb5, 0x2f, 0xfd};
// The longest header of a zstd frame that names no dictionary.
inline constexpr std::size_t kZstdStartSize = 14;
inline constexpr std::size_t kZstdBlockHeaderSize = 3;
inline constexpr std::uint32_t kZstdBlockMax = 128 << 10;  // max bytes of data in a block

// The header of a zstd frame.
struct ZstdStart {
  std::uint64_t content = 0;  // bytes of data
  std::size_t size = 0;       // bytes of this header
  bool checksum = false;
};

// The forms in which an encoder writes it.
enum class ZstdStartForm : std::uint8_t { kStored, kSingleSegment, kWithWindow };

// Writes the beginning of a zstd frame of `content` bytes in this form, for one whose own is damaged; a
// window, which decoders do not need to know exactly, is the largest. Empty when a container has no such
// frame.
ZstdStart write_zstd_start(ZstdStartForm form, std::uint64_t content,
                           std::span<std::uint8_t, kZstdStartSize> out);

// Reads it; false when this is no zstd frame, or none that a container holds: no content size, a dictionary,
// a reserved bit. `bytes` may be shorter than kZstdStartSize when the file ends.
bool read_zstd_start(std::span<const std::uint8_t> bytes, ZstdStart& out);

// Follows the blocks from header to header.
class ZstdBlocks {
 public:
  explicit ZstdBlocks(const ZstdStart& start) : start_(start), at_(start.size) {}

  // Where the next block's header is, from the start of the frame.
  std::uint64_t at() const { return at_; }
  // Takes it. False when a frame with this content size cannot continue with it.
  bool next(std::span<const std::uint8_t, kZstdBlockHeaderSize> header);
  bool ended() const { return ended_; }
  // Of the whole frame. Requires: ended().
  std::uint64_t size() const { return at_; }

 private:
  ZstdStart start_;
  std::uint64_t at_;
  std::uint64_t min_content_ = 0;  // min bytes of data in the blocks so far
  std::uint64_t max_content_ = 0;
  bool ended_ = false;
};

// The smallest payload that can hold `content` bytes of data.
std::uint64_t min_payload(std::uint64_t content);

}  // namespace paxect::core

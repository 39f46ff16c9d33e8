// The fixed parts of a v42 container as bytes: constants, header, frame header, footer. FORMAT.md is the
// specification; nothing here reads or writes files, decides policy or allocates.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "status.h"

namespace paxect::core {

inline constexpr std::size_t kHeaderSize = 24;
inline constexpr std::size_t kFrameHeaderSize = 14;
inline constexpr std::size_t kFooterSize = 44;
inline constexpr std::size_t kDigestSize = 32;

inline constexpr std::array<std::uint8_t, 4> kMagic = {'P', 'X', 'C', '1'};
inline constexpr std::uint16_t kVersion = 42;
inline constexpr std::uint32_t kMaxChannels = 8;
inline constexpr std::uint32_t kMaxMapping = 1;

// The empty zstd frame that opens the payload of an extension frame; a skippable frame's header follows it.
inline constexpr std::array<std::uint8_t, 9> kEmptyZstdFrame = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0};
inline constexpr std::size_t kSkippableHeaderSize = 8;
inline constexpr std::size_t kExtensionPrefixSize = kEmptyZstdFrame.size() + kSkippableHeaderSize;
inline constexpr std::uint32_t kSkippableMagic = 0x184D2A50;  // to ...5F
inline constexpr std::uint32_t kSkippableMagicMask = 0xFFFFFFF0;

using Digest = std::array<std::uint8_t, kDigestSize>;

struct Header {
  std::uint32_t flags = 0;
  std::uint8_t mapping = 0;
  std::int8_t level = 0;
  std::uint32_t frame_size = 0;
  std::uint16_t channels = 0;
};

struct FrameHeader {
  std::uint16_t channel = 0;
  std::uint32_t clen = 0;  // bytes of payload
  std::uint32_t ulen = 0;  // bytes of data
  std::uint32_t crc = 0;   // CRC-32 of the data
};

struct Footer {
  std::uint64_t total_size = 0;
  std::uint32_t total_frames = 0;
  Digest digest{};
};

void write_header(const Header& header, std::span<std::uint8_t, kHeaderSize> out);
void write_frame_header(const FrameHeader& header, std::span<std::uint8_t, kFrameHeaderSize> out);
void write_footer(const Footer& footer, std::span<std::uint8_t, kFooterSize> out);

// Reads and checks a header, field by field in the order of the specification. `bytes` may be shorter than a
// header when the container is; the offset of the failure is that of the field.
Status read_header(std::span<const std::uint8_t> bytes, Header& out);

FrameHeader read_frame_header(std::span<const std::uint8_t, kFrameHeaderSize> bytes);
Footer read_footer(std::span<const std::uint8_t, kFooterSize> bytes);

// Whether these bytes, at least 12, could begin the footer of so many bytes of data in so many frames.
bool reads_like_footer(std::span<const std::uint8_t> bytes, std::uint64_t total_size,
                       std::uint64_t total_frames);
// What a frame that does not hold is called when its header reads like a footer: the container ended there.
Status trailing_data(std::uint64_t footer_offset, std::uint64_t frames);
// What data whose SHA-256 is not the footer's is called.
Status wrong_digest(std::uint64_t digest_offset, std::uint64_t frames);

// Checks the first bytes of an extension frame's payload of `clen` bytes.
Status check_extension(const FrameHeader& header, std::span<const std::uint8_t, kExtensionPrefixSize> prefix);

}  // namespace paxect::core

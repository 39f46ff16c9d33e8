#include "format.h"

#include <algorithm>
#include <string>

#include "little_endian.h"

namespace paxect::core {
namespace {

// Offsets of the header's fields.
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kFlagsAt = 6;
constexpr std::size_t kMappingAt = 10;
constexpr std::size_t kLevelAt = 11;
constexpr std::size_t kFrameSizeAt = 12;
constexpr std::size_t kChannelsAt = 16;

Status bad_header(paxect_status code, std::size_t offset, std::string message) {
  return {code, offset, 0, std::move(message)};
}

}  // namespace

void write_header(const Header& header, std::span<std::uint8_t, kHeaderSize> out) {
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  std::copy(kMagic.begin(), kMagic.end(), out.begin());
  store(kVersion, &out[kVersionAt]);
  store(header.flags, &out[kFlagsAt]);
  out[kMappingAt] = header.mapping;
  out[kLevelAt] = static_cast<std::uint8_t>(header.level);
  store(header.frame_size, &out[kFrameSizeAt]);
  store(header.channels, &out[kChannelsAt]);
}

void write_frame_header(const FrameHeader& header, std::span<std::uint8_t, kFrameHeaderSize> out) {
  store(header.channel, &out[0]);
  store(header.clen, &out[2]);
  store(header.ulen, &out[6]);
  store(header.crc, &out[10]);
}

void write_footer(const Footer& footer, std::span<std::uint8_t, kFooterSize> out) {
  store(footer.total_size, &out[0]);
  store(footer.total_frames, &out[8]);
  std::copy(footer.digest.begin(), footer.digest.end(), out.begin() + 12);
}

Status read_header(std::span<const std::uint8_t> bytes, Header& out) {
  std::size_t start = std::min(bytes.size(), kMagic.size());
  if (start == 0) return bad_header(PAXECT_ERROR_TRUNCATED, 0, "empty: not a .freq container");
  if (!std::equal(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(start), kMagic.begin()))
    return bad_header(PAXECT_ERROR_MAGIC, 0, "not a .freq container: it does not begin with PXC1");
  if (bytes.size() < kHeaderSize)
    return bad_header(PAXECT_ERROR_TRUNCATED, bytes.size(),
                      "ends inside the header, after " + std::to_string(bytes.size()) + " of 24 bytes");
  auto version = load<std::uint16_t>(&bytes[kVersionAt]);
  if (version != kVersion)
    return bad_header(PAXECT_ERROR_VERSION, kVersionAt,
                      "container version " + std::to_string(version) + ": this program reads version 42");
  Header header;
  header.flags = load<std::uint32_t>(&bytes[kFlagsAt]);
  header.mapping = bytes[kMappingAt];
  header.level = static_cast<std::int8_t>(bytes[kLevelAt]);
  header.frame_size = load<std::uint32_t>(&bytes[kFrameSizeAt]);
  header.channels = load<std::uint16_t>(&bytes[kChannelsAt]);
  if (header.channels < 1 || header.channels > kMaxChannels)
    return bad_header(PAXECT_ERROR_HEADER, kChannelsAt,
                      "header says " + std::to_string(header.channels) + " channels: 1 to 8 are possible");
  if (header.mapping > kMaxMapping)
    return bad_header(PAXECT_ERROR_HEADER, kMappingAt,
                      "header says mapping " + std::to_string(header.mapping) + ": 0 and 1 are possible");
  if (header.frame_size == 0)
    return bad_header(PAXECT_ERROR_HEADER, kFrameSizeAt, "header says frame size 0: at least 1 is possible");
  out = header;
  return {};
}

FrameHeader read_frame_header(std::span<const std::uint8_t, kFrameHeaderSize> bytes) {
  FrameHeader header;
  header.channel = load<std::uint16_t>(&bytes[0]);
  header.clen = load<std::uint32_t>(&bytes[2]);
  header.ulen = load<std::uint32_t>(&bytes[6]);
  header.crc = load<std::uint32_t>(&bytes[10]);
  return header;
}

Footer read_footer(std::span<const std::uint8_t, kFooterSize> bytes) {
  Footer footer;
  footer.total_size = load<std::uint64_t>(&bytes[0]);
  footer.total_frames = load<std::uint32_t>(&bytes[8]);
  std::copy(bytes.begin() + 12, bytes.end(), footer.digest.begin());
  return footer;
}

bool reads_like_footer(std::span<const std::uint8_t> bytes, std::uint64_t total_size,
                       std::uint64_t total_frames) {
  std::array<std::uint8_t, kFooterSize> footer{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), kFooterSize), footer.begin());
  Footer read = read_footer(footer);
  return read.total_size == total_size && read.total_frames == total_frames;
}

Status trailing_data(std::uint64_t footer_offset, std::uint64_t frames) {
  return {PAXECT_ERROR_TRAILING, footer_offset + kFooterSize, frames,
          "data after the footer, which ends at byte " + std::to_string(footer_offset + kFooterSize) +
              ": a second container or something else was appended; one file holds one container"};
}

Status wrong_digest(std::uint64_t digest_offset, std::uint64_t frames) {
  return {PAXECT_ERROR_DIGEST, digest_offset, frames,
          "SHA-256 of the data differs from the footer's: frames are missing, swapped or not from one file"};
}

Status check_extension(const FrameHeader& header,
                       std::span<const std::uint8_t, kExtensionPrefixSize> prefix) {
  const std::uint8_t* skippable = &prefix[kEmptyZstdFrame.size()];
  bool good = std::equal(kEmptyZstdFrame.begin(), kEmptyZstdFrame.end(), prefix.begin()) &&
              (load<std::uint32_t>(skippable) & kSkippableMagicMask) == kSkippableMagic &&
              load<std::uint32_t>(skippable + 4) == header.clen - kExtensionPrefixSize;
  if (!good) return failure(PAXECT_ERROR_EXTENSION, "empty frame that is no well-formed extension frame");
  return {};
}

}  // namespace paxect::core

// The two records of protection as bytes: the header of a list piece and the trailer. FORMAT.md, Protection,
// is the specification. Values; nothing here reads or writes files.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "format.h"
#include "protect/window.h"

namespace paxect::core {

inline constexpr std::uint32_t kProtectionMagic = kSkippableMagic + 6;  // of the skippable frame
inline constexpr std::array<std::uint8_t, 8> kRecordMagic = {0xd1, 'P', 'X', 'h', 'e', 'a', 'l', 0x1a};
// What every record begins with; enough to know its kind and with it its size.
inline constexpr std::size_t kRecordStartSize = 16;

using ProtectionTag = std::array<std::uint8_t, 8>;

enum class RecordKind : std::uint8_t { kNone = 0, kList = 1, kTrailer = 2 };

// A piece of a list of CRC-32s, which follow it.
struct ListHeader {
  ProtectionTag tag{};
  std::uint64_t offset = 0;  // of the record in the container
  Window window;
  std::uint32_t first = 0;    // entry
  std::uint16_t entries = 0;  // in this piece
  std::uint8_t copy = 0;
};

struct Trailer {
  ProtectionTag tag{};
  std::uint64_t offset = 0;
  std::uint8_t copy = 0;
  std::uint8_t percent = 0;
  std::uint8_t cell_bits = 0;  // of the last window
  std::uint32_t windows = 0;
  std::uint64_t container_size = 0;
  std::array<std::uint8_t, kHeaderSize> header{};
  std::array<std::uint8_t, kFooterSize> footer{};
};

void write_list_header(const ListHeader& header, std::span<std::uint8_t, kListHeaderSize> out);
void write_trailer(const Trailer& trailer, std::span<std::uint8_t, kTrailerSize> out);

// What these bytes claim to be; kNone when they do not begin like a record.
RecordKind record_kind(std::span<const std::uint8_t, kRecordStartSize> bytes);
// False when the CRC-32 differs or a field is impossible.
bool read_list_header(std::span<const std::uint8_t, kListHeaderSize> bytes, ListHeader& out);
bool read_trailer(std::span<const std::uint8_t, kTrailerSize> bytes, Trailer& out);

// Frame header and prefix of an extension frame of `size` bytes in all.
void write_extension_start(std::uint64_t size,
                           std::span<std::uint8_t, kFrameHeaderSize + kExtensionPrefixSize> out);

}  // namespace paxect::core

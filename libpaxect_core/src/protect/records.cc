#include "protect/records.h"

#include <algorithm>

#include "digest.h"
#include "little_endian.h"

namespace paxect::core {
namespace {

// Offsets of the fields that both records have.
constexpr std::size_t kCrcAt = 8;
constexpr std::size_t kKindAt = 12;  // from here on the CRC-32 counts
constexpr std::size_t kPercentAt = 13;
constexpr std::size_t kCellBitsAt = 14;
constexpr std::size_t kCopyAt = 15;
constexpr std::size_t kTagAt = 16;
constexpr std::size_t kOffsetAt = 24;
// Of a list header.
constexpr std::size_t kNumberAt = 32;
constexpr std::size_t kWindowOffsetAt = 36;
constexpr std::size_t kLengthAt = 44;
constexpr std::size_t kWordsAt = 52;
constexpr std::size_t kParityAt = 56;
constexpr std::size_t kLastAt = 57;
constexpr std::size_t kEntriesAt = 58;
constexpr std::size_t kFirstAt = 60;
// Of a trailer.
constexpr std::size_t kWindowsAt = 32;
constexpr std::size_t kContainerSizeAt = 36;
constexpr std::size_t kHeaderAt = 44;
constexpr std::size_t kFooterAt = kHeaderAt + kHeaderSize;

void begin_record(std::span<std::uint8_t> out, RecordKind kind, std::uint8_t copy, const ProtectionTag& tag,
                  std::uint64_t offset) {
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  std::copy(kRecordMagic.begin(), kRecordMagic.end(), out.begin());
  out[kKindAt] = static_cast<std::uint8_t>(kind);
  out[kCopyAt] = copy;
  std::copy(tag.begin(), tag.end(), out.begin() + kTagAt);
  store(offset, &out[kOffsetAt]);
}

std::uint32_t record_crc(std::span<const std::uint8_t> record) {
  return crc32(&record[kKindAt], record.size() - kKindAt);
}

bool has_crc(std::span<const std::uint8_t> record) {
  return load<std::uint32_t>(&record[kCrcAt]) == record_crc(record);
}

void copy_tag(std::span<const std::uint8_t> record, ProtectionTag& tag) {
  std::copy_n(record.begin() + kTagAt, tag.size(), tag.begin());
}

}  // namespace

void write_list_header(const ListHeader& header, std::span<std::uint8_t, kListHeaderSize> out) {
  const WindowShape& shape = header.window.shape;
  begin_record(out, RecordKind::kList, header.copy, header.tag, header.offset);
  out[kPercentAt] = shape.percent;
  out[kCellBitsAt] = shape.cell_bits;
  store(header.window.number, &out[kNumberAt]);
  store(header.window.offset, &out[kWindowOffsetAt]);
  store(shape.length, &out[kLengthAt]);
  store(shape.words, &out[kWordsAt]);
  out[kParityAt] = shape.parity;
  out[kLastAt] = header.window.last ? 1 : 0;
  store(header.entries, &out[kEntriesAt]);
  store(header.first, &out[kFirstAt]);
  store(record_crc(out), &out[kCrcAt]);
}

void write_trailer(const Trailer& trailer, std::span<std::uint8_t, kTrailerSize> out) {
  begin_record(out, RecordKind::kTrailer, trailer.copy, trailer.tag, trailer.offset);
  out[kPercentAt] = trailer.percent;
  out[kCellBitsAt] = trailer.cell_bits;
  store(trailer.windows, &out[kWindowsAt]);
  store(trailer.container_size, &out[kContainerSizeAt]);
  std::copy(trailer.header.begin(), trailer.header.end(), out.begin() + kHeaderAt);
  std::copy(trailer.footer.begin(), trailer.footer.end(), out.begin() + kFooterAt);
  store(record_crc(out), &out[kCrcAt]);
}

RecordKind record_kind(std::span<const std::uint8_t, kRecordStartSize> bytes) {
  if (!std::equal(kRecordMagic.begin(), kRecordMagic.end(), bytes.begin())) return RecordKind::kNone;
  auto kind = static_cast<RecordKind>(bytes[kKindAt]);
  return kind == RecordKind::kList || kind == RecordKind::kTrailer ? kind : RecordKind::kNone;
}

bool read_list_header(std::span<const std::uint8_t, kListHeaderSize> bytes, ListHeader& out) {
  if (!has_crc(bytes)) return false;
  ListHeader header;
  copy_tag(bytes, header.tag);
  header.offset = load<std::uint64_t>(&bytes[kOffsetAt]);
  header.copy = bytes[kCopyAt];
  Window& window = header.window;
  window.number = load<std::uint32_t>(&bytes[kNumberAt]);
  window.offset = load<std::uint64_t>(&bytes[kWindowOffsetAt]);
  window.last = (bytes[kLastAt] & 1) != 0;
  window.shape = {.length = load<std::uint64_t>(&bytes[kLengthAt]),
                  .words = load<std::uint32_t>(&bytes[kWordsAt]),
                  .cell_bits = bytes[kCellBitsAt],
                  .parity = bytes[kParityAt],
                  .percent = bytes[kPercentAt]};
  header.first = load<std::uint32_t>(&bytes[kFirstAt]);
  header.entries = load<std::uint16_t>(&bytes[kEntriesAt]);
  constexpr std::uint64_t kMaxOffset = std::uint64_t{1} << 62;
  if (!window.shape.possible() || window.offset > kMaxOffset || header.offset > kMaxOffset) return false;
  if (window.offset % window.shape.cell() != 0 || header.copy >= window.shape.list_copies()) return false;
  if (header.first % kPieceEntries != 0 || header.first >= window.shape.all_cells()) return false;
  if (header.entries != window.shape.piece_entries(header.first / kPieceEntries)) return false;
  out = header;
  return true;
}

bool read_trailer(std::span<const std::uint8_t, kTrailerSize> bytes, Trailer& out) {
  if (!has_crc(bytes)) return false;
  Trailer trailer;
  copy_tag(bytes, trailer.tag);
  trailer.offset = load<std::uint64_t>(&bytes[kOffsetAt]);
  trailer.copy = bytes[kCopyAt];
  trailer.percent = bytes[kPercentAt];
  trailer.cell_bits = bytes[kCellBitsAt];
  trailer.windows = load<std::uint32_t>(&bytes[kWindowsAt]);
  trailer.container_size = load<std::uint64_t>(&bytes[kContainerSizeAt]);
  std::copy_n(bytes.begin() + kHeaderAt, kHeaderSize, trailer.header.begin());
  std::copy_n(bytes.begin() + kFooterAt, kFooterSize, trailer.footer.begin());
  if (trailer.windows == 0 || trailer.percent < kMinProtect || trailer.percent > kMaxProtect) return false;
  out = trailer;
  return true;
}

void write_extension_start(std::uint64_t size,
                           std::span<std::uint8_t, kFrameHeaderSize + kExtensionPrefixSize> out) {
  FrameHeader header;
  header.clen = static_cast<std::uint32_t>(size - kFrameHeaderSize);
  write_frame_header(header, out.first<kFrameHeaderSize>());
  auto prefix = out.subspan<kFrameHeaderSize>();
  std::copy(kEmptyZstdFrame.begin(), kEmptyZstdFrame.end(), prefix.begin());
  store(kProtectionMagic, &prefix[kEmptyZstdFrame.size()]);
  store(static_cast<std::uint32_t>(header.clen - kExtensionPrefixSize), &prefix[kEmptyZstdFrame.size() + 4]);
}

}  // namespace paxect::core

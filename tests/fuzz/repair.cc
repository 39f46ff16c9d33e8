#include "repair.h"

#include <zstd.h>

#include <algorithm>
#include <span>

#include "digest.h"
#include "format.h"
#include "fuzz.h"
#include "little_endian.h"
#include "protect/records.h"

namespace paxect::fuzz {
namespace {

using namespace paxect::core;

// Of a record of protection (FORMAT.md): its CRC-32, and the first byte that this covers.
constexpr std::size_t kRecordCrcAt = 8;
constexpr std::size_t kRecordCoveredAt = 12;

std::size_t record_size(RecordKind kind) {
  switch (kind) {
    case RecordKind::kList:
      return kListHeaderSize;
    case RecordKind::kTrailer:
      return kTrailerSize;
    case RecordKind::kNone:
      break;
  }
  return 0;
}

}  // namespace

void repair(std::vector<std::uint8_t>& container) {
  if (container.size() < kHeaderSize + kFooterSize) return;
  std::size_t end = container.size() - kFooterSize;
  std::size_t at = kHeaderSize;
  std::vector<std::uint8_t> data(kMaxFrame);
  Footer footer{};
  Sha256 digest;
  digest.reset();
  while (end - at > kFrameHeaderSize) {
    std::span<std::uint8_t, kFrameHeaderSize> bytes(&container[at], kFrameHeaderSize);
    FrameHeader header = read_frame_header(bytes);
    at += kFrameHeaderSize;
    const std::uint8_t* payload = &container[at];
    std::size_t whole = ZSTD_findFrameCompressedSize(payload, end - at);
    if (header.ulen == 0 && header.clen <= end - at) whole = header.clen;  // an extension: as it is
    if (ZSTD_isError(whole) != 0) break;
    std::size_t size = header.ulen == 0 ? 0 : ZSTD_decompress(data.data(), data.size(), payload, whole);
    if (ZSTD_isError(size) != 0) break;
    header.clen = static_cast<std::uint32_t>(whole);
    header.ulen = static_cast<std::uint32_t>(size);
    header.crc = crc32(data.data(), size);
    write_frame_header(header, bytes);
    digest.update(data.data(), size);
    footer.total_size += size;
    footer.total_frames += 1;
    at += whole;
  }
  footer.digest = digest.finish();
  write_footer(footer, std::span<std::uint8_t, kFooterSize>(&container[end], kFooterSize));
}

void repair_records(std::vector<std::uint8_t>& bytes) {
  for (std::size_t at = 0; at + kRecordStartSize <= bytes.size(); ++at) {
    const RecordKind kind =
        record_kind(std::span<const std::uint8_t, kRecordStartSize>(&bytes[at], kRecordStartSize));
    const std::size_t size = record_size(kind);
    if (size == 0 || size > bytes.size() - at) continue;
    store(crc32(&bytes[at + kRecordCoveredAt], size - kRecordCoveredAt), &bytes[at + kRecordCrcAt]);
  }
}

}  // namespace paxect::fuzz

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

// libFuzzer calls this in place of its own mutation. Each of the two repairs is made in every second result,
// so that a quarter of the results have neither and a quarter have both.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  std::vector<std::uint8_t> container(data, data + size);
  if ((seed & 1) != 0) paxect::fuzz::repair(container);
  if ((seed & 2) != 0) paxect::fuzz::repair_records(container);
  std::copy(container.begin(), container.end(), data);
  return size;
}

#include "repair.h"

#include <zstd.h>

#include <algorithm>
#include <span>

#include "digest.h"
#include "format.h"
#include "fuzz.h"

namespace paxect::fuzz {
namespace {

using namespace paxect::core;

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

}  // namespace paxect::fuzz

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

// libFuzzer calls this in place of its own mutation: every second result is repaired.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 2 == 0) return size;
  std::vector<std::uint8_t> container(data, data + size);
  paxect::fuzz::repair(container);
  std::copy(container.begin(), container.end(), data);
  return size;
}

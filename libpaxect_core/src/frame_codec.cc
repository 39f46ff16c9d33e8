#include "frame_codec.h"

#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <string>

#include "digest.h"
#include "zstd_blocks.h"

namespace paxect::core {

std::uint64_t payload_bound(std::uint64_t ulen) { return ZSTD_COMPRESSBOUND(ulen); }

Status make_frame_header(std::uint16_t channel, std::uint64_t clen, std::uint64_t ulen, std::uint32_t crc,
                         FrameHeader& header) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max();
  if (clen > kMax || ulen > kMax)
    return failure(PAXECT_ERROR_PARAMETER,
                   "frame of " + std::to_string(ulen) + " bytes has a payload of " + std::to_string(clen) +
                       " bytes: the format allows 4294967295 for each; use a smaller frame size");
  header = {channel, static_cast<std::uint32_t>(clen), static_cast<std::uint32_t>(ulen), crc};
  return {};
}

void FrameCompressor::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }
void FrameDecompressor::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

Status FrameCompressor::compress(std::span<const std::uint8_t> data, std::uint16_t channel, int level,
                                 Buffer& out, std::size_t& size) {
  if (context_ == nullptr) context_.reset(ZSTD_createCCtx());
  std::size_t bound = kFrameHeaderSize + payload_bound(data.size());
  if (context_ == nullptr || !out.reserve(bound))
    return failure(PAXECT_ERROR_MEMORY,
                   "out of memory for a frame of " + std::to_string(data.size()) + " bytes");
  std::size_t clen = ZSTD_compressCCtx(context_.get(), out.data() + kFrameHeaderSize,
                                       bound - kFrameHeaderSize, data.data(), data.size(), level);
  if (ZSTD_isError(clen) != 0) {
    paxect_status code =
        ZSTD_getErrorCode(clen) == ZSTD_error_memory_allocation ? PAXECT_ERROR_MEMORY : PAXECT_ERROR_INTERNAL;
    return failure(code, std::string("libzstd cannot compress: ") + ZSTD_getErrorName(clen));
  }
  FrameHeader header;
  Status status = make_frame_header(channel, clen, data.size(), crc32(data.data(), data.size()), header);
  if (!status.ok()) return status;
  write_frame_header(header, std::span<std::uint8_t, kFrameHeaderSize>(out.data(), kFrameHeaderSize));
  size = kFrameHeaderSize + clen;
  return {};
}

Status check_frame_header(const FrameHeader& header, const Header& container, std::uint64_t max_frame) {
  auto bad = [](std::string message) { return failure(PAXECT_ERROR_FRAME_HEADER, std::move(message)); };
  if (header.channel >= container.channels)
    return bad("frame says channel " + std::to_string(header.channel) + " of " +
               std::to_string(container.channels));
  if (header.ulen == 0) {
    if (header.channel == 0 && header.crc == 0 && header.clen >= kExtensionPrefixSize) return {};
    return failure(PAXECT_ERROR_EXTENSION, "empty frame that is no well-formed extension frame");
  }
  if (header.ulen > container.frame_size)
    return bad("frame says " + std::to_string(header.ulen) + " bytes where the header allows " +
               std::to_string(container.frame_size));
  if (header.ulen > max_frame)
    return failure(PAXECT_ERROR_LIMIT, "frame of " + std::to_string(header.ulen) +
                                           " bytes: the limit is set to " + std::to_string(max_frame));
  if (header.clen > payload_bound(header.ulen))
    return bad("frame says " + std::to_string(header.clen) + " bytes of payload for " +
               std::to_string(header.ulen) + " bytes of data: more than can be");
  return {};
}

Status check_content_size(const FrameHeader& header, std::span<const std::uint8_t> start) {
  unsigned long long content = ZSTD_getFrameContentSize(start.data(), start.size());
  if (content == ZSTD_CONTENTSIZE_ERROR)
    return failure(PAXECT_ERROR_PAYLOAD, "payload does not begin as a zstd frame does");
  if (content == ZSTD_CONTENTSIZE_UNKNOWN)
    return failure(PAXECT_ERROR_PAYLOAD, "payload does not say its content size");
  if (content == header.ulen) return {};
  return failure(PAXECT_ERROR_PAYLOAD, "payload holds " + std::to_string(content) +
                                           " bytes where the frame header says " +
                                           std::to_string(header.ulen));
}

Status check_payload(const FrameHeader& header, const std::uint8_t* payload) {
  std::size_t whole = ZSTD_findFrameCompressedSize(payload, header.clen);
  if (ZSTD_isError(whole) != 0)
    return failure(PAXECT_ERROR_PAYLOAD,
                   std::string("payload is no zstd frame: ") + ZSTD_getErrorName(whole));
  if (whole != header.clen)
    return failure(PAXECT_ERROR_PAYLOAD,
                   "payload goes on after its zstd frame, which ends at byte " + std::to_string(whole));
  Status status = check_content_size(header, {payload, std::min<std::size_t>(header.clen, kContentSizeEnd)});
  if (!status.ok()) return status;
  // The content size is a claim, on the strength of which memory is about to be taken: let the blocks bear it
  // out.
  std::uint64_t most = most_content({payload, header.clen});
  if (header.ulen > most)
    return failure(PAXECT_ERROR_PAYLOAD, "payload says it holds " + std::to_string(header.ulen) +
                                             " bytes where its blocks hold at most " + std::to_string(most));
  return {};
}

Status FrameDecompressor::decompress(const FrameHeader& header, const std::uint8_t* payload,
                                     std::uint8_t* out) {
  if (context_ == nullptr) context_.reset(ZSTD_createDCtx());
  if (context_ == nullptr) return failure(PAXECT_ERROR_MEMORY, "out of memory for a decompression context");
  std::size_t size = ZSTD_decompressDCtx(context_.get(), out, header.ulen, payload, header.clen);
  if (ZSTD_isError(size) != 0)
    return failure(PAXECT_ERROR_DECOMPRESS,
                   std::string("frame does not decompress: ") + ZSTD_getErrorName(size));
  if (size != header.ulen)
    return failure(PAXECT_ERROR_DECOMPRESS, "frame decompresses to " + std::to_string(size) + " bytes, not " +
                                                std::to_string(header.ulen));
  if (crc32(out, size) != header.crc)
    return failure(PAXECT_ERROR_CRC, "CRC-32 of the frame differs: its data is damaged");
  return {};
}

Status FrameProver::prove(std::span<const std::uint8_t> frame, std::span<const std::uint8_t> data) {
  auto not_proven = [](const std::string& why) {
    return failure(PAXECT_ERROR_INTERNAL,
                   "frame does not give its data back (" + why + "): test this machine's memory");
  };
  if (!scratch_.reserve(data.size()))
    return failure(PAXECT_ERROR_MEMORY,
                   "out of memory for a frame of " + std::to_string(data.size()) + " bytes");
  FrameHeader header = read_frame_header(frame.first<kFrameHeaderSize>());
  if (header.ulen != data.size() || header.clen != frame.size() - kFrameHeaderSize)
    return not_proven("its header says other lengths");
  const std::uint8_t* payload = frame.data() + kFrameHeaderSize;
  Status status = check_payload(header, payload);
  if (status.ok()) status = decompressor_.decompress(header, payload, scratch_.data());
  if (status.code == PAXECT_ERROR_MEMORY) return status;
  if (!status.ok()) return not_proven(status.message);
  if (!std::equal(data.begin(), data.end(), scratch_.data())) return not_proven("other bytes came back");
  return {};
}

// An upper bound, checked against real contexts by a test: all of libzstd's tables for a source of known size
// are bounded by its window, which is bounded by the source.
std::uint64_t compressor_memory(int level, std::uint64_t frame_size) {
  constexpr std::uint64_t kFixed = std::uint64_t{2} << 20;
  std::uint64_t window = std::min<std::uint64_t>(std::bit_ceil(std::max<std::uint64_t>(frame_size, 1024)),
                                                 std::uint64_t{1} << 27);
  std::uint64_t tables_per_byte = level < 6 ? 6 : 16;
  return kFixed + window * tables_per_byte;
}

std::uint64_t decompressor_memory() { return std::uint64_t{256} << 10; }

}  // namespace paxect::core

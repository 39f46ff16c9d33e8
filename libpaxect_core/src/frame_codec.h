// One frame at a time, between data and payload. Each object has a libzstd context of its own, made at first
// use and reused ever after, and belongs to one thread at a time; whole frames only, so that the bytes depend
// on nothing but the data, the level and the libzstd version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "format.h"
#include "memory.h"
#include "status.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace paxect::core {

// The largest payload that a frame of `ulen` bytes can have.
std::uint64_t payload_bound(std::uint64_t ulen);

// The header of a frame with these lengths, as an encoder makes it. Errors: PARAMETER when a length does not
// fit into its 32 bits.
Status make_frame_header(std::uint16_t channel, std::uint64_t clen, std::uint64_t ulen, std::uint32_t crc,
                         FrameHeader& header);

class FrameCompressor {
 public:
  // Writes frame header and payload into `out`; `size` is the length of both. Errors: MEMORY, PARAMETER,
  // INTERNAL.
  Status compress(std::span<const std::uint8_t> data, std::uint16_t channel, int level, Buffer& out,
                  std::size_t& size);

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
};

class FrameDecompressor {
 public:
  // Checks the payload, whose length is header.clen, and decompresses it into `out`, which has room for
  // header.ulen bytes. The header was checked before.
  Status decompress(const FrameHeader& header, const std::uint8_t* payload, std::uint8_t* out);

 private:
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_DCtx_s, Free> context_;
};

// The proof that a frame which was just made gives its data back.
class FrameProver {
 public:
  explicit FrameProver(const Allocator& allocator) : scratch_(allocator) {}

  // `frame` is frame header and payload. Errors: INTERNAL when it does not, MEMORY.
  Status prove(std::span<const std::uint8_t> frame, std::span<const std::uint8_t> data);

 private:
  FrameDecompressor decompressor_;
  Buffer scratch_;
};

// The checks of a frame header against the container's, in the order of the specification; nothing of the
// frame is to be allocated before they pass. An extension frame passes when it can be one; see
// check_extension.
Status check_frame_header(const FrameHeader& header, const Header& container, std::uint64_t max_frame);

// At most this many bytes of a payload say how much data it holds: a zstd frame header (RFC 8878, 3.1.1.1).
inline constexpr std::size_t kContentSizeEnd = 18;

// That the payload begins with a zstd frame header whose content size is present and equals ulen. `start` is
// the payload's first kContentSizeEnd bytes, or all of it when it is shorter.
Status check_content_size(const FrameHeader& header, std::span<const std::uint8_t> start);

// That the payload is one whole zstd frame and nothing else, whose content size is present, equals ulen and
// is no more than its blocks can hold: memory for ulen bytes may be taken then. Decompresses nothing.
Status check_payload(const FrameHeader& header, const std::uint8_t* payload);

// The most that the context of one thread takes for frames of this size, in bytes.
std::uint64_t compressor_memory(int level, std::uint64_t frame_size);
std::uint64_t decompressor_memory();

}  // namespace paxect::core

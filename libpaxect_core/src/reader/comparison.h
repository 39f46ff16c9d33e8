// A container compared with what is said to be its original, by the CRC-32 of each frame and the SHA-256 of
// all: nothing is decompressed. Belongs to one thread at a time.
#pragma once

#include <cstdint>

#include "callbacks.h"
#include "digest.h"
#include "memory.h"
#include "reader/frame_walker.h"
#include "status.h"

namespace paxect::core {

// What a container is compared with.
struct Original {
  paxect_source source = nullptr;
  void* opaque = nullptr;
  std::uint64_t size = 0;  // 0: unknown
};

class Comparison {
 public:
  explicit Comparison(const Allocator& allocator) : buffer_(allocator) {}

  // Requires: an earlier walk confirmed the footer's totals, and `walker` is at the first frame. DIFFERENT
  // when the original differs, after each difference was given to `callback`, which may be nullptr. CRC when
  // it is the original by its SHA-256, so that what differs is the CRC-32 field of a frame header. An
  // original that is longer than the data is not read to its end, which it may not have.
  Status run(FrameWalker& walker, const ContainerEnds& ends, const Callbacks& callbacks,
             const Original& original, paxect_difference_callback callback, void* opaque);

  static std::uint64_t memory();

 private:
  void begin(const Callbacks& callbacks, const Original& original, paxect_difference_callback callback,
             void* opaque);
  Status refill();
  Status compare_frame(const FrameRecord& frame);
  Status compare_rest(const Footer& footer);
  Status report(const paxect_difference& difference);
  Status verdict(const ContainerEnds& ends);

  Callbacks callbacks_;
  Original original_;
  paxect_difference_callback callback_ = nullptr;
  void* opaque_ = nullptr;

  Buffer buffer_;
  std::size_t at_ = 0;    // in buffer_, of the next byte to compare
  std::size_t size_ = 0;  // of what is in buffer_
  bool ended_ = false;    // the original
  Sha256 digest_;
  std::uint64_t original_size_ = 0;     // as far as it was read or is known
  std::uint64_t container_offset_ = 0;  // behind the last frame that was compared
  std::uint64_t last_frame_ = 0;        // in which the original ended
  std::uint64_t different_ = 0;         // frames
  paxect_difference first_{};
  std::uint64_t first_frame_offset_ = 0;  // in the container, of the frame that first_ names
};

}  // namespace paxect::core

// Frames that were met on the way through a container, so that a later walk need not begin at the beginning.
// Of many frames every second, fourth, eighth ... is kept: the memory is bounded, and so is the way to go
// from a mark, to a small part of all. Belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reader/frame_walker.h"

namespace paxect::core {

class FrameMarks {
 public:
  static constexpr std::size_t kMost = 4096;

  void clear();
  // A frame of a walk. Those that were noted before, in an earlier walk, are passed over.
  void note(const FrameRecord& frame);
  // The last mark at or before this byte of the data; nullptr when there is none.
  const FrameRecord* before(std::uint64_t data_offset) const;

  static std::uint64_t memory() { return kMost * sizeof(FrameRecord); }

 private:
  std::vector<FrameRecord> marks_;  // in order; the numbers are multiples of stride_
  std::uint64_t stride_ = 1;
};

}  // namespace paxect::core

#include "reader/frame_marks.h"

#include <algorithm>

namespace paxect::core {

void FrameMarks::clear() {
  marks_.clear();
  stride_ = 1;
}

void FrameMarks::note(const FrameRecord& frame) {
  if (frame.number % stride_ != 0 || (!marks_.empty() && frame.number <= marks_.back().number)) return;
  if (marks_.size() == kMost) {
    stride_ *= 2;
    std::erase_if(marks_, [&](const FrameRecord& mark) { return mark.number % stride_ != 0; });
    if (frame.number % stride_ != 0) return;
  }
  marks_.push_back(frame);
}

const FrameRecord* FrameMarks::before(std::uint64_t data_offset) const {
  auto after = std::upper_bound(
      marks_.begin(), marks_.end(), data_offset,
      [](std::uint64_t offset, const FrameRecord& mark) { return offset < mark.data_offset; });
  return after == marks_.begin() ? nullptr : &*(after - 1);
}

}  // namespace paxect::core

#include "reader/comparison.h"

#include <algorithm>
#include <string>

namespace paxect::core {
namespace {

constexpr std::size_t kReadSize = std::size_t{1} << 20;

paxect_difference difference(std::uint32_t kind, std::uint64_t frame, std::uint64_t offset,
                             std::uint64_t length) {
  return {sizeof(paxect_difference), kind, 0, frame, offset, length};
}

}  // namespace

std::uint64_t Comparison::memory() { return kReadSize; }

void Comparison::begin(const Callbacks& callbacks, const Original& original,
                       paxect_difference_callback callback, void* opaque) {
  callbacks_ = callbacks;
  original_ = original;
  callback_ = callback;
  opaque_ = opaque;
  at_ = 0;
  size_ = 0;
  ended_ = false;
  digest_.reset();
  original_size_ = 0;
  container_offset_ = kHeaderSize;
  last_frame_ = 0;
  different_ = 0;
  first_ = {};
  first_frame_offset_ = 0;
}

Status Comparison::run(FrameWalker& walker, const ContainerEnds& ends, const Callbacks& callbacks,
                       const Original& original, paxect_difference_callback callback, void* opaque) {
  begin(callbacks, original, callback, opaque);
  if (!buffer_.reserve(kReadSize)) return failure(PAXECT_ERROR_MEMORY, "out of memory to read with");
  for (;;) {
    FrameRecord frame;
    bool more;
    Status status = walker.next(frame, more);
    if (status.ok() && !more) break;
    if (status.ok() && !ended_) status = compare_frame(frame);
    if (!status.ok()) return status;
    container_offset_ = frame.end();
    if (ended_) status = callbacks_.report(container_offset_, original_size_);
    if (!status.ok()) return status;
  }
  container_offset_ = ends.container_size;
  Status status = compare_rest(ends.footer);
  return status.ok() ? verdict(ends) : status;
}

Status Comparison::refill() {
  at_ = 0;
  size_ = 0;
  if (original_.source(original_.opaque, buffer_.data(), kReadSize, &size_) != 0 || size_ > kReadSize)
    return failure(PAXECT_ERROR_SOURCE, "the source stopped the work");
  ended_ = size_ == 0;
  original_size_ += size_;
  digest_.update(buffer_.data(), size_);
  return callbacks_.report(container_offset_, original_size_);
}

Status Comparison::compare_frame(const FrameRecord& frame) {
  last_frame_ = frame.number;
  std::uint32_t crc = 0;
  std::uint64_t left = frame.header.ulen;
  while (left != 0 && !ended_) {
    if (at_ == size_) {
      Status status = refill();
      if (!status.ok()) return status;
    }
    std::size_t part = std::min<std::uint64_t>(left, size_ - at_);
    crc = crc32(buffer_.data() + at_, part, crc);
    at_ += part;
    left -= part;
  }
  bool touched = left < frame.header.ulen;
  bool same = left == 0 && crc == frame.header.crc;
  if (same || !touched) return {};
  if (first_.kind == 0) first_frame_offset_ = frame.offset;
  return report(difference(PAXECT_DIFFERENCE_DATA, frame.number, frame.data_offset, frame.header.ulen));
}

// After the last frame: the footer's totals agree with the frames.
Status Comparison::compare_rest(const Footer& footer) {
  while (!ended_ && original_size_ <= footer.total_size) {
    Status status = refill();
    if (!status.ok()) return status;
  }
  if (!ended_) original_size_ = std::max(original_size_, original_.size);
  if (original_size_ < footer.total_size)
    return report(difference(PAXECT_DIFFERENCE_MISSING, last_frame_, original_size_,
                             footer.total_size - original_size_));
  if (original_size_ > footer.total_size)
    return report(difference(PAXECT_DIFFERENCE_EXTRA, footer.total_frames, footer.total_size,
                             original_size_ - footer.total_size));
  return {};
}

Status Comparison::report(const paxect_difference& found) {
  if (first_.kind == 0) first_ = found;
  if (found.kind == PAXECT_DIFFERENCE_DATA) different_ += 1;
  if (callback_ != nullptr && callback_(opaque_, &found) != 0)
    return failure(PAXECT_ERROR_SINK, "the callback stopped the work");
  return {};
}

Status Comparison::verdict(const ContainerEnds& ends) {
  std::uint64_t size = ends.footer.total_size;
  bool same_digest = digest_.finish() == ends.footer.digest;
  if (first_.kind == PAXECT_DIFFERENCE_DATA && original_size_ == size && same_digest)
    return {PAXECT_ERROR_CRC, first_frame_offset_, first_.frame,
            "CRC-32 in the header of the frame is damaged: the original has the SHA-256 of the footer"};
  if (first_.kind != 0) {
    std::string message = std::to_string(different_) + " of " + std::to_string(ends.footer.total_frames) +
                          " frames differ from the original";
    if (original_size_ < size) message += ", which lacks " + std::to_string(size - original_size_) + " bytes";
    if (original_size_ > size)
      message += std::string(", which has ") + (ended_ || original_.size != 0 ? "" : "at least ") +
                 std::to_string(original_size_ - size) + " bytes more";
    return {PAXECT_ERROR_DIFFERENT, first_.offset, first_.frame, message};
  }
  if (same_digest) return {};
  return {PAXECT_ERROR_DIGEST, ends.container_size - kDigestSize, ends.footer.total_frames,
          "SHA-256 of the original differs from the footer's although every frame's CRC-32 agrees"};
}

}  // namespace paxect::core

#include "reader/frame_walker.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "frame_codec.h"
#include "input_file.h"

namespace paxect::core {
namespace {

// A page for a header that stands alone; more with each read that begins where the last one ended, as it
// does where frames are small.
constexpr std::size_t kSmallestStep = std::size_t{4} << 10;
constexpr std::size_t kLargestStep = std::size_t{256} << 10;

}  // namespace

Status read_ends(int fd, ContainerEnds& ends, const std::string& name) {
  struct stat file {};
  if (fstat(fd, &file) != 0) return system_failure(PAXECT_ERROR_READ, name, "cannot read", errno);
  if (S_ISDIR(file.st_mode)) return failure(PAXECT_ERROR_READ, name + ": is a directory");
  if (!S_ISREG(file.st_mode))
    return failure(PAXECT_ERROR_READ, name +
                                          ": is not a regular file, so its footer cannot be found: copy it "
                                          "into a file first, or decode it as a whole");
  ends.container_size = static_cast<std::uint64_t>(file.st_size);
  std::array<std::uint8_t, kHeaderSize> header;
  std::size_t there = std::min<std::uint64_t>(kHeaderSize, ends.container_size);
  Status status = read_at(fd, 0, header.data(), there, name);
  if (status.ok()) status = read_header(std::span(header).first(there), ends.header);
  if (!status.ok()) return status;
  if (ends.container_size < kHeaderSize + kFooterSize)
    return {PAXECT_ERROR_TRUNCATED, ends.container_size, 0, "ends before its footer: the file was cut short"};
  std::array<std::uint8_t, kFooterSize> footer;
  status = read_at(fd, ends.container_size - kFooterSize, footer.data(), footer.size(), name);
  if (status.ok()) ends.footer = read_footer(footer);
  return status;
}

Status check_size_unchanged(int fd, const ContainerEnds& ends, const std::string& name) {
  struct stat file {};
  if (fstat(fd, &file) != 0) return system_failure(PAXECT_ERROR_READ, name, "cannot read", errno);
  auto size = static_cast<std::uint64_t>(file.st_size);
  if (size == ends.container_size) return {};
  return failure(PAXECT_ERROR_READ, name + (size > ends.container_size ? ": grew" : ": shrank") +
                                        " while it was read: wait until it is complete");
}

void FrameWalker::begin(int fd, const std::string& name, const ContainerEnds& ends) {
  fd_ = fd;
  name_ = &name;
  ends_ = &ends;
  footer_offset_ = ends.container_size - kFooterSize;
  offset_ = kHeaderSize;
  frames_ = 0;
  data_size_ = 0;
  window_size_ = 0;
  step_ = kSmallestStep;
}

void FrameWalker::return_to(const FrameRecord& frame) {
  offset_ = frame.offset;
  frames_ = frame.number;
  data_size_ = frame.data_offset;
}

std::uint64_t FrameWalker::memory() { return kLargestStep; }

// The bytes at `offset`, which lie in the file; at most kSmallestStep of them.
Status FrameWalker::look(std::uint64_t offset, std::size_t size, std::span<const std::uint8_t>& bytes) {
  std::uint64_t window_end = window_offset_ + window_size_;
  if (offset < window_offset_ || offset + size > window_end) {
    bool adjacent = window_size_ != 0 && offset >= window_offset_ && offset <= window_end;
    step_ = adjacent ? std::min(2 * step_, kLargestStep) : kSmallestStep;
    if (!window_.reserve(kLargestStep)) return failure(PAXECT_ERROR_MEMORY, "out of memory to read with");
    window_size_ = 0;
    std::size_t wanted = std::min<std::uint64_t>(step_, ends_->container_size - offset);
    Status status = read_at(fd_, offset, window_.data(), wanted, *name_);
    if (!status.ok()) return status;
    window_offset_ = offset;
    window_size_ = wanted;
  }
  bytes = {window_.data() + (offset - window_offset_), size};
  return {};
}

Status FrameWalker::fail(Status status) const {
  status.offset = offset_;
  status.frame = frames_;
  return status;
}

// In the decoder's order: what the header says, the beginning of an extension frame, the payload's end, the
// payload.
Status FrameWalker::check(const FrameRecord& frame) {
  constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint32_t>::max();
  Status status = check_frame_header(frame.header, ends_->header, kNoLimit);
  if (!status.ok()) return fail(status);
  if (frame.extension() && frame.payload_offset() + kExtensionPrefixSize <= footer_offset_) {
    status = check_payload_start(frame);
    if (!status.ok()) return status;
  }
  if (frame.end() > footer_offset_)
    return fail(failure(PAXECT_ERROR_TRUNCATED, "ends inside the payload of frame " +
                                                    std::to_string(frames_) + ": the file was cut short"));
  return frame.extension() ? Status{} : check_payload_start(frame);
}

Status FrameWalker::check_payload_start(const FrameRecord& frame) {
  std::size_t size =
      frame.extension() ? kExtensionPrefixSize : std::min<std::size_t>(frame.header.clen, kContentSizeEnd);
  std::span<const std::uint8_t> start;
  Status status = look(frame.payload_offset(), size, start);
  if (!status.ok()) return fail(status);
  status = frame.extension() ? check_extension(frame.header, start.first<kExtensionPrefixSize>())
                             : check_content_size(frame.header, start);
  if (status.ok()) return {};
  status = fail(status);
  status.offset = frame.payload_offset();
  return status;
}

Status FrameWalker::next(FrameRecord& frame, bool& more) {
  more = offset_ < footer_offset_;
  if (!more) return check_totals();
  std::span<const std::uint8_t> bytes;
  bool whole = footer_offset_ - offset_ >= kFrameHeaderSize;
  Status status = look(offset_, kFrameHeaderSize, bytes);  // the footer is there even if the header is not
  if (!status.ok()) return fail(status);
  frame.number = frames_;
  frame.offset = offset_;
  frame.data_offset = data_size_;
  frame.header = read_frame_header(bytes.first<kFrameHeaderSize>());
  frame.maybe_footer = reads_like_footer(bytes, data_size_, frames_);
  status =
      whole ? check(frame)
            : fail(failure(PAXECT_ERROR_TRUNCATED, "ends inside the header of frame " +
                                                       std::to_string(frames_) + ": the file was cut short"));
  bool structure = status.code >= PAXECT_ERROR_MAGIC;
  if (structure && frame.maybe_footer) return trailing_data(offset_, frames_);
  if (!status.ok()) return status;
  offset_ = frame.end();
  frames_ += 1;
  data_size_ += frame.header.ulen;
  return {};
}

Status FrameWalker::check_totals() const {
  const Footer& footer = ends_->footer;
  if (footer.total_size != data_size_)
    return {PAXECT_ERROR_COUNTS, footer_offset_, frames_,
            "footer says " + std::to_string(footer.total_size) + " bytes of data where the frames hold " +
                std::to_string(data_size_)};
  if (footer.total_frames != frames_)
    return {PAXECT_ERROR_COUNTS, footer_offset_ + 8, frames_,
            "footer says " + std::to_string(footer.total_frames) + " frames where there are " +
                std::to_string(frames_)};
  return {};
}

}  // namespace paxect::core

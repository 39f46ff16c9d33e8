#include "decoder.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "zero_run.h"

namespace paxect::core {
namespace {

constexpr std::size_t kReadSize = std::size_t{1} << 20;
// Where payloads are read into place: the size of the other reads, for a frame header and the beginning of
// its payload.
constexpr std::size_t kHeadSize = std::size_t{32} << 10;
constexpr std::size_t kLargeFrame = std::size_t{256} << 10;  // smaller ones are read many at a time

}  // namespace

void Decoder::Worker::operator()(Job& job) noexcept {
  try {
    job.status = work(job);
  } catch (...) {
    job.status = caught();
  }
}

Status Decoder::Worker::work(Job& job) {
  Status status = check_payload(job.header, job.payload.data());
  if (!status.ok()) return status;
  if (job.data == nullptr) {
    if (!job.output.reserve(job.header.ulen))
      return failure(PAXECT_ERROR_MEMORY,
                     "out of memory for a frame of " + std::to_string(job.header.ulen) + " bytes");
    job.data = job.output.data();
  }
  status = decompressor.decompress(job.header, job.payload.data(), job.data);
  if (!status.ok() || job.write_at == nullptr) return status;
  return (*job.write_at)(job.data_offset, {job.data, job.header.ulen});
}

void Decoder::abandon() noexcept {
  if (pipeline_ != nullptr) pipeline_->abandon();
}

void Decoder::clear() noexcept {
  abandon();
  header_ = {};
  footer_ = {};
  held_size_ = 0;
  state_ = State::kHeader;
  gathered_size_ = 0;
  offset_ = 0;
  frame_offset_ = 0;
  frames_ = 0;
  data_size_ = 0;
  taken_ = 0;
  trailing_.reset();
  memory_ = {};
  in_memory_ = false;
  write_at_ = nullptr;
  bytes_in_ = 0;
  bytes_out_ = 0;
}

void Decoder::begin(const Parameters& parameters, const Callbacks& callbacks) {
  clear();
  parameters_ = parameters;
  callbacks_ = callbacks;
  auto make_job = [this] { return Job(allocator_); };
  unsigned threads = threads_ != nullptr ? threads_->size() : parameters.threads();
  if (threads_ != nullptr)
    Pipeline::fit(pipeline_, threads_, slots_for(threads), make_job);
  else
    Pipeline::fit(pipeline_, threads, slots_for(threads), make_job);
  digest_.reset();
}

void Decoder::begin_in_memory(const Parameters& parameters, const Callbacks& callbacks,
                              std::span<std::uint8_t> out) {
  begin(parameters, callbacks);
  memory_ = out;
  in_memory_ = true;
}

void Decoder::begin_at_offsets(const Parameters& parameters, const Callbacks& callbacks,
                               const WriteAt& write_at) {
  begin(parameters, callbacks);
  write_at_ = &write_at;
}

std::uint64_t Decoder::memory(const Parameters& parameters, std::uint64_t frame_size) {
  std::uint64_t frame = std::min(frame_size, parameters.max_frame());
  unsigned threads = parameters.threads();
  return slots_for(threads) * (frame + payload_bound(frame)) + threads * decompressor_memory() + kReadSize;
}

// Holds bytes back that may be the footer.
void Decoder::hold(std::span<const std::uint8_t> data) {
  std::copy(data.begin(), data.end(), held_.begin() + static_cast<std::ptrdiff_t>(held_size_));
  held_size_ += data.size();
}

Status Decoder::write(std::span<const std::uint8_t> data) {
  bytes_in_ += data.size();
  return defer_trailing(trailing_ ? Status{} : take(data));
}

// Whether bytes came behind the footer that trailing_ found.
bool Decoder::continues_behind_footer() const { return bytes_in_ > trailing_->offset; }

// A footer before the place where the known size of the container puts it is followed by other data, or the
// container is shorter than its size says. Which of both becomes known with the next byte, or without one in
// finish.
Status Decoder::defer_trailing(Status status) {
  if (status.code == PAXECT_ERROR_TRAILING && parameters_.container_size() != 0) {
    trailing_ = std::move(status);
    status = {};
  }
  return status.ok() && trailing_ && continues_behind_footer() ? *trailing_ : status;
}

Status Decoder::take(std::span<const std::uint8_t> data) {
  if (parameters_.container_size() != 0) return write_before_known_footer(data);
  std::size_t total = held_size_ + data.size();
  if (total > kFooterSize) {
    std::size_t from_held = std::min(total - kFooterSize, held_size_);
    Status status = consume(std::span(held_).first(from_held));
    if (!status.ok()) return status;
    std::memmove(held_.data(), held_.data() + from_held, held_size_ - from_held);
    held_size_ -= from_held;
    std::size_t from_data = total - kFooterSize - from_held;
    status = consume(data.first(from_data));
    if (!status.ok()) return status;
    data = data.subspan(from_data);
  }
  hold(data);
  return {};
}

// Bytes from the current offset to the footer, whose offset is known.
std::uint64_t Decoder::left_before_footer() const {
  std::uint64_t footer = std::max<std::uint64_t>(parameters_.container_size(), kFooterSize) - kFooterSize;
  return footer - std::min(footer, offset_);
}

Status Decoder::write_before_known_footer(std::span<const std::uint8_t> data) {
  auto frames = static_cast<std::size_t>(std::min<std::uint64_t>(left_before_footer(), data.size()));
  Status status = consume(data.first(frames));
  if (!status.ok()) return status;
  data = data.subspan(frames);
  if (data.size() > kFooterSize - held_size_)
    return {PAXECT_ERROR_TRAILING, parameters_.container_size(), frames_,
            "continues after its " + std::to_string(parameters_.container_size()) +
                " bytes: it grew while it was read"};
  hold(data);
  return {};
}

Status Decoder::read_from(paxect_source source, void* opaque) {
  if (!reading_.reserve(kReadSize)) return failure(PAXECT_ERROR_MEMORY, "out of memory for a read buffer");
  for (;;) {
    std::size_t size = 0;
    // With the footer's offset known, most of a large payload is read into its slot without a copy.
    std::span<std::uint8_t> place{reading_.data(), kReadSize};
    bool in_place = parameters_.container_size() != 0 && header_.frame_size >= kLargeFrame && !trailing_;
    if (in_place) place = place.first(kHeadSize);
    bool direct = in_place && state_ == State::kPayload && frame_.clen - taken_ >= kHeadSize;
    if (direct) {
      std::size_t room = std::min<std::size_t>(frame_.clen - taken_, kReadSize);
      Status status = payload_room(taken_ + room);
      if (!status.ok()) return status;
      place = {pipeline_->acquire()->payload.data() + taken_, room};
    }
    if (source(opaque, place.data(), place.size(), &size) != 0 || size > place.size())
      return failure(PAXECT_ERROR_SOURCE, "the source callback failed");
    if (size == 0) return {};
    if (direct) bytes_in_ += size;
    Status status = direct ? defer_trailing(payload_grew(size)) : write(place.first(size));
    if (!status.ok()) return status;
  }
}

// Appends to gathered_ until it holds `size` bytes; true when it does.
bool Decoder::gather(std::span<const std::uint8_t>& data, std::size_t size) {
  std::size_t part = std::min(size - gathered_size_, data.size());
  std::copy_n(data.begin(), part, gathered_.begin() + static_cast<std::ptrdiff_t>(gathered_size_));
  gathered_size_ += part;
  offset_ += part;
  data = data.subspan(part);
  return gathered_size_ == size;
}

Status Decoder::consume(std::span<const std::uint8_t> data) {
  Status status;
  while (status.ok() && !data.empty()) {
    switch (state_) {
      case State::kHeader:
        if (gather(data, kHeaderSize)) status = take_header();
        break;
      case State::kFrameHeader:
        if (gathered_size_ == 0) frame_offset_ = offset_;
        if (gather(data, kFrameHeaderSize)) status = take_frame_header();
        break;
      case State::kPayload:
        status = take_payload(data);
        break;
      case State::kExtension:
        status = take_extension(data);
        break;
    }
  }
  return status;
}

Status Decoder::take_header() {
  gathered_size_ = 0;
  state_ = State::kFrameHeader;
  return read_header(gathered_, header_);
}

// Whether the container, if its size is known, ends before the current payload does.
bool Decoder::payload_is_cut(const FrameHeader& header) const {
  std::uint64_t whole = parameters_.container_size();
  return whole != 0 && frame_offset_ + kFrameHeaderSize + header.clen + kFooterSize > whole;
}

// An extension frame is not checked here for its end: its prefix comes first, as it does where the size of
// the container is not known.
Status Decoder::check_frame_header(const FrameHeader& header) const {
  Status status = core::check_frame_header(header, header_, parameters_.max_frame());
  if (status.ok() && header.ulen != 0 && payload_is_cut(header)) status = cut_in("payload");
  return status;
}

Status Decoder::take_frame_header() {
  gathered_size_ = 0;
  std::span<const std::uint8_t, kFrameHeaderSize> bytes(gathered_.data(), kFrameHeaderSize);
  FrameHeader header = read_frame_header(bytes);
  bool maybe_footer = reads_like_footer(bytes, data_size_, frames_);
  Status status = check_frame_header(header);
  if (!status.ok()) {
    status.offset = frame_offset_;
    status.frame = frames_;
    Status earlier = commit_all();  // a failure before this frame is reported first
    if (!earlier.ok()) return earlier;
    return maybe_footer ? trailing_data(frame_offset_, frames_) : status;
  }
  return start_frame(header, maybe_footer);
}

Status Decoder::start_frame(const FrameHeader& header, bool maybe_footer) {
  frame_ = header;
  taken_ = 0;
  maybe_footer_ = maybe_footer;
  if (header.ulen == 0) {
    state_ = State::kExtension;
    return {};
  }
  state_ = State::kPayload;
  Job* job;
  while ((job = pipeline_->acquire()) == nullptr) {
    bool committed;
    Status status = commit(Pipeline::Wait::kYes, committed);
    if (!status.ok()) return status;
  }
  job->header = header;
  job->number = frames_;
  job->offset = frame_offset_;
  job->maybe_footer = maybe_footer;
  job->fits = !in_memory_ || (data_size_ <= memory_.size() && header.ulen <= memory_.size() - data_size_);
  // A frame that does not fit is decompressed elsewhere: what is wrong with the frame itself is reported
  // first, as by decoders with other outputs.
  job->data = in_memory_ && job->fits ? memory_.data() + data_size_ : nullptr;
  job->data_offset = data_size_;
  job->write_at = writes_at_offsets() ? write_at_ : nullptr;
  return {};
}

// Holes in the output begin and end at blocks, and so must frames, or a hole that spans two of them would be
// lost.
bool Decoder::writes_at_offsets() const {
  return write_at_ != nullptr && header_.frame_size >= kLargeFrame && header_.frame_size % kHoleBlock == 0;
}

// Makes room for `size` bytes of payload in the current slot.
Status Decoder::payload_room(std::size_t size) {
  Buffer& payload = pipeline_->acquire()->payload;
  if (size <= payload.capacity() || payload.reserve(grown_capacity(size, frame_.clen), taken_)) return {};
  return {PAXECT_ERROR_MEMORY, frame_offset_, frames_,
          "out of memory for a payload of " + std::to_string(frame_.clen) + " bytes"};
}

Status Decoder::take_payload(std::span<const std::uint8_t>& data) {
  std::size_t size = std::min<std::size_t>(data.size(), frame_.clen - taken_);
  Status status = payload_room(taken_ + size);
  if (!status.ok()) return status;
  std::copy_n(data.begin(), size, pipeline_->acquire()->payload.data() + taken_);
  data = data.subspan(size);
  return payload_grew(size);
}

// The current slot has received `size` more bytes of payload. A complete frame is submitted.
Status Decoder::payload_grew(std::size_t size) {
  offset_ += size;
  taken_ += size;
  if (taken_ < frame_.clen) return {};
  pipeline_->submit();
  state_ = State::kFrameHeader;
  frames_ += 1;
  data_size_ += frame_.ulen;
  // Hashing and writing a frame take this thread as long as decompressing takes a worker. It submits the next
  // frames first, or the workers and this thread would block on each other in turns.
  Status status;
  for (bool committed = true; status.ok() && committed && pipeline_->waiting() != 0;)
    status = commit(Pipeline::Wait::kNo, committed);
  return status;
}

// An extension frame holds no data: its prefix is checked, the rest is skipped.
Status Decoder::take_extension(std::span<const std::uint8_t>& data) {
  if (taken_ < kExtensionPrefixSize) {
    std::size_t before = gathered_size_;
    bool whole = gather(data, kExtensionPrefixSize);
    taken_ += gathered_size_ - before;
    if (!whole) return {};
    gathered_size_ = 0;
    Status status = check_extension(
        frame_, std::span<const std::uint8_t, kExtensionPrefixSize>(gathered_.data(), kExtensionPrefixSize));
    status.offset = frame_offset_ + kFrameHeaderSize;
    status.frame = frames_;
    if (status.ok() && payload_is_cut(frame_)) status = cut_in("payload");
    if (!status.ok()) {
      Status earlier = commit_all();
      if (!earlier.ok()) return earlier;
      return maybe_footer_ ? trailing_data(frame_offset_, frames_) : status;
    }
  }
  std::size_t size = std::min<std::size_t>(data.size(), frame_.clen - taken_);
  data = data.subspan(size);
  offset_ += size;
  taken_ += size;
  if (taken_ < frame_.clen) return {};
  state_ = State::kFrameHeader;
  frames_ += 1;
  return {};
}

Status Decoder::commit(Pipeline::Wait wait, bool& committed) {
  Job* job = pipeline_->finished(wait);
  committed = job != nullptr;
  if (job == nullptr) return {};
  Status status = std::move(job->status);
  if (!status.ok()) {
    // Of the output or of memory: it says nothing about the frame.
    if (status.code < PAXECT_ERROR_MAGIC) return status;
    bool payload = status.code == PAXECT_ERROR_PAYLOAD || status.code == PAXECT_ERROR_DECOMPRESS;
    status.offset = job->offset + (payload ? kFrameHeaderSize : 0);
    status.frame = job->number;
    if (job->maybe_footer) status = trailing_data(job->offset, job->number);
    return status;
  }
  if (!job->fits)
    return {PAXECT_ERROR_BUFFER_TOO_SMALL, job->offset, job->number,
            "the data does not fit into the " + std::to_string(memory_.size()) + " bytes of the destination"};
  digest_.update(job->data, job->header.ulen);
  if (!in_memory_ && job->write_at == nullptr) status = callbacks_.write(job->data, job->header.ulen);
  bytes_out_ += job->header.ulen;
  pipeline_->release();
  if (status.ok()) status = callbacks_.report(bytes_in_, bytes_out_);
  return status;
}

Status Decoder::commit_all() {
  Status status;
  for (bool committed = true; status.ok() && committed;) status = commit(Pipeline::Wait::kYes, committed);
  return status;
}

Status Decoder::cut_in(const char* part) const {
  return {PAXECT_ERROR_TRUNCATED, frame_offset_, frames_,
          std::string("ends inside the ") + part + " of frame " + std::to_string(frames_) +
              ": the file was cut short"};
}

// The container ends before the parser expects it.
Status Decoder::truncated() const {
  if (state_ == State::kHeader)
    return {PAXECT_ERROR_TRUNCATED, bytes_in_, 0, "ends before its footer: the file was cut short"};
  return cut_in(state_ == State::kFrameHeader ? "header" : "payload");
}

Status Decoder::finish() {
  Status status = trailing_ ? Status{} : finish_frames();
  status = defer_trailing(std::move(status));
  if (!status.ok() || !trailing_) return status;
  frame_offset_ = trailing_->offset - kFooterSize;
  frames_ = trailing_->frame;
  return cut_in("header");
}

Status Decoder::finish_frames() {
  if (held_size_ < kFooterSize && state_ != State::kHeader) {  // its size was known and it is shorter
    Status status = commit_all();
    return status.ok() ? truncated() : status;
  }
  if (state_ == State::kHeader) {  // too short for header and footer; a wrong header is reported first
    std::array<std::uint8_t, kHeaderSize + kFooterSize> bytes;
    auto end = std::copy_n(gathered_.begin(), gathered_size_, bytes.begin());
    end = std::copy_n(held_.begin(), held_size_, end);
    auto size = static_cast<std::size_t>(end - bytes.begin());
    Status status = read_header(std::span<const std::uint8_t>(bytes).first(size), header_);
    return status.ok() ? truncated() : status;
  }
  Status status = commit_all();
  if (!status.ok()) return status;
  if (state_ == State::kFrameHeader && gathered_size_ != 0) {
    std::array<std::uint8_t, kFrameHeaderSize + kFooterSize> bytes;
    auto end = std::copy_n(gathered_.begin(), gathered_size_, bytes.begin());
    std::copy_n(held_.begin(), held_size_, end);
    return reads_like_footer(bytes, data_size_, frames_) ? trailing_data(frame_offset_, frames_)
                                                         : truncated();
  }
  if (state_ != State::kFrameHeader)
    return maybe_footer_ ? trailing_data(frame_offset_, frames_) : truncated();
  return check_footer();
}

Status Decoder::expected_footer(std::uint32_t frames_to_come, Footer& footer) {
  Status status = commit_all();
  if (!status.ok()) return status;
  footer.total_size = bytes_out_;
  footer.total_frames = static_cast<std::uint32_t>(frames_) + frames_to_come;
  footer.digest = digest_.so_far();
  return {};
}

Status Decoder::check_footer() {
  footer_ = read_footer(held_);
  if (digest_.finish() != footer_.digest) return wrong_digest(offset_ + 12, frames_);
  if (footer_.total_size != bytes_out_)
    return {PAXECT_ERROR_COUNTS, offset_, frames_,
            "footer says " + std::to_string(footer_.total_size) + " bytes of data where the frames hold " +
                std::to_string(bytes_out_)};
  if (footer_.total_frames != frames_)
    return {PAXECT_ERROR_COUNTS, offset_ + 8, frames_,
            "footer says " + std::to_string(footer_.total_frames) + " frames where there are " +
                std::to_string(frames_)};
  return callbacks_.report(bytes_in_, bytes_out_);
}

}  // namespace paxect::core

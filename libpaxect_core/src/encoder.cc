#include "encoder.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <string>

namespace paxect::core {
namespace {

// With frames below this size, a source is read into a buffer of this size instead of frame by frame.
constexpr std::size_t kReadSize = std::size_t{1} << 20;

// The slot that the owner fills while the others wait or are compressed.
constexpr std::size_t kAhead = 1;

}  // namespace

void Encoder::Worker::operator()(Job& job) noexcept {
  try {
    job.status = work(job);
  } catch (...) {
    job.status = caught();
  }
}

Status Encoder::Worker::work(Job& job) {
  Status status = compressor.compress(job.data, job.channel, job.level, job.output, job.output_size);
  if (!job.paranoid || !status.ok()) return status;
  if (!prover.has_value()) prover.emplace(job.allocator);
  return prover->prove({job.output.data(), job.output_size}, job.data);
}

void Encoder::abandon() noexcept {
  if (pipeline_ != nullptr) pipeline_->abandon();
}

void Encoder::clear() noexcept {
  abandon();
  header_ = {};
  footer_ = {};
  filled_ = 0;
  bytes_in_ = 0;
  bytes_out_ = 0;
  protection_size_ = 0;
  opened_ = false;
}

void Encoder::begin(const Parameters& parameters, const Callbacks& callbacks) {
  clear();
  parameters_ = parameters;
  callbacks_ = callbacks;
  header_ = parameters.header();
  unsigned threads = parameters.threads();
  Pipeline::fit(pipeline_, threads, slots_for(threads, kAhead), [this] { return Job(allocator_); });
  if (protects()) protector_.begin(parameters_.protect());
  digest_.reset();
}

std::uint64_t Encoder::memory(const Parameters& parameters, std::uint64_t input_size) {
  std::uint64_t frame = std::min<std::uint64_t>(parameters.header().frame_size, input_size);
  unsigned threads = parameters.threads();
  std::uint64_t per_slot = frame + kFrameHeaderSize + payload_bound(frame);
  std::uint64_t per_thread = compressor_memory(parameters.header().level, frame) +
                             (parameters.paranoid() ? frame + decompressor_memory() : 0);
  std::uint64_t protection =
      parameters.protect() == 0
          ? 0
          : Protector::memory(parameters.protect(), kFrameHeaderSize + payload_bound(frame));
  return slots_for(threads, kAhead) * per_slot + threads * per_thread + kReadSize + protection;
}

Status Encoder::check_frame_size(const Parameters& parameters, std::uint64_t input_size) {
  std::uint64_t frame = std::min<std::uint64_t>(parameters.header().frame_size, input_size);
  if (frame <= kDefaultMaxFrame) return {};
  return failure(PAXECT_ERROR_PARAMETER, "frame of more than " + std::to_string(kDefaultMaxFrame) +
                                             " bytes of data, which a decoder refuses by default: use a "
                                             "smaller frame size");
}

Status Encoder::emit(const void* data, std::size_t size) {
  bytes_out_ += size;
  return callbacks_.write(data, size);
}

Status Encoder::open() {
  if (opened_) return {};
  opened_ = true;
  std::array<std::uint8_t, kHeaderSize> bytes;
  write_header(header_, bytes);
  Status status = emit(bytes.data(), bytes.size());
  return status.ok() && protects() ? protector_.add_header(bytes) : status;
}

// With the extension frame before it, if the frame begins a window.
Status Encoder::emit_frame(std::span<const std::uint8_t> frame) {
  if (!protects()) return emit(frame.data(), frame.size());
  std::uint64_t written = 0;
  Status status = protector_.before_frame(frame, callbacks_, written);
  bytes_out_ += written;
  protection_size_ += written;
  if (status.ok()) status = emit(frame.data(), frame.size());
  return status.ok() ? protector_.add_frame(frame) : status;
}

// The last extension frames.
Status Encoder::emit_protection() {
  std::uint64_t frames = footer_.total_frames + protector_.frames();
  if (frames > std::numeric_limits<std::uint32_t>::max())
    return failure(PAXECT_ERROR_PARAMETER, "more than 4294967295 frames: use a larger frame size");
  footer_.total_frames = static_cast<std::uint32_t>(frames);
  std::uint64_t written = 0;
  Status status = protector_.finish(header_, footer_, callbacks_, written);
  bytes_out_ += written;
  protection_size_ += written;
  return status;
}

Status Encoder::commit(Pipeline::Wait wait, bool& committed) {
  Job* job = pipeline_->finished(wait);
  committed = job != nullptr;
  if (job == nullptr) return {};
  Status status = std::move(job->status);
  if (!status.ok()) {
    status.offset = job->number * header_.frame_size;
    status.frame = job->number;
  }
  if (status.ok()) status = emit_frame({job->output.data(), job->output_size});
  pipeline_->release();
  if (status.ok()) status = callbacks_.report(bytes_in_, bytes_out_);
  return status;
}

Status Encoder::current(Job*& job) {
  for (;;) {
    job = pipeline_->acquire();
    if (job != nullptr) return {};
    bool committed;
    Status status = commit(Pipeline::Wait::kYes, committed);
    if (!status.ok()) return status;
  }
}

Status Encoder::submit(std::span<const std::uint8_t> data) {
  if (footer_.total_frames == std::numeric_limits<std::uint32_t>::max())
    return failure(PAXECT_ERROR_PARAMETER, "more than 4294967295 frames: use a larger frame size");
  Status allowed = check_frame_size(parameters_, data.size());
  if (!allowed.ok()) return allowed;
  Job* job = pipeline_->acquire();
  job->data = data;
  job->channel = static_cast<std::uint16_t>(footer_.total_frames % header_.channels);
  job->level = header_.level;
  job->number = footer_.total_frames;
  job->paranoid = parameters_.paranoid();
  pipeline_->submit();
  filled_ = 0;
  footer_.total_frames += 1;
  footer_.total_size += data.size();
  digest_.update(data.data(), data.size());  // while a worker compresses the same bytes
  for (bool committed = true; committed;) {
    Status status = commit(Pipeline::Wait::kNo, committed);
    if (!status.ok()) return status;
  }
  return {};
}

// Whether the slot being filled is a whole frame, or already more than a frame may be, which submit refuses.
bool Encoder::is_full() const { return filled_ == header_.frame_size || filled_ > kDefaultMaxFrame; }

Status Encoder::make_room(Job& job) {
  auto most = static_cast<std::size_t>(std::min(header_.frame_size, kDefaultMaxFrame + 1));
  std::size_t wanted = grown_capacity(filled_ + 1, most);
  if (filled_ < job.input.capacity() || job.input.reserve(wanted, filled_)) return {};
  return failure(PAXECT_ERROR_MEMORY, "out of memory for a frame of " + std::to_string(header_.frame_size) +
                                          " bytes: use a smaller frame size");
}

Status Encoder::write(std::span<const std::uint8_t> data) {
  Status status = open();
  while (status.ok() && !data.empty()) {
    Job* job;
    status = current(job);
    if (status.ok()) status = make_room(*job);
    if (!status.ok()) break;
    std::size_t limit = std::min<std::size_t>(job->input.capacity(), header_.frame_size);
    std::size_t size = std::min(data.size(), limit - filled_);
    std::memcpy(job->input.data() + filled_, data.data(), size);
    data = data.subspan(size);
    filled_ += size;
    bytes_in_ += size;
    if (is_full()) status = submit({job->input.data(), filled_});
  }
  return status;
}

Status Encoder::write_borrowed(std::span<const std::uint8_t> data) {
  Status status = open();
  while (status.ok() && !data.empty()) {
    Job* job;
    status = current(job);
    if (!status.ok()) break;
    std::size_t size = std::min<std::size_t>(data.size(), header_.frame_size);
    bytes_in_ += size;
    status = submit(data.first(size));
    data = data.subspan(size);
  }
  return status;
}

Status Encoder::read_from(paxect_source source, void* opaque) {
  Status status = open();
  bool direct = header_.frame_size >= kReadSize;
  if (!direct && !reading_.reserve(kReadSize))
    return failure(PAXECT_ERROR_MEMORY, "out of memory for a read buffer");
  while (status.ok()) {
    std::uint8_t* place = reading_.data();
    std::size_t room = kReadSize;
    Job* job = nullptr;
    if (direct) {
      status = current(job);
      if (status.ok()) status = make_room(*job);
      if (!status.ok()) break;
      place = job->input.data() + filled_;
      room = std::min<std::size_t>(job->input.capacity(), header_.frame_size) - filled_;
    }
    std::size_t size = 0;
    if (source(opaque, place, room, &size) != 0 || size > room)
      return failure(PAXECT_ERROR_SOURCE, "the source callback failed");
    if (size == 0) break;
    if (!direct) {
      status = write({place, size});
      continue;
    }
    filled_ += size;
    bytes_in_ += size;
    if (is_full()) status = submit({job->input.data(), filled_});
  }
  return status;
}

Status Encoder::finish() {
  Status status = open();
  if (status.ok() && filled_ != 0) status = submit({pipeline_->acquire()->input.data(), filled_});
  for (bool committed = true; status.ok() && committed;) status = commit(Pipeline::Wait::kYes, committed);
  if (!status.ok()) return status;
  footer_.digest = digest_.finish();
  if (protects()) status = emit_protection();
  if (!status.ok()) return status;
  std::array<std::uint8_t, kFooterSize> bytes;
  write_footer(footer_, bytes);
  status = emit(bytes.data(), bytes.size());
  if (status.ok()) status = callbacks_.report(bytes_in_, bytes_out_);
  return status;
}

}  // namespace paxect::core

#include "reader/range_reader.h"

#include <algorithm>

#include "input_file.h"

namespace paxect::core {
void RangeReader::Worker::operator()(Job& job) noexcept {
  try {
    job.status = work(job);
  } catch (...) {
    job.status = caught();
  }
}

Status RangeReader::Worker::work(Job& job) {
  const FrameRecord& frame = job.frame;
  Status memory{PAXECT_ERROR_MEMORY, frame.offset, frame.number,
                "out of memory for a frame of " + std::to_string(frame.header.ulen) + " bytes"};
  if (!job.payload.reserve(frame.header.clen)) return memory;
  Status status = read_at(job.container->fd, frame.payload_offset(), job.payload.data(), frame.header.clen,
                          job.container->name);
  if (status.ok()) status = check_payload(frame.header, job.payload.data());
  if (status.ok() && !job.output.reserve(frame.header.ulen)) return memory;  // which the payload backs now
  if (status.ok()) status = decompressor.decompress(frame.header, job.payload.data(), job.output.data());
  bool payload = status.code == PAXECT_ERROR_PAYLOAD || status.code == PAXECT_ERROR_DECOMPRESS;
  status.offset = payload ? frame.payload_offset() : frame.offset;
  status.frame = frame.number;
  if (status.code >= PAXECT_ERROR_MAGIC && frame.maybe_footer)
    return trailing_data(frame.offset, frame.number);
  return status;
}

std::uint64_t RangeReader::memory(const Parameters& parameters, std::uint64_t frame_size) {
  std::uint64_t frame = std::min(frame_size, parameters.max_frame());
  unsigned threads = parameters.threads();
  return slots_for(threads) * (frame + payload_bound(frame)) + threads * decompressor_memory();
}

void RangeReader::prepare(const OpenContainer& container, const Parameters& parameters,
                          const Callbacks& callbacks, std::uint64_t offset, std::uint64_t length) {
  unsigned threads = parameters.threads();
  Pipeline::fit(pipeline_, threads, slots_for(threads), [this] { return Job(allocator_); });
  callbacks_ = callbacks;
  begin_ = offset;
  end_ = offset + length;
  bytes_out_ = 0;
  whole_ = offset == 0 && length == container.ends.footer.total_size;
  if (whole_) digest_.reset();
}

Status RangeReader::read(const OpenContainer& container, FrameWalker& walker, const Parameters& parameters,
                         const Callbacks& callbacks, std::uint64_t offset, std::uint64_t length) {
  prepare(container, parameters, callbacks, offset, length);
  AbandonAtEnd scope(*pipeline_);
  Status status = read_frames(container, walker, parameters.max_frame());
  return status.ok() ? check_complete(container) : status;
}

Status RangeReader::read_frames(const OpenContainer& container, FrameWalker& walker,
                                std::uint64_t max_frame) {
  for (bool more = begin_ < end_; more;) {
    FrameRecord frame;
    Status status = walker.next(frame, more);
    bool needed = status.ok() && more && !frame.extension() && frame.data_end() > begin_;
    if (needed) {
      status = check_frame_header(frame.header, container.ends.header, max_frame);
      status.offset = frame.offset;
      status.frame = frame.number;
    }
    if (!status.ok()) {  // what is wrong before this frame comes first
      Status earlier = commit_all();
      return earlier.ok() ? status : earlier;
    }
    if (!more) break;
    more = frame.data_end() < end_;
    if (needed) status = submit(container, frame);
    if (!status.ok()) return status;
  }
  return commit_all();
}

Status RangeReader::submit(const OpenContainer& container, const FrameRecord& frame) {
  Job* job;
  while ((job = pipeline_->acquire()) == nullptr) {
    bool committed;
    Status status = commit(Pipeline::Wait::kYes, committed);
    if (!status.ok()) return status;
  }
  job->container = &container;
  job->frame = frame;
  pipeline_->submit();
  Status status;
  for (bool committed = true; status.ok() && committed;) status = commit(Pipeline::Wait::kNo, committed);
  return status;
}

Status RangeReader::commit(Pipeline::Wait wait, bool& committed) {
  Job* job = pipeline_->finished(wait);
  committed = job != nullptr;
  if (job == nullptr) return {};
  if (!job->status.ok()) return std::move(job->status);
  const FrameRecord& frame = job->frame;
  std::uint64_t from = std::max(begin_, frame.data_offset);
  std::uint64_t to = std::min(end_, frame.data_end());
  const std::uint8_t* data = job->output.data() + (from - frame.data_offset);
  if (whole_) digest_.update(data, to - from);
  Status status = callbacks_.write(data, to - from);
  bytes_out_ += to - from;
  std::uint64_t bytes_in = frame.end();
  pipeline_->release();
  if (status.ok()) status = callbacks_.report(bytes_in, bytes_out_);
  return status;
}

Status RangeReader::commit_all() {
  Status status;
  for (bool committed = true; status.ok() && committed;) status = commit(Pipeline::Wait::kYes, committed);
  return status;
}

// That the file did not change since its frames were counted, and the SHA-256 where it can be known.
Status RangeReader::check_complete(const OpenContainer& container) {
  const ContainerEnds& ends = container.ends;
  Status status = check_size_unchanged(container.fd, ends, container.name);
  if (!status.ok()) return status;
  if (bytes_out_ != end_ - begin_)
    return failure(PAXECT_ERROR_READ, container.name + ": changed while it was read");
  if (!whole_ || digest_.finish() == ends.footer.digest) return {};
  return wrong_digest(ends.container_size - kDigestSize, ends.footer.total_frames);
}

}  // namespace paxect::core

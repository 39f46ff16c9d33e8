// A range of a container's data: the frames that hold it are read, decompressed and checked by several
// threads, and given to the sink in order. When the range is all of the data, its SHA-256 is compared with
// the footer's. Belongs to one thread at a time. Whatever the number of threads, the failure reported is the
// first in the container.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "callbacks.h"
#include "digest.h"
#include "frame_codec.h"
#include "memory.h"
#include "ordered_pipeline.h"
#include "parameters.h"
#include "reader/frame_walker.h"
#include "status.h"

namespace paxect::core {

// A container that is open.
struct OpenContainer {
  int fd = -1;
  std::string name;  // for messages
  ContainerEnds ends;
};

class RangeReader {
 public:
  explicit RangeReader(const Allocator& allocator) : allocator_(allocator) {}

  // Requires: an earlier walk confirmed the footer's totals, the range is inside the data, and `walker` is at
  // a frame that begins at or before it.
  Status read(const OpenContainer& container, FrameWalker& walker, const Parameters& parameters,
              const Callbacks& callbacks, std::uint64_t offset, std::uint64_t length);

  static std::uint64_t memory(const Parameters& parameters, std::uint64_t frame_size);

 private:
  struct Job {
    explicit Job(const Allocator& allocator) : payload(allocator), output(allocator) {}
    const OpenContainer* container = nullptr;
    FrameRecord frame;
    Buffer payload;
    Buffer output;
    Status status;
  };
  struct Worker {
    void operator()(Job& job) noexcept;
    Status work(Job& job);
    FrameDecompressor decompressor;
  };
  using Pipeline = OrderedPipeline<Job, Worker>;

  void prepare(const OpenContainer& container, const Parameters& parameters, const Callbacks& callbacks,
               std::uint64_t offset, std::uint64_t length);
  Status read_frames(const OpenContainer& container, FrameWalker& walker, std::uint64_t max_frame);
  Status submit(const OpenContainer& container, const FrameRecord& frame);
  Status commit(Pipeline::Wait wait, bool& committed);
  Status commit_all();
  Status check_complete(const OpenContainer& container);

  Allocator allocator_;
  std::unique_ptr<Pipeline> pipeline_;
  Callbacks callbacks_;
  std::uint64_t begin_ = 0;  // of the range, in the data
  std::uint64_t end_ = 0;
  std::uint64_t bytes_out_ = 0;
  bool whole_ = false;  // the range is all of the data
  Sha256 digest_;       // of what was given out, when whole_
};

}  // namespace paxect::core

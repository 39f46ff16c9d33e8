// The caller's callbacks, with their failures as Status. The owner's thread alone invokes them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "status.h"

namespace paxect::core {

struct Callbacks {
  paxect_sink sink = nullptr;
  void* sink_opaque = nullptr;
  paxect_progress progress = nullptr;
  void* progress_opaque = nullptr;

  Status write(const void* data, std::size_t size) const {
    if (size != 0 && sink(sink_opaque, data, size) != 0)
      return failure(PAXECT_ERROR_SINK, "the sink callback failed");
    return {};
  }
  Status report(std::uint64_t bytes_in, std::uint64_t bytes_out) const {
    if (progress != nullptr && progress(progress_opaque, bytes_in, bytes_out) != 0)
      return failure(PAXECT_ERROR_CANCELLED, "cancelled");
    return {};
  }
};

// The caller's progress function. Several parts of a job report to it, each with its own counters: a codec
// those of the frames it has finished, a file those of the bytes it has moved while it waits. The caller gets
// the maximum so far of each number, so that neither ever decreases during a job.
class MonotoneProgress {
 public:
  void set(paxect_progress progress, void* opaque) {
    progress_ = progress;
    opaque_ = opaque;
  }
  // A job begins.
  void restart() { bytes_in_ = bytes_out_ = 0; }
  // Has `callbacks` report here, or to nothing where the caller has no function.
  void attach_to(Callbacks& callbacks) {
    callbacks.progress = progress_ == nullptr ? nullptr : &MonotoneProgress::report;
    callbacks.progress_opaque = this;
  }

 private:
  static std::int32_t report(void* opaque, std::uint64_t bytes_in, std::uint64_t bytes_out) {
    auto& self = *static_cast<MonotoneProgress*>(opaque);
    self.bytes_in_ = std::max(self.bytes_in_, bytes_in);
    self.bytes_out_ = std::max(self.bytes_out_, bytes_out);
    return self.progress_(self.opaque_, self.bytes_in_, self.bytes_out_);
  }

  paxect_progress progress_ = nullptr;
  void* opaque_ = nullptr;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
};

}  // namespace paxect::core

// The caller's callbacks, with their failures as Status. The owner's thread alone invokes them.
#pragma once

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

}  // namespace paxect::core

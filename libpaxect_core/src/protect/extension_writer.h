// Writes the extension frames of protection from the codes of the windows. Knows where everything goes and
// nothing about where it comes from: the encoder and repair both use it. One thread at a time.
#pragma once

#include <cstdint>

#include "callbacks.h"
#include "protect/records.h"
#include "protect/window.h"
#include "protect/window_code.h"
#include "status.h"

namespace paxect::core {

// `own` and `earlier` as in lay_out; `trailer` is needed where the frame has trailers, with everything but
// its copy number and offset. `size` is that of the frame. Errors: those of the sink; PARAMETER when the
// frame is longer than a frame can be.
Status write_extension(const Callbacks& callbacks, const ProtectionTag& tag, std::uint64_t offset,
                       const WindowCode* own, const WindowCode* earlier, const Trailer* trailer,
                       std::uint64_t& size);

}  // namespace paxect::core

// Which container a copy is a copy of, decided before any frame is placed. A file holds one container, from
// its first byte to its last; whatever else is visible in a damaged one (containers that are its data, a
// second container behind it, remains of an older file) is set aside here and neither placed nor believed.
//
// The evidence, strongest first:
//  1. Frames from the beginning of the copy on, without a break, to a footer with exactly their counts.
//  2. The header at the beginning; without one, frames that begin where the first frame belongs.
//  3. The footer at the end of the copy; else one that directly follows a frame.
//  4. A header elsewhere, directly before frames, when there is nothing of the above that contradicts it.
// Frames behind any other header, and frames that lead to any other footer, are foreign.
//
// Whatever of this decides, the container is what was looked for only if nothing unexplained is before its
// first frame (`front`), and if its footer ends the copy or its header begins it (`ended`): else it may be
// data of a container that is gone. Another whole header outside of it is a claim of the same kind
// (`contested`).
//
// Functions of values; no thread rules.
#pragma once

#include "salvage/layout.h"
#include "salvage/sighting.h"
#include "salvage/work_meter.h"

namespace paxect::core {

// Marks what is foreign in the copy, sets its own header and footer, and returns its layout. `capacity` is
// the most data that all copies together can have held. Incomplete when `meter` stops.
Layout identify(CopyIndex& copy, std::uint64_t capacity, WorkMeter& meter);

}  // namespace paxect::core

// Which data frame is which: gives every sighting of a copy its number in the data (`slot`), and says whether
// that is certain (`placed`).
//
// Frames that follow each other without a break are a run. Before, between and after runs are gaps, in each
// of which an unknown number of frames was lost. What is known of these numbers: their sum, by the footer;
// their remainder by the number of channels, by the round of channels; at least one where there are bytes
// enough for a frame, and at most what the bytes can hold. A gap whose number follows from this is certain;
// the others share the rest by their size. Bytes that were inserted or removed break the assumptions about
// sizes; these are given up when the sum contradicts them.
//
// Functions of values; no thread rules.
#pragma once

#include "salvage/layout.h"
#include "salvage/sighting.h"

namespace paxect::core {

struct Placement {
  std::uint64_t frames = 0;   // data frames in all: the footer's number, or the best estimate
  bool frames_known = false;  // by the footer
  bool end_placed = false;    // the last frame that left a trace is certain to be where it is
  bool tail_lost = false;     // something stood behind the last frame, and no footer says how much
};

Placement place(const Layout& layout, CopyIndex& copy);

}  // namespace paxect::core

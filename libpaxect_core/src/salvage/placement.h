// Numbers the data frames: assigns every sighting of a copy its number in the data (`slot`) and whether that
// is certain (`placed`).
//
// Frames that follow each other without a break are a run. Before, between and after runs are gaps, in each
// of which an unknown number of frames was lost. The constraints on these numbers: the footer gives their
// sum; the round of channels gives their remainder modulo the number of channels; a gap with enough bytes for
// a frame lacks at least one, and at most as many as its bytes can hold. A gap whose number follows from this
// is certain; the others share the rest by their size. Inserted or removed bytes break the assumptions about
// sizes, which are dropped when the sum contradicts them.
//
// Functions of values; no thread rules.
#pragma once

#include "salvage/layout.h"
#include "salvage/sighting.h"

namespace paxect::core {

struct Placement {
  std::uint64_t frames = 0;   // total data frames: the footer's number, or an estimate
  bool frames_known = false;  // by the footer
  bool end_placed = false;    // the place of the last frame found is certain
  bool tail_lost = false;     // bytes follow the last frame, and no footer gives the number of frames
};

Placement place(const Layout& layout, CopyIndex& copy);

}  // namespace paxect::core

// Numbers the data frames: assigns every sighting of a copy its number in the data (`slot`) and whether that
// is certain (`placed`).
//
// Between runs of frames (runs.h) are gaps, in each of which an unknown number of frames was lost. What is
// known about these numbers: the footer gives their sum; the channels of a run give the remainder of the
// number of frames before it; a gap with enough bytes for a frame lacks at least one. From this follows, for
// every run, the least and the greatest number of frames that were lost before it. Where both are equal, the
// place of the run is certain. How many frames the bytes of a gap can hold limits nothing, since bytes may
// have been removed: it only guides the estimates for the other runs.
//
// Inserted bytes break the assumption that a gap lacks a frame. It is dropped when the sum contradicts it,
// and then the remainders, when these do too.
//
// Functions of values; no thread rules.
#pragma once

#include "salvage/layout.h"
#include "salvage/sighting.h"
#include "salvage/work_meter.h"

namespace paxect::core {

struct Placement {
  std::uint64_t frames = 0;   // total data frames: the footer's number, or an estimate
  bool frames_known = false;  // by the footer
  bool end_placed = false;    // the place of the last frame found is certain
  bool tail_lost = false;     // bytes follow the last frame, and no footer gives the number of frames
};

// Ends early when `meter` stops.
Placement place(const Layout& layout, CopyIndex& copy, WorkMeter& meter);

}  // namespace paxect::core

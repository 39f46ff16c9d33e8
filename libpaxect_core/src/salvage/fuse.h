// Copies that were damaged in place still have their frames at the same offsets. Merged into one index, they
// have fewer gaps than each alone, so more frames are certain. Functions of values, which end early when
// their meter stops; no thread rules.
#pragma once

#include <vector>

#include "salvage/sighting.h"
#include "salvage/work_meter.h"

namespace paxect::core {

// Groups of copies that can be fused: whole frames at the same offsets are equal, and none overlap.
std::vector<std::vector<CopyIndex*>> groups_to_fuse(const std::vector<CopyIndex*>& copies, WorkMeter& meter);

// One index of all sightings of a group; the best one where several copies have one.
CopyIndex fuse(const std::vector<CopyIndex*>& group, WorkMeter& meter);

// Copies the places in the fused index to the sightings of a copy.
void take_places(const CopyIndex& fused, CopyIndex& copy, WorkMeter& meter);

}  // namespace paxect::core

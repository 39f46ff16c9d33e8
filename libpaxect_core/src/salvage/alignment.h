// Frames whose place is certain in one copy determine the place of equal frames in another. Functions of
// values; no thread rules.
#pragma once

#include <vector>

#include "salvage/sighting.h"
#include "salvage/work_meter.h"

namespace paxect::core {

// Assigns sightings without a certain place the slot of equal frames in other copies, and marks them as
// placed.
void align_copies(const std::vector<CopyIndex*>& copies, WorkMeter& meter);

}  // namespace paxect::core

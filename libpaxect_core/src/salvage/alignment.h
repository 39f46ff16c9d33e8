// Frames whose place is certain in one copy tell where the same frames belong in another. Functions of
// values; no thread rules.
#pragma once

#include <vector>

#include "salvage/sighting.h"
#include "salvage/work_meter.h"

namespace paxect::core {

// Gives sightings that are not placed the slot of their likes in other copies, and marks them as placed.
void align_copies(const std::vector<CopyIndex*>& copies, WorkMeter& meter);

}  // namespace paxect::core

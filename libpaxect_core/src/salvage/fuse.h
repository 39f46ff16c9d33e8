// Copies that were damaged in place still have their frames at the same offsets. Seen as one, they have far
// fewer gaps than each by itself, so that more frames are certain. Functions of values; no thread rules.
#pragma once

#include <vector>

#include "salvage/sighting.h"

namespace paxect::core {

// Groups of copies, each of which can be fused: where two of them have whole frames at the same places, these
// are the same, and nowhere do they overlap.
std::vector<std::vector<CopyIndex*>> groups_to_fuse(const std::vector<CopyIndex*>& copies);

// One index of what any copy of a group has; the best sighting where several have one.
CopyIndex fuse(const std::vector<CopyIndex*>& group);

// Gives the sightings of a copy the places that they were given in the fused index.
void take_places(const CopyIndex& fused, CopyIndex& copy);

}  // namespace paxect::core

// Several damaged copies made into one plan: which copies belong together, which frame is which in each, and
// which copy every frame is best taken from. Functions of values; no thread rules.
#pragma once

#include <cstdint>
#include <vector>

#include "salvage/layout.h"
#include "salvage/placement.h"
#include "salvage/sighting.h"

namespace paxect::core {

// The copies that belong together: the largest group without contradictions. Two copies contradict each other
// when more of the frames that are certain in both differ than agree; when no frame can be compared, their
// footers decide, then their headers.
std::vector<bool> belonging(const std::vector<CopyIndex>& copies, const std::vector<Layout>& layouts);

// Where a frame's data is to be had.
struct Choice {
  std::uint64_t slot = 0;
  std::uint32_t copy = 0;
  std::uint32_t sighting = 0;
  bool confirmed = false;
  bool placed = false;
};

struct Plan {
  Layout layout;
  Placement placement;
  std::vector<Choice> choices;  // in the order of slots, one for each
};

// Places the copies by what they know together (setting slots) and chooses. Frames with the same contents in
// different places do not mislead: a frame is only taken as a landmark when its contents occur once, or stand
// at the same offset in another copy.
Plan make_plan(std::vector<CopyIndex>& copies, const std::vector<Layout>& layouts,
               const std::vector<bool>& belongs);

}  // namespace paxect::core

// Makes one plan from several damaged copies: which copies belong together, how their frames are numbered,
// and which copy each frame is taken from. Functions of values; no thread rules.
#pragma once

#include <cstdint>
#include <vector>

#include "salvage/layout.h"
#include "salvage/placement.h"
#include "salvage/sighting.h"
#include "salvage/work_meter.h"

namespace paxect::core {

struct Belonging {
  std::vector<bool> used;  // for each copy; the others are of another container
  bool contested = false;  // a group that was left out is as strong as the one used
};

// How two copies compare.
struct Likeness {
  std::uint64_t same = 0;       // frames that are certain in both, and equal
  std::uint64_t different = 0;  // and not equal
  bool apart = false;           // they contradict each other
  bool headers_only = false;    // by their headers alone
  bool by_records = false;      // by their records of protection
  bool same_footer = false;     // they have footers with the same size and digest
  // Both are complete, their frames are equal as far as the CRC-32 shows, and their footers have different
  // digests: one footer is damaged, or they are of different containers after all.
  bool disputed = false;

  // Frames or footers show it.
  bool agree() const { return !apart && (same != 0 || same_footer); }
  bool contradict() const { return apart && !headers_only; }
};

Likeness compare(const CopyIndex& a, const Layout& of_a, const CopyIndex& b, const Layout& of_b,
                 WorkMeter& meter);

// For each pair of copies.
using Likenesses = std::vector<std::vector<Likeness>>;
Likenesses compare_all(const std::vector<CopyIndex>& copies, const std::vector<Layout>& layouts,
                       WorkMeter& meter);

// The copies that belong together: a group in which none contradicts another. Of two groups, the one with
// more copies that speak for it is the stronger one, and of equal ones that with more whole containers among
// them. A copy speaks for its group when its frames or footer contradict the other group, or when they agree
// with those of its own group and not with the other. So a copy that can be of either container does not
// decide. Two copies contradict each other when both are complete and have different sizes, or when frames
// that are certain in both differ: one of them if their footers differ, else more than agree. When no frame
// can be compared, their footers decide, then their headers. Those whose records of protection are of
// different containers contradict each other in any case (`by_records`, which is the caller's).
Belonging find_belonging(const std::vector<CopyIndex>& copies, const Likenesses& likenesses,
                         WorkMeter& meter);

// A copy of a frame that has its data.
struct Choice {
  std::uint64_t slot = 0;
  std::uint64_t offset = 0;  // in the data
  std::uint32_t copy = 0;
  std::uint32_t sighting = 0;
  bool confirmed = false;
  bool placed = false;
};

struct Plan {
  Layout layout;
  Placement placement;
  std::uint64_t size = 0;       // of the data; without a footer, as far as frames were found
  std::vector<Choice> choices;  // by slot; for one slot the best first, then what can take its place
};

// Places the copies by what they know together (setting slots) and chooses. Frames with the same contents in
// different places do not mislead: a frame is only taken as a landmark when its contents occur once, or stand
// at the same offset in another copy that is in step around it. The frames of a complete copy are taken as
// they follow each other, whatever their lengths. Work is charged to `meter`, whose status ends it early.
Plan make_plan(std::vector<CopyIndex>& copies, const std::vector<Layout>& layouts,
               const std::vector<bool>& used, WorkMeter& meter);

}  // namespace paxect::core

// Which container a copy is of, by the records of protection in it. Two versions of a file can have all
// frames in common but the damaged ones; the tags and trailers of their records still differ. Values; no
// thread rules.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "format.h"
#include "protect/records.h"
#include "salvage/copy_reader.h"
#include "salvage/work_meter.h"

namespace paxect::core {

struct RecordClaim {
  // Of the container that encloses the others whose records are in the copy; none without records.
  std::optional<ProtectionTag> tag;
  std::vector<Footer> footers;      // in its trailers; each once
  std::vector<ProtectionTag> tags;  // of all records; sorted, each once
  // A record is as far from the beginning of the copy as from that of the container, or from the ends of
  // both, but for less than what a container around it has there. So the copy is that container.
  bool in_place = false;
  // The same, or a record is nearer to the beginning of the copy: that was lost, or the copy is a part of a
  // container around it.
  bool may_be_in_place = false;
};

// Reads the copy once. Incomplete when `meter` stops, and after a failure, which the reader has.
RecordClaim read_claim(CopyReader& copy, WorkMeter& meter);

enum class Place { kCertain, kPossible };

// Whether copies `a` and `b` are of different containers with different data: both are in place, and their
// trailers have the same tag and no footer in common, or their tags differ, and no copy has both, as those of
// a container with another one in its data do. The order of `a` and `b` does not matter.
bool contradict(std::span<const RecordClaim> claims, std::size_t a, std::size_t b, Place place,
                WorkMeter& meter);

}  // namespace paxect::core

// Ranges of entries as sets of numbers.
#pragma once

#include "records/entry_ranges.h"

namespace paxect::link {

// The numbers that are in both.
EntryRanges common_of(const EntryRanges& ranges, const EntryRanges& others);
// Those that are in the first ones alone.
EntryRanges without(const EntryRanges& ranges, const EntryRanges& others);

}  // namespace paxect::link

// Numbers of entries as ranges.
#pragma once

#include <cstdint>
#include <map>

namespace paxect::link {

// First and last number of each; none touches another.
using EntryRanges = std::map<std::uint64_t, std::uint64_t>;

void add_range(EntryRanges* ranges, std::uint64_t first, std::uint64_t last);
std::uint64_t size_of(const EntryRanges& ranges);
// How many numbers from `first` to `last` are in them.
std::uint64_t count_in(const EntryRanges& ranges, std::uint64_t first, std::uint64_t last);

}  // namespace paxect::link

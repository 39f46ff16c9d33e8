#include "records/range_sets.h"

#include <algorithm>

namespace paxect::link {

EntryRanges common_of(const EntryRanges& ranges, const EntryRanges& others) {
  EntryRanges common;
  auto one = ranges.begin();
  auto other = others.begin();
  while (one != ranges.end() && other != others.end()) {
    const std::uint64_t first = std::max(one->first, other->first);
    const std::uint64_t last = std::min(one->second, other->second);
    if (first <= last) add_range(&common, first, last);
    if (one->second < other->second)
      ++one;
    else
      ++other;
  }
  return common;
}

EntryRanges without(const EntryRanges& ranges, const EntryRanges& others) {
  EntryRanges left;
  auto other = others.begin();
  for (const auto& [begin, last] : ranges) {
    std::uint64_t first = begin;
    while (other != others.end() && other->second < first) ++other;
    for (; first <= last && other != others.end() && other->first <= last; ++other) {
      if (other->first > first) add_range(&left, first, other->first - 1);
      first = other->second + 1;
      // It may reach into the next range.
      if (other->second >= last) break;
    }
    if (first <= last) add_range(&left, first, last);
  }
  return left;
}

}  // namespace paxect::link

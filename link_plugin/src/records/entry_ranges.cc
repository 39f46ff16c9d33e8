#include "records/entry_ranges.h"

#include <algorithm>
#include <iterator>

namespace paxect::link {

void add_range(EntryRanges* ranges, std::uint64_t first, std::uint64_t last) {
  auto after = ranges->upper_bound(first);
  if (after != ranges->begin()) {
    const auto before = std::prev(after);
    if (before->second >= last) return;
    if (before->second + 1 >= first) {
      first = before->first;
      ranges->erase(before);
    }
  }
  while (after != ranges->end() && after->first <= last + 1) {
    last = std::max(last, after->second);
    after = ranges->erase(after);
  }
  (*ranges)[first] = last;
}

std::uint64_t size_of(const EntryRanges& ranges) {
  std::uint64_t size = 0;
  for (const auto& [first, last] : ranges) size += last - first + 1;
  return size;
}

std::uint64_t count_in(const EntryRanges& ranges, std::uint64_t first, std::uint64_t last) {
  std::uint64_t count = 0;
  auto range = ranges.upper_bound(first);
  if (range != ranges.begin()) --range;
  for (; range != ranges.end() && range->first <= last; ++range) {
    const std::uint64_t begin = std::max(first, range->first);
    const std::uint64_t end = std::min(last, range->second);
    if (begin <= end) count += end - begin + 1;
  }
  return count;
}

}  // namespace paxect::link

#include "records/range_sets.h"

#include "support/catch.h"

namespace paxect::link {

TEST_CASE("What is in both, and what is in one alone, is what each number says") {
  const auto ranges_of = [](unsigned bits) {
    EntryRanges ranges;
    for (unsigned i = 0; i < 8; ++i)
      if ((bits >> i & 1U) != 0) add_range(&ranges, i + 1, i + 1);
    return ranges;
  };
  for (unsigned one = 0; one < 256; ++one)
    for (unsigned other = 0; other < 256; ++other) {
      const bool agrees = common_of(ranges_of(one), ranges_of(other)) == ranges_of(one & other) &&
                          without(ranges_of(one), ranges_of(other)) == ranges_of(one & ~other);
      if (!agrees) FAIL(one << " and " << other);
    }
}

}  // namespace paxect::link

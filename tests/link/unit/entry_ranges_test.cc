#include "records/entry_ranges.h"

#include "support/catch.h"

namespace paxect::link {

TEST_CASE("Ranges that touch are one, whatever the order, and what is in them counts once") {
  EntryRanges ranges;
  add_range(&ranges, 5, 6);
  add_range(&ranges, 1, 2);
  add_range(&ranges, 9, 12);
  CHECK(ranges == EntryRanges{{1, 2}, {5, 6}, {9, 12}});
  CHECK(count_in(ranges, 1, 12) == 8);
  CHECK(count_in(ranges, 2, 5) == 2);
  CHECK(count_in(ranges, 3, 4) == 0);
  CHECK(count_in(ranges, 6, 100) == 5);
  add_range(&ranges, 3, 4);
  CHECK(ranges == EntryRanges{{1, 6}, {9, 12}});
  add_range(&ranges, 10, 11);
  add_range(&ranges, 4, 20);
  CHECK(ranges == EntryRanges{{1, 20}});
  CHECK(count_in(ranges, 7, 7) == 1);
  CHECK(count_in({}, 1, 7) == 0);
}

}  // namespace paxect::link

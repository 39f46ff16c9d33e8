#include "reader/frame_marks.h"

#include "support/catch.h"

namespace paxect::core {
namespace {

// Frame `number` of a container with frames of 10 bytes.
FrameRecord frame(std::uint64_t number) {
  FrameRecord record;
  record.header.ulen = 10;
  record.number = number;
  record.offset = 24 + number * 40;
  record.data_offset = number * 10;
  return record;
}

TEST_CASE("the mark at or before a byte is found, and none where nothing was noted") {
  FrameMarks marks;
  CHECK(marks.before(0) == nullptr);
  for (std::uint64_t number = 3; number < 10; ++number) marks.note(frame(number));
  CHECK(marks.before(29) == nullptr);
  REQUIRE(marks.before(30) != nullptr);
  CHECK(marks.before(30)->number == 3);
  CHECK(marks.before(49)->number == 4);
  CHECK(marks.before(1000)->number == 9);
  marks.note(frame(5));  // met again
  CHECK(marks.before(59)->number == 5);
  CHECK(marks.before(1000)->number == 9);
  marks.clear();
  CHECK(marks.before(1000) == nullptr);
}

TEST_CASE("of many frames few are kept, but never one far from any other") {
  FrameMarks marks;
  constexpr std::uint64_t kFrames = 100'000;
  for (std::uint64_t number = 0; number < kFrames; ++number) marks.note(frame(number));
  for (std::uint64_t number = 0; number < kFrames; number += 77) {
    const FrameRecord* mark = marks.before(number * 10 + 5);
    REQUIRE(mark != nullptr);
    REQUIRE(mark->number <= number);
    REQUIRE(number - mark->number < 2 * kFrames / FrameMarks::kMost + 1);
    REQUIRE(mark->offset == frame(mark->number).offset);
  }
}

}  // namespace
}  // namespace paxect::core

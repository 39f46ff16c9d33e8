#include "stages/retry.h"

#include "base/clock.h"
#include "support/catch.h"

namespace paxect::link {
namespace {

TEST_CASE("The delay doubles, keeps a random half, and ends at an hour") {
  CHECK(RetryTable::delay_ns(8, 1, 0) == 4);
  CHECK(RetryTable::delay_ns(8, 1, 3) == 7);
  CHECK(RetryTable::delay_ns(8, 3, 0) == 16);
  CHECK(RetryTable::delay_ns(5 * kSecond, 1000, 0) == 1800 * kSecond);
  CHECK(RetryTable::delay_ns(5 * kSecond, 1000, UINT64_MAX) < 3600 * kSecond);
  CHECK(RetryTable::delay_ns(0, 3, 9) == 0);
}

TEST_CASE("A failure is news once, and counts its attempts") {
  RetryTable table(8, [] { return std::uint64_t{0}; });
  FileIdentity identity{.size = 1};
  CHECK(table.note("f", identity, FileState::kPending, true, "decode_error", "bad", 100, 1));
  CHECK_FALSE(table.note("f", identity, FileState::kPending, true, "decode_error", "bad", 200, 2));
  CHECK(table.note("f", identity, FileState::kPending, false, "deferred", "no space", 300, 3));
  const FileRecord* record = table.find("f", identity);
  REQUIRE(record != nullptr);
  CHECK(record->attempts == 2);
  CHECK(record->first_utc_ns == 1);
  CHECK(record->last_utc_ns == 3);
  CHECK(table.next_try_ns(300) == 300 + 16);
  CHECK(table.next_try_ns(300 + 16) == UINT64_MAX);
}

TEST_CASE("A file that changed starts afresh") {
  RetryTable table(8, [] { return std::uint64_t{0}; });
  table.note("f", {.size = 1}, FileState::kPending, true, "e", "r", 0, 0);
  CHECK(table.find("f", {.size = 2}) == nullptr);
  CHECK(table.note("f", {.size = 2}, FileState::kPending, true, "e", "r", 0, 0));
  CHECK(table.find("f", {.size = 2})->attempts == 1);
}

TEST_CASE("A block waits for no time, and may pass under another policy") {
  RetryTable table(8, [] { return std::uint64_t{0}; });
  table.note("f", {.size = 1}, FileState::kBlocked, false, "policy_block", "r", 0, 0);
  CHECK(table.next_try_ns(0) == UINT64_MAX);
  table.forget_blocks();
  CHECK(table.records().empty());
}

}  // namespace
}  // namespace paxect::link

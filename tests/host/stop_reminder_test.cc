#include "stop_reminder.h"

#include <vector>

#include "support/catch.h"

using namespace paxect::host;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kStart = 1000 * kSecond;

}  // namespace

TEST_CASE("Nothing is due without a request to stop") {
  StopReminder reminder;
  CHECK_FALSE(reminder.is_due(false, kStart));
  CHECK_FALSE(reminder.is_due(false, kStart + 100 * kSecond));
  CHECK(reminder.timeout(kStart) == -1);
}

TEST_CASE("A report is due after three seconds and each time the stop has taken twice as long") {
  StopReminder reminder;
  CHECK_FALSE(reminder.is_due(true, kStart));
  CHECK(reminder.timeout(kStart) == 3001);
  std::vector<std::uint64_t> due;
  for (std::uint64_t second = 1; second <= 50; ++second)
    if (reminder.is_due(true, kStart + second * kSecond)) due.push_back(second);
  CHECK(due == std::vector<std::uint64_t>{3, 6, 12, 24, 48});
}

TEST_CASE("However long a stop takes, a report is due every hour") {
  StopReminder reminder;
  CHECK_FALSE(reminder.is_due(true, kStart));
  const std::uint64_t later = kStart + 1'000'000 * kSecond;
  CHECK(reminder.is_due(true, later));
  CHECK(reminder.timeout(later) == 3'600'001);
  CHECK(reminder.timeout(later + 4000 * kSecond) == 0);
}

#include "relay/latency_window.h"

#include "support/catch.h"

namespace paxect::test {
namespace {

using link::kMillisecond;
using link::kSecond;
using link::LatencySummary;
using link::LatencyWindow;

std::int64_t milliseconds(std::uint64_t count) { return static_cast<std::int64_t>(count * kMillisecond); }

bool is_near(double value, double expected) { return value > expected * 0.93 && value < expected * 1.07; }

TEST_CASE("Median and 95th percentile of the latencies are at most 7 % off, from microseconds to days") {
  for (const std::uint64_t unit : {1ULL, 1'000ULL, 1'000'000ULL, 1'000'000'000ULL}) {
    LatencyWindow window;
    for (std::uint64_t i = 1; i <= 100; ++i)
      window.add(static_cast<std::int64_t>(i * 1000 * unit), 100 * kSecond);
    const auto summary = window.summary(100 * kSecond);
    REQUIRE(summary);
    INFO(unit << " us: " << summary->median_s << " " << summary->p95_s);
    CHECK(summary->files == 100);
    CHECK(is_near(summary->median_s, 50e-6 * static_cast<double>(unit)));
    CHECK(is_near(summary->p95_s, 95e-6 * static_cast<double>(unit)));
  }
}

TEST_CASE("One slow file among few is the 95th percentile and not the median") {
  LatencyWindow window;
  for (int i = 0; i < 9; ++i) window.add(milliseconds(20), kSecond);
  window.add(milliseconds(4000), kSecond);
  const auto summary = window.summary(kSecond);
  REQUIRE(summary);
  CHECK(is_near(summary->median_s, 0.02));
  CHECK(is_near(summary->p95_s, 4));
}

TEST_CASE("A latency counts for a minute at least, and for 70 s at most") {
  for (const std::uint64_t second : {0U, 5U, 9U, 70U, 71U, 10'000U}) {
    INFO(second);
    LatencyWindow window;
    CHECK_FALSE(window.summary(second * kSecond));
    window.add(milliseconds(1), second * kSecond);
    CHECK(window.summary((second + 60) * kSecond));
    CHECK_FALSE(window.summary((second + 70) * kSecond));
    // What was counted a round earlier does not come back.
    window.add(milliseconds(1), (second + 70) * kSecond);
    CHECK(window.summary((second + 70) * kSecond)->files == 1);
  }
}

TEST_CASE("The shortest and the longest latency have a bucket") {
  LatencyWindow window;
  window.add(-milliseconds(5000), kSecond);
  CHECK(window.summary(kSecond)->median_s == 0);
  window.add(INT64_MAX, kSecond);
  CHECK(window.summary(kSecond)->files == 2);
  CHECK(window.summary(kSecond)->p95_s > 1e9);
}

}  // namespace
}  // namespace paxect::test

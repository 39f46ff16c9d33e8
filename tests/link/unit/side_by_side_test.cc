#include "base/side_by_side.h"

#include <array>
#include <stdexcept>
#include <thread>

#include "support/catch.h"

namespace paxect::link {
namespace {

TEST_CASE("Every piece is worked on once, by a worker below the limit") {
  std::array<std::atomic<int>, 100> times{};
  std::atomic<std::size_t> largest{0};
  side_by_side(times.size(), [&](std::size_t worker, std::size_t i) {
    ++times[i];
    for (std::size_t seen = largest; seen < worker && !largest.compare_exchange_weak(seen, worker);) {
    }
  });
  for (const auto& each : times) CHECK(each == 1);
  CHECK(largest < kWorkers);
}

TEST_CASE(
    "An exception in a piece reaches the caller after all threads have ended, and no piece begins then") {
  std::atomic<int> running{0};
  std::atomic<int> begun{0};
  auto piece = [&](std::size_t, std::size_t i) {
    ++running;
    ++begun;
    if (i == 3) {
      --running;
      throw std::runtime_error("of piece 3");
    }
    // On a loaded machine the thread of piece 3 may have no processor while the others run all pieces.
    std::this_thread::yield();
    --running;
  };
  CHECK_THROWS_WITH(side_by_side(1'000'000, piece), "of piece 3");
  CHECK(running == 0);
  CHECK(begun < 1'000'000);
}

}  // namespace
}  // namespace paxect::link

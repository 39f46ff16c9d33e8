#include "window.h"

#include "support/catch.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kChunk = 512 * 1024;

// A line of so many bytes a second on which the window is always used up. Returns how long the last chunk
// took.
std::uint64_t carry(Window* window, std::uint64_t bytes_a_second, int chunks) {
  std::uint64_t elapsed = 0;
  for (int i = 0; i < chunks; ++i) {
    const std::uint64_t in_flight = window->size() / kChunk * kChunk;
    elapsed = in_flight * 1000 / bytes_a_second * (kSecond / 1000);
    if (elapsed > window->patience_ns()) {
      window->on_silence(window->round());
    } else {
      window->on_reply(kChunk, elapsed, window->round());
    }
  }
  return elapsed;
}

TEST_CASE("A window grows to its end on a fast line") {
  Window window(5 * kSecond);
  carry(&window, 100'000'000, 40);
  CHECK(window.has_room(8 * 1024 * 1024 - kChunk, kChunk));
  CHECK_FALSE(window.has_room(8 * 1024 * 1024, kChunk));
  CHECK(window.patience_ns() == 5 * kSecond);
}

TEST_CASE("On a slow line a window shrinks until replies come in time") {
  const std::uint64_t speed = GENERATE(as<std::uint64_t>{}, 50'000, 125'000, 250'000);
  Window window(5 * kSecond);
  carry(&window, 100'000'000, 40);  // the line was fast before
  const std::uint64_t last = carry(&window, speed, 40);
  CHECK(last < window.patience_ns());
  CHECK(last <= std::max(4 * kSecond, kChunk * kSecond / speed));
}

TEST_CASE("One request is always allowed") {
  Window window(5 * kSecond);
  for (int i = 0; i < 40; ++i) window.on_silence(window.round());
  CHECK(window.has_room(0, 1024 * kChunk));
  CHECK(window.patience_ns() == 60 * kSecond);
}

TEST_CASE("Requests that stay without a reply together shrink a window once") {
  Window window(5 * kSecond);
  const std::uint64_t size = window.size();
  const std::uint64_t round = window.round();
  for (int i = 0; i < 4; ++i) window.on_silence(round);
  CHECK(window.size() == size / 2);
  CHECK(window.patience_ns() == 10 * kSecond);
}

}  // namespace
}  // namespace paxect::carrier

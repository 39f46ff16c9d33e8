#include "memory.h"

#include <cstring>

#include "support/catch.h"

namespace paxect::core {
namespace {

TEST_CASE("a growing buffer keeps the bytes that are requested") {
  Buffer buffer{Allocator{}};
  REQUIRE(buffer.reserve(4));
  std::memcpy(buffer.data(), "abcd", 4);
  REQUIRE(buffer.reserve(100'000, 4));
  CHECK(std::memcmp(buffer.data(), "abcd", 4) == 0);
  CHECK(buffer.capacity() == 100'000);
  REQUIRE(buffer.reserve(10));
  CHECK(buffer.capacity() == 100'000);
}

TEST_CASE("a declared length is not allocated before about half of it has arrived") {
  constexpr std::size_t kHuge = std::size_t{1} << 30;
  CHECK(grown_capacity(1, 1 << 20) == 1 << 20);
  CHECK(grown_capacity(1, kHuge) < 2 << 20);
  std::size_t needed = 5 << 20;
  CHECK(grown_capacity(needed, kHuge) == 2 * needed);
  CHECK(grown_capacity(kHuge / 2 + 1, kHuge) == kHuge);
}

}  // namespace
}  // namespace paxect::core

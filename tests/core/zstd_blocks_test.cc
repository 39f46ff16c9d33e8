#include "zstd_blocks.h"

#include <zstd.h>

#include "support/catch.h"
#include "support/files.h"

namespace paxect::core {
namespace {

std::span<const std::uint8_t> view(const std::string& data) {
  return {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()};
}

std::string compress(const std::string& data, int level) {
  std::string out(ZSTD_compressBound(data.size()), '\0');
  std::size_t size = ZSTD_compress(out.data(), out.size(), data.data(), data.size(), level);
  REQUIRE_FALSE(ZSTD_isError(size));
  out.resize(size);
  return out;
}

TEST_CASE("a real frame's blocks can hold its content, and at most a block more") {
  for (int level : {-7, 1, 5, 22}) {
    for (std::size_t size : {0u, 1u, 255u, 256u, 1000u, 70'000u, 131'072u, 131'073u, 1u << 20}) {
      for (const std::string& data : {test::text(size), test::noise(size), std::string(size, '\0')}) {
        INFO("level " << level << ", " << size << " bytes");
        std::string frame = compress(data, level);
        std::uint64_t most = most_content(view(frame));
        CHECK(most >= size);
        std::uint64_t blocks = 1 + frame.size() / 4;
        CHECK(most <= blocks * (128u << 10));
      }
    }
  }
}

TEST_CASE("a block counts for no more than a window") {
  // Window of 1 KiB, content size 4096 in two bytes; one RLE block that says 4096, which no decoder takes.
  std::string frame("\x28\xb5\x2f\xfd\x40\x00\x00\x0f\x03\x80\x00x", 12);
  CHECK(most_content(view(frame)) == 1024);
}

TEST_CASE("bytes that are not a complete frame hold no data") {
  std::string frame = compress(test::text(1000), 5);
  for (std::size_t size = 0; size < frame.size(); ++size) {
    INFO("cut to " << size);
    CHECK(most_content(view(frame.substr(0, size))) == 0);
  }
  CHECK(most_content(view(std::string("\x50\x2a\x4d\x18\x04\x00\x00\x00skip", 12))) == 0);
}

}  // namespace
}  // namespace paxect::core

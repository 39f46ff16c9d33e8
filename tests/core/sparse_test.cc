// Holes for runs of zeros in decoded files, through the C ABI.
#include <sys/stat.h>

#include <random>

#include "codec.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

std::int64_t allocated(const std::string& path) {
  struct stat file {};
  REQUIRE(stat(path.c_str(), &file) == 0);
  return std::int64_t{file.st_blocks} * 512;
}

// Decodes `container` to a file, and gives that file's contents.
std::string decode_to(const std::string& path, const std::string& container, std::int64_t sparse) {
  write_file(path + ".freq", container);
  Decoder decoder = make_decoder({{PAXECT_PARAM_SPARSE, sparse}});
  REQUIRE(paxect_decoder_decode_path(decoder.get(), (path + ".freq").c_str(), path.c_str()) == PAXECT_OK);
  return read_file(path);
}

// Runs of zeros and of other bytes, short and long, aligned and not.
std::string patchwork(std::uint32_t seed) {
  std::mt19937 random(seed);
  std::string data;
  while (data.size() < 3'000'000) {
    std::size_t size = random() % 3 == 0 ? 4096 * (random() % 60) : random() % 200'000;
    data += random() % 2 == 0 ? std::string(size, '\0') : noise(size, seed);
  }
  return data;
}

TEST_CASE("a file with holes reads the same as one without") {
  TempDir dir;
  for (std::uint32_t seed = 1; seed <= 8; ++seed) {
    std::string data = patchwork(seed);
    for (std::int64_t frame_size : {1000, 4096, 50'000, 1 << 20}) {
      INFO("seed " << seed << ", frames of " << frame_size);
      std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, frame_size}, {PAXECT_PARAM_LEVEL, 1}});
      CHECK(decode_to(dir / "out", container, 1) == data);
    }
  }
}

TEST_CASE("runs of zeros take no space, unless holes are turned off") {
  TempDir dir;
  std::string middle(std::size_t{4} << 20, '\0');
  for (const std::string& data :
       {noise(10'000) + middle + noise(10'000), middle + "x", "x" + middle, middle}) {
    for (std::int64_t frame_size : {4096, 1 << 20}) {  // a hole may be longer than a frame
      std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, frame_size}});
      CHECK(decode_to(dir / "sparse", container, 1) == data);
      CHECK(allocated(dir / "sparse") < 200'000);
      CHECK(decode_to(dir / "full", container, 0) == data);
      CHECK(allocated(dir / "full") >= std::int64_t{4} << 20);
    }
  }
}

TEST_CASE("a run of zeros that two frames share is a hole, short as its parts may be") {
  TempDir dir;
  constexpr std::size_t kPart = 40 * 1024;
  constexpr std::size_t kFrame = std::size_t{1} << 20;
  std::string data = noise(kFrame - kPart) + std::string(2 * kPart, '\0') + noise(kFrame - kPart);
  CHECK(decode_to(dir / "out", encode(data), 1) == data);
  CHECK(allocated(dir / "out") <= static_cast<std::int64_t>(data.size() - 2 * kPart));
}

TEST_CASE("a range read to a file has holes too") {
  TempDir dir;
  std::string data = "x" + std::string(std::size_t{4} << 20, '\0');
  write_file(dir / "a.freq", encode(data));
  Reader reader = make_reader();
  REQUIRE(paxect_reader_open_path(reader.get(), (dir / "a.freq").c_str()) == PAXECT_OK);
  REQUIRE(paxect_reader_read_path(reader.get(), 1, UINT64_MAX, (dir / "out").c_str()) == PAXECT_OK);
  CHECK(read_file(dir / "out") == data.substr(1));
  CHECK(allocated(dir / "out") < 200'000);
}

}  // namespace
}  // namespace paxect::test

// The comparison of a container with its original through the C API.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "codec.h"
#include "reading.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"
#include "vectors.h"

namespace paxect::test {
namespace {

TEST_CASE("an original is the same, or every frame that differs is named") {
  TempDir dir;
  std::string data = text(10'500);
  write_file(dir / "a.freq", encode(data, {{PAXECT_PARAM_FRAME_SIZE, 1000}}));
  Reader reader = open_reader(dir / "a.freq");
  CHECK(compare(dir, reader.get(), data).status == PAXECT_OK);

  std::string changed = data;
  changed[3999] ^= 1;
  changed[10'400] ^= 1;
  Compared result = compare(dir, reader.get(), changed);
  CHECK(result.status == PAXECT_ERROR_DIFFERENT);
  CHECK(paxect_status_exit_code(result.status) == 2);
  CHECK(result.message == "2 of 11 frames differ from the original");
  CHECK(paxect_reader_error_offset(reader.get()) == 3000);
  CHECK(paxect_reader_error_frame(reader.get()) == 3);
  REQUIRE(result.differences.size() == 2);
  CHECK(result.differences[0].kind == PAXECT_DIFFERENCE_DATA);
  CHECK(result.differences[0].frame == 3);
  CHECK(result.differences[0].offset == 3000);
  CHECK(result.differences[0].length == 1000);
  CHECK(result.differences[1].frame == 10);
  CHECK(result.differences[1].offset == 10'000);
  CHECK(result.differences[1].length == 500);
}

TEST_CASE("an original that is shorter or longer is reported as such, not as different data") {
  TempDir dir;
  std::string data = text(10'000);
  write_file(dir / "a.freq", encode(data, {{PAXECT_PARAM_FRAME_SIZE, 1000}}));
  Reader reader = open_reader(dir / "a.freq");

  Compared shorter = compare(dir, reader.get(), data.substr(0, 4400));
  CHECK(shorter.status == PAXECT_ERROR_DIFFERENT);
  CHECK(shorter.message == "1 of 10 frames differ from the original, which lacks 5600 bytes");
  REQUIRE(shorter.differences.size() == 2);
  CHECK(shorter.differences[0].kind == PAXECT_DIFFERENCE_DATA);
  CHECK(shorter.differences[0].frame == 4);
  CHECK(shorter.differences[1].kind == PAXECT_DIFFERENCE_MISSING);
  CHECK(shorter.differences[1].frame == 4);
  CHECK(shorter.differences[1].offset == 4400);
  CHECK(shorter.differences[1].length == 5600);

  Compared at_border = compare(dir, reader.get(), data.substr(0, 4000));
  REQUIRE(at_border.differences.size() == 1);
  CHECK(at_border.differences[0].kind == PAXECT_DIFFERENCE_MISSING);
  CHECK(at_border.differences[0].frame == 4);
  CHECK(at_border.differences[0].offset == 4000);

  Compared longer = compare(dir, reader.get(), data + "xyz");
  CHECK(longer.status == PAXECT_ERROR_DIFFERENT);
  REQUIRE(longer.differences.size() == 1);
  CHECK(longer.differences[0].kind == PAXECT_DIFFERENCE_EXTRA);
  CHECK(longer.differences[0].frame == 10);
  CHECK(longer.differences[0].offset == 10'000);
  CHECK(longer.differences[0].length == 3);

  CHECK(compare(dir, reader.get(), "").differences.size() == 1);
}

TEST_CASE("the original of an empty container is an empty file") {
  TempDir dir;
  write_file(dir / "a.freq", encode(""));
  Reader reader = open_reader(dir / "a.freq");
  CHECK(compare(dir, reader.get(), "").status == PAXECT_OK);
  CHECK(compare(dir, reader.get(), "x").status == PAXECT_ERROR_DIFFERENT);
  CHECK(read(reader.get(), 0, UINT64_MAX).empty());
}

TEST_CASE("frames larger than what is read at once are compared in parts") {
  TempDir dir;
  std::string data = text(3'500'000);
  write_file(dir / "a.freq", encode(data, {{PAXECT_PARAM_FRAME_SIZE, 3'000'000}}));
  Reader reader = open_reader(dir / "a.freq");
  CHECK(compare(dir, reader.get(), data).status == PAXECT_OK);
  data[2'999'999] ^= 1;
  Compared result = compare(dir, reader.get(), data);
  REQUIRE(result.differences.size() == 1);
  CHECK(result.differences[0].frame == 0);
}

TEST_CASE("the SHA-256 finds a difference that no CRC-32 finds") {
  TempDir dir;
  std::string container = encode("0123456789");
  container.back() ^= 1;
  write_file(dir / "a.freq", container);
  Compared result = compare(dir, open_reader(dir / "a.freq").get(), "0123456789");
  CHECK(result.status == PAXECT_ERROR_DIGEST);
  CHECK(result.differences.empty());
}

TEST_CASE("a footer with wrong totals fails a list of frames and a comparison") {
  TempDir dir;
  for (std::size_t at : {std::size_t{44}, std::size_t{36}}) {  // bytes of data, frames
    std::string container = encode(text(5000), {{PAXECT_PARAM_FRAME_SIZE, 1000}});
    container[container.size() - at] ^= 1;
    write_file(dir / "a.freq", container);
    Reader reader = open_reader(dir / "a.freq");
    std::vector<paxect_frame_info> frames;
    CHECK(walk(reader.get(), frames) == PAXECT_ERROR_COUNTS);
    CHECK(frames.size() == 5);
    CHECK(paxect_reader_error_offset(reader.get()) == container.size() - at);
    CHECK(compare(dir, reader.get(), text(5000)).status == PAXECT_ERROR_COUNTS);
  }
}

TEST_CASE("a damaged CRC-32 field is reported as the container's fault when the original has the SHA-256") {
  TempDir dir;
  std::string data = text(5000);
  std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, 1000}});
  container[24 + 10] ^= 1;
  write_file(dir / "a.freq", container);
  Reader reader = open_reader(dir / "a.freq");
  Compared same = compare(dir, reader.get(), data);
  CHECK(same.status == PAXECT_ERROR_CRC);
  CHECK(paxect_reader_error_offset(reader.get()) == 24);
  data.back() ^= 1;
  CHECK(compare(dir, reader.get(), data).status == PAXECT_ERROR_DIFFERENT);
}

}  // namespace
}  // namespace paxect::test

// Ranges of the data through the C API.
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

TEST_CASE("every range of every good vector is that part of its data, for any number of threads") {
  for (const Vector& vector : load_vectors()) {
    if (vector.exit != 0) continue;
    INFO(vector.name);
    for (int threads : {1, 3}) {
      Reader reader =
          open_reader(PAXECT_TEST_VECTORS "/" + vector.name + ".freq", {{PAXECT_PARAM_THREADS, threads}});
      std::uint64_t size = vector.data.size();
      CHECK(read(reader.get(), 0, UINT64_MAX) == vector.data);
      std::uint64_t step = size / 7 + 1;
      for (std::uint64_t from = 0; from <= size; from += step)
        for (std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1}, step, size - from})
          if (length <= size - from)
            CHECK(read(reader.get(), from, length) == vector.data.substr(from, length));
    }
  }
}

TEST_CASE("ranges are right in any order, also with more frames than the reader keeps marks of") {
  TempDir dir;
  std::string data = text(60'000);
  write_file(dir / "a.freq", encode(data, {{PAXECT_PARAM_FRAME_SIZE, 10}, {PAXECT_PARAM_LEVEL, 1}}));
  Reader reader = open_reader(dir / "a.freq", {{PAXECT_PARAM_THREADS, 1}});
  CHECK(read(reader.get(), 59'000, 1000) == data.substr(59'000));
  for (std::uint64_t at = 58'995; at > 4000; at -= 3989)
    CHECK(read(reader.get(), at, 25) == data.substr(at, 25));
  for (std::uint64_t at = 1; at < 59'000; at += 3989)
    CHECK(read(reader.get(), at, 25) == data.substr(at, 25));
  write_file(dir / "b.freq", encode("another one"));
  REQUIRE(paxect_reader_open_path(reader.get(), (dir / "b.freq").c_str()) == PAXECT_OK);
  CHECK(read(reader.get(), 8, 3) == "one");
}

TEST_CASE("a range beyond the data is refused, and the reader stays usable") {
  TempDir dir;
  write_file(dir / "a.freq", encode("0123456789", {{PAXECT_PARAM_FRAME_SIZE, 4}}));
  Reader reader = open_reader(dir / "a.freq");
  std::string data;
  CHECK(paxect_reader_read(reader.get(), 11, 0, append, &data) == PAXECT_ERROR_PARAMETER);
  CHECK(paxect_reader_read(reader.get(), 5, 6, append, &data) == PAXECT_ERROR_PARAMETER);
  CHECK(paxect_reader_read(reader.get(), 5, UINT64_MAX - 3, append, &data) == PAXECT_ERROR_PARAMETER);
  CHECK(paxect_reader_error_message(reader.get()) ==
        (dir / "a.freq") + ": the range does not lie in the 10 bytes of data");
  CHECK(data.empty());
  CHECK(read(reader.get(), 10, 0).empty());
  CHECK(read(reader.get(), 3, 6) == "345678");
  CHECK(paxect_reader_error_message(reader.get()) == std::string());
}

TEST_CASE("a range verifies the frames that it needs and no others") {
  TempDir dir;
  std::string data = text(10'000);
  std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, 1000}});
  write_file(dir / "a.freq", container);
  std::vector<paxect_frame_info> frames;
  REQUIRE(walk(open_reader(dir / "a.freq").get(), frames) == PAXECT_OK);
  container[frames[4].offset + 14 + frames[4].clen - 1] ^= 0x55;
  write_file(dir / "a.freq", container);
  for (int threads : {1, 2, 5}) {
    Reader reader = open_reader(dir / "a.freq", {{PAXECT_PARAM_THREADS, threads}});
    CHECK(read(reader.get(), 0, 4000) == data.substr(0, 4000));
    std::string before;
    paxect_status status = paxect_reader_read(reader.get(), 500, 9000, append, &before);
    CHECK(paxect_status_exit_code(status) == 4);
    CHECK(before == data.substr(500, 3500));
    CHECK(paxect_reader_error_frame(reader.get()) == 4);
    CHECK(paxect_reader_error_offset(reader.get()) >= frames[4].offset);
    CHECK(paxect_reader_error_offset(reader.get()) <= frames[4].offset + 14);
    CHECK(read(reader.get(), 5000, 5000) == data.substr(5000));
  }
}

TEST_CASE("a frame above the limit is refused only by a range that needs its data") {
  TempDir dir;
  write_file(dir / "a.freq", encode(text(5000), {{PAXECT_PARAM_FRAME_SIZE, 4000}}));
  Reader reader = open_reader(dir / "a.freq", {{PAXECT_PARAM_MAX_FRAME, 3000}});
  std::string data;
  CHECK(paxect_reader_read(reader.get(), 0, 1, append, &data) == PAXECT_ERROR_LIMIT);
  CHECK(paxect_reader_error_offset(reader.get()) == 24);
  CHECK(read(reader.get(), 4000, 1000) == text(5000).substr(4000));
}

TEST_CASE("a range goes to a file complete or not at all") {
  TempDir dir;
  std::string data = text(10'000);
  std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, 1000}});
  write_file(dir / "a.freq", container);
  Reader reader = open_reader(dir / "a.freq");
  REQUIRE(paxect_reader_read_path(reader.get(), 1500, 2000, (dir / "out").c_str()) == PAXECT_OK);
  CHECK(read_file(dir / "out") == data.substr(1500, 2000));
  CHECK(paxect_reader_read_path(reader.get(), 0, 1, (dir / "a.freq").c_str()) == PAXECT_ERROR_SAME_FILE);
  CHECK(paxect_reader_read_path(reader.get(), 0, 10'000, "/dev/full") == PAXECT_ERROR_WRITE);
  container[container.size() - 50] ^= 0x55;  // in the last payload
  write_file(dir / "a.freq", container);
  CHECK(paxect_reader_read_path(reader.get(), 0, UINT64_MAX, (dir / "out").c_str()) != PAXECT_OK);
  CHECK(read_file(dir / "out") == data.substr(1500, 2000));
  CHECK(list(dir.path()) == std::vector<std::string>{"a.freq", "out"});
}

TEST_CASE("a length that is wrong in a frame that a range does not need is an error, not a shift") {
  TempDir dir;
  std::string container = encode(text(10'000), {{PAXECT_PARAM_FRAME_SIZE, 1000}});
  container[24 + 6] ^= 8;  // ulen of frame 0: 992
  write_file(dir / "a.freq", container);
  Reader reader = open_reader(dir / "a.freq");
  std::string out;
  CHECK(paxect_reader_read(reader.get(), 5000, 10, append, &out) == PAXECT_ERROR_PAYLOAD);
  CHECK(out.empty());
  CHECK(paxect_reader_error_message(reader.get()) ==
        std::string("payload holds 1000 bytes where the frame header says 992"));
  CHECK(paxect_reader_error_offset(reader.get()) == 24 + 14);
  CHECK(paxect_reader_error_frame(reader.get()) == 0);
}

TEST_CASE("a footer that claims less or more data than there is, is an error for every range and for info") {
  TempDir dir;
  for (int bit : {1, 4}) {  // 5000 is 0x1388: 5004, 4984 bytes
    std::string container = encode(text(5000), {{PAXECT_PARAM_FRAME_SIZE, 1000}});
    container[container.size() - 44] ^= static_cast<char>(bit << 2);
    write_file(dir / "a.freq", container);
    Reader reader = open_reader(dir / "a.freq");
    std::string out;
    CHECK(paxect_reader_read(reader.get(), 0, UINT64_MAX, append, &out) == PAXECT_ERROR_COUNTS);
    CHECK(paxect_reader_read(reader.get(), 10, 20, append, &out) == PAXECT_ERROR_COUNTS);
    CHECK(out.empty());
    paxect_container_info info{};
    info.struct_size = sizeof info;
    CHECK(paxect_reader_info(reader.get(), &info) == PAXECT_ERROR_COUNTS);
    CHECK(info.total_size != 0);  // the claim
    CHECK(info.frame_size == 1000);
  }
}

TEST_CASE("a frame that is missing from a container does not shift a range") {
  TempDir dir;
  std::string container = encode(text(5000), {{PAXECT_PARAM_FRAME_SIZE, 1000}});
  write_file(dir / "a.freq", container);
  std::vector<paxect_frame_info> frames;
  REQUIRE(walk(open_reader(dir / "a.freq").get(), frames) == PAXECT_OK);
  container.erase(frames[1].offset, frames[2].offset - frames[1].offset);
  write_file(dir / "a.freq", container);
  std::string out;
  CHECK(paxect_reader_read(open_reader(dir / "a.freq").get(), 3000, 10, append, &out) == PAXECT_ERROR_COUNTS);
}

TEST_CASE("the SHA-256 is compared when a range is all of the data") {
  TempDir dir;
  std::string data = text(5000);
  std::string container = encode(data, {{PAXECT_PARAM_FRAME_SIZE, 1000}});
  container.back() ^= 1;
  write_file(dir / "a.freq", container);
  for (int threads : {1, 3}) {
    Reader reader = open_reader(dir / "a.freq", {{PAXECT_PARAM_THREADS, threads}});
    std::string out;
    CHECK(paxect_reader_read(reader.get(), 0, UINT64_MAX, append, &out) == PAXECT_ERROR_DIGEST);
    CHECK(paxect_reader_error_offset(reader.get()) == container.size() - 32);
    CHECK(paxect_reader_read(reader.get(), 0, 5000, append, &out) == PAXECT_ERROR_DIGEST);
    CHECK(paxect_reader_read_path(reader.get(), 0, UINT64_MAX, (dir / "out").c_str()) == PAXECT_ERROR_DIGEST);
    CHECK(read(reader.get(), 1, 4999) == data.substr(1));
  }
  write_file(dir / "empty.freq", [] {
    std::string empty = encode("");
    empty.back() ^= 1;
    return empty;
  }());
  std::string out;
  CHECK(paxect_reader_read(open_reader(dir / "empty.freq").get(), 0, 0, append, &out) == PAXECT_ERROR_DIGEST);
  CHECK(list(dir.path()) == std::vector<std::string>{"a.freq", "empty.freq"});
}

TEST_CASE("a container that shrinks while a range is read is an error") {
  TempDir dir;
  write_file(dir / "a.freq", encode(noise(100'000), {{PAXECT_PARAM_FRAME_SIZE, 1000}}));
  std::string path = dir / "a.freq";
  auto shrink = [](void* name, const void*, std::size_t) {
    return truncate(static_cast<std::string*>(name)->c_str(), 50'000) == 0 ? 0 : 1;
  };
  for (int threads : {1, 3}) {
    write_file(path, encode(noise(100'000), {{PAXECT_PARAM_FRAME_SIZE, 1000}}));
    Reader reader = open_reader(path, {{PAXECT_PARAM_THREADS, threads}});
    CHECK(paxect_reader_read(reader.get(), 0, UINT64_MAX, shrink, &path) != PAXECT_OK);
  }
}

}  // namespace
}  // namespace paxect::test

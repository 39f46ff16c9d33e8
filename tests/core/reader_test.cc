// Readers through the C ABI: frames by hopping, ranges, comparison with an original.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "codec.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"
#include "vectors.h"

namespace paxect::test {
namespace {

Reader open_reader(const std::string& path, const Parameters& parameters = {}) {
  Reader reader = make_reader(parameters);
  INFO(path);
  REQUIRE(paxect_reader_open_path(reader.get(), path.c_str()) == PAXECT_OK);
  return reader;
}

std::int32_t keep_frame(void* list, const paxect_frame_info* frame) {
  static_cast<std::vector<paxect_frame_info>*>(list)->push_back(*frame);
  return 0;
}

paxect_status walk(paxect_reader* reader, std::vector<paxect_frame_info>& frames) {
  frames.clear();
  return paxect_reader_frames(reader, keep_frame, &frames);
}

std::int32_t keep_difference(void* list, const paxect_difference* difference) {
  static_cast<std::vector<paxect_difference>*>(list)->push_back(*difference);
  return 0;
}

struct Compared {
  paxect_status status;
  std::vector<paxect_difference> differences;
  std::string message;
};
Compared compare(const TempDir& dir, paxect_reader* reader, const std::string& original) {
  write_file(dir / "original", original);
  Compared result{};
  result.status =
      paxect_reader_compare_path(reader, (dir / "original").c_str(), keep_difference, &result.differences);
  result.message = paxect_reader_error_message(reader);
  return result;
}

std::string read(paxect_reader* reader, std::uint64_t offset, std::uint64_t length) {
  std::string data;
  REQUIRE(paxect_reader_read(reader, offset, length, append, &data) == PAXECT_OK);
  return data;
}

TEST_CASE("walking finds every frame where it stands, small ones and large ones") {
  TempDir dir;
  std::string data = text(300'000);
  for (std::int64_t frame_size : {1, 100, 5000, 70'000, 1 << 20}) {
    std::size_t size = frame_size == 1 ? 3000 : data.size();
    std::string container =
        encode(data.substr(0, size), {{PAXECT_PARAM_FRAME_SIZE, frame_size}, {PAXECT_PARAM_CHANNELS, 3}});
    write_file(dir / "a.freq", container);
    Reader reader = open_reader(dir / "a.freq");
    std::vector<paxect_frame_info> frames;
    REQUIRE(walk(reader.get(), frames) == PAXECT_OK);
    std::uint64_t offset = 24;
    std::uint64_t data_offset = 0;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const paxect_frame_info& frame = frames[i];
      REQUIRE(frame.number == i);
      REQUIRE(frame.offset == offset);
      REQUIRE(frame.data_offset == data_offset);
      REQUIRE(frame.channel == i % 3);
      REQUIRE(frame.extension == 0);
      REQUIRE(container.substr(offset + 2, 4) == little_endian(frame.clen));
      offset += 14 + frame.clen;
      data_offset += frame.ulen;
    }
    CHECK(offset + 44 == container.size());
    CHECK(data_offset == size);
  }
}

TEST_CASE("walking agrees with the decoder on every vector, but for what only decompressing shows") {
  for (const Vector& vector : load_vectors()) {
    INFO(vector.name);
    auto size = static_cast<std::int64_t>(vector.container.size());
    Decoded decoded = decode(vector.container, {{PAXECT_PARAM_CONTAINER_SIZE, size}});
    Reader reader = make_reader();
    paxect_status status =
        paxect_reader_open_path(reader.get(), (PAXECT_TEST_VECTORS "/" + vector.name + ".freq").c_str());
    std::vector<paxect_frame_info> frames;
    if (status == PAXECT_OK) status = walk(reader.get(), frames);
    INFO(paxect_reader_error_message(reader.get()) << " / " << decoded.message);
    bool deeper = decoded.status == PAXECT_ERROR_PAYLOAD || decoded.status == PAXECT_ERROR_DECOMPRESS ||
                  decoded.status == PAXECT_ERROR_CRC || decoded.status == PAXECT_ERROR_DIGEST;
    if (!deeper) {
      CHECK(paxect_status_name(status) == std::string(paxect_status_name(decoded.status)));
      CHECK(paxect_reader_error_offset(reader.get()) == decoded.offset);
      CHECK(paxect_reader_error_frame(reader.get()) == decoded.frame);
    }
  }
}

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

TEST_CASE("ranges in any order, in more frames than are kept in mind, are right") {
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

TEST_CASE("a range beyond the data is refused, and the reader goes on") {
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

TEST_CASE("damage is found in the frames that a range needs, and not looked for elsewhere") {
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

TEST_CASE("a frame larger than the limit is refused when its data is wanted only") {
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

TEST_CASE("an original that is shorter or longer is told from one that differs inside") {
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

TEST_CASE("a container of nothing has nothing as its original") {
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

TEST_CASE("the SHA-256 tells what the CRC-32 of every frame does not") {
  TempDir dir;
  std::string container = encode("0123456789");
  container.back() ^= 1;
  write_file(dir / "a.freq", container);
  Compared result = compare(dir, open_reader(dir / "a.freq").get(), "0123456789");
  CHECK(result.status == PAXECT_ERROR_DIGEST);
  CHECK(result.differences.empty());
}

TEST_CASE("a footer with other totals is found at the end of a walk and of a comparison") {
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

TEST_CASE("a reader looks at a descriptor without moving it, and closes only what it opened") {
  TempDir dir;
  std::string data = text(3000);
  write_file(dir / "a.freq", encode(data));
  int fd = open((dir / "a.freq").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  {
    Reader reader = make_reader();
    REQUIRE(paxect_reader_open_fd(reader.get(), fd) == PAXECT_OK);
    CHECK(read(reader.get(), 1000, 100) == data.substr(1000, 100));
    paxect_container_info info{};
    info.struct_size = sizeof info;
    CHECK(paxect_reader_info(reader.get(), &info) == PAXECT_OK);
    CHECK(info.total_size == 3000);
  }
  CHECK(lseek(fd, 0, SEEK_CUR) == 0);
  CHECK(close(fd) == 0);
}

TEST_CASE("what cannot be opened is refused, and leaves nothing open") {
  TempDir dir;
  write_file(dir / "good", encode("x"));
  write_file(dir / "no", "no container");
  Reader reader = make_reader();
  std::vector<paxect_frame_info> frames;
  CHECK(walk(reader.get(), frames) == PAXECT_ERROR_SEQUENCE);
  CHECK(paxect_reader_open_path(reader.get(), (dir / "good").c_str()) == PAXECT_OK);
  CHECK(paxect_reader_open_path(reader.get(), (dir / "no").c_str()) == PAXECT_ERROR_MAGIC);
  CHECK(walk(reader.get(), frames) == PAXECT_ERROR_SEQUENCE);
  CHECK(paxect_reader_open_path(reader.get(), (dir / "none").c_str()) == PAXECT_ERROR_OPEN);
  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  CHECK(paxect_reader_open_path(reader.get(), (dir / "fifo").c_str()) == PAXECT_ERROR_READ);
  CHECK(paxect_reader_open_path(reader.get(), dir.path().c_str()) == PAXECT_ERROR_READ);
  paxect_container_info info{};
  info.struct_size = sizeof info;
  CHECK(paxect_reader_info(reader.get(), &info) == PAXECT_ERROR_SEQUENCE);
}

TEST_CASE("callbacks can stop every function of a reader") {
  TempDir dir;
  std::string data = text(5000);
  write_file(dir / "a.freq", encode(data, {{PAXECT_PARAM_FRAME_SIZE, 1000}}));
  write_file(dir / "b", std::string(5000, 'x'));
  Reader reader = open_reader(dir / "a.freq");
  auto no_sink = [](void*, const void*, std::size_t) { return 1; };
  auto no_frame = [](void*, const paxect_frame_info*) { return 1; };
  auto no_difference = [](void*, const paxect_difference*) { return 1; };
  auto no_source = [](void*, void*, std::size_t, std::size_t*) { return 1; };
  CHECK(paxect_reader_frames(reader.get(), no_frame, nullptr) == PAXECT_ERROR_SINK);
  CHECK(paxect_reader_read(reader.get(), 0, 3000, no_sink, nullptr) == PAXECT_ERROR_SINK);
  CHECK(paxect_reader_compare(reader.get(), no_source, nullptr, nullptr, nullptr) == PAXECT_ERROR_SOURCE);
  CHECK(paxect_reader_compare_path(reader.get(), (dir / "b").c_str(), no_difference, nullptr) ==
        PAXECT_ERROR_SINK);
  auto cancel = [](void*, std::uint64_t, std::uint64_t) { return 1; };
  REQUIRE(paxect_reader_set_progress(reader.get(), cancel, nullptr) == PAXECT_OK);
  std::vector<paxect_frame_info> frames;
  std::string out;
  CHECK(walk(reader.get(), frames) == PAXECT_ERROR_CANCELLED);
  CHECK(paxect_reader_read(reader.get(), 0, 3000, append, &out) == PAXECT_ERROR_CANCELLED);
  CHECK(paxect_reader_compare_path(reader.get(), (dir / "b").c_str(), nullptr, nullptr) ==
        PAXECT_ERROR_CANCELLED);
}

TEST_CASE("NULL arguments are refused") {
  TempDir dir;
  write_file(dir / "a.freq", encode("x"));
  Reader reader = open_reader(dir / "a.freq");
  CHECK(paxect_reader_frames(nullptr, keep_frame, nullptr) == PAXECT_ERROR_ARGUMENT);
  CHECK(paxect_reader_frames(reader.get(), nullptr, nullptr) == PAXECT_ERROR_ARGUMENT);
  CHECK(paxect_reader_read(reader.get(), 0, 0, nullptr, nullptr) == PAXECT_ERROR_ARGUMENT);
  CHECK(paxect_reader_read_path(reader.get(), 0, 0, nullptr) == PAXECT_ERROR_ARGUMENT);
  CHECK(paxect_reader_compare(reader.get(), nullptr, nullptr, nullptr, nullptr) == PAXECT_ERROR_ARGUMENT);
  CHECK(paxect_reader_compare_path(reader.get(), nullptr, nullptr, nullptr) == PAXECT_ERROR_ARGUMENT);
  CHECK(paxect_reader_open_path(reader.get(), nullptr) == PAXECT_ERROR_ARGUMENT);
  CHECK(paxect_reader_set_parameter(reader.get(), PAXECT_PARAM_LEVEL, 3) == PAXECT_ERROR_PARAMETER);
  paxect_reader_free(nullptr);
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

TEST_CASE("a CRC-32 field that is damaged is the container's fault when the original has the SHA-256") {
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

TEST_CASE("a container that grows or shrinks while it is open is an error") {
  TempDir dir;
  std::string container = encode(text(5000), {{PAXECT_PARAM_FRAME_SIZE, 1000}});
  for (std::size_t size : {container.size() + 1, container.size() - 1, std::size_t{100}}) {
    write_file(dir / "a.freq", container);
    Reader fresh = open_reader(dir / "a.freq");
    Reader used = open_reader(dir / "a.freq");
    CHECK(read(used.get(), 4000, 10) == text(5000).substr(4000, 10));
    REQUIRE(truncate((dir / "a.freq").c_str(), static_cast<off_t>(size)) == 0);
    for (paxect_reader* reader : {fresh.get(), used.get()}) {
      std::string out;
      std::vector<paxect_frame_info> frames;
      CHECK(paxect_reader_read(reader, 0, 10, append, &out) != PAXECT_OK);
      CHECK(walk(reader, frames) != PAXECT_OK);
      CHECK(compare(dir, reader, text(5000)).status != PAXECT_OK);
    }
    if (size > container.size())
      CHECK(compare(dir, fresh.get(), text(5000)).message ==
            (dir / "a.freq") + ": grew while it was read: wait until it is complete");
  }
}

TEST_CASE("a container that shrinks while a range is given out is an error") {
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

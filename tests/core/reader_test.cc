// Readers through the C API: opening, the frames by their headers, and what ends a job.
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

TEST_CASE("frames are listed with their offsets, small ones and large ones") {
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

TEST_CASE("a list of frames fails where the decoder does, except for faults that only decompressing finds") {
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

TEST_CASE("a reader does not move the offset of a descriptor, and closes only what it opened") {
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

TEST_CASE("after a failed open no container is open") {
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

}  // namespace
}  // namespace paxect::test

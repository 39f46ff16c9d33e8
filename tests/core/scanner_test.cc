// The scan of one copy: work is in proportion to its size for any contents; media that fail.
#include "salvage/scanner.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"

namespace paxect::core {
namespace {

struct Scanned {
  CopyIndex index;
  std::uint64_t work = 0;
};

Scanned scan(const std::string& bytes) {
  test::MemoryFile file(bytes);
  Allocator allocator;
  WorkMeter meter;
  CopyReader reader(allocator, file.fd(), bytes.size(), meter);
  Scanner scanner(allocator, 1 << 30, meter);
  Scanned result;
  REQUIRE(scanner.scan(reader, result.index).ok());
  result.work = meter.total();
  return result;
}

// FORMAT.md, Salvage, "Work".
std::uint64_t work_bound(const Scanned& scanned, std::uint64_t largest_frame) {
  std::uint64_t data = 0;
  for (const Sighting& sighting : scanned.index.sightings)
    if (sighting.has_data()) data += sighting.ulen;
  return (std::uint64_t{64} << 20) + 256 * scanned.index.size + 4 * data + 2 * largest_frame;
}

std::string repeat(const std::string& piece, std::size_t size) {
  std::string bytes;
  while (bytes.size() < size) bytes += piece;
  bytes.resize(size);
  return bytes;
}

std::string header_for(std::uint32_t clen, std::uint32_t ulen) {
  std::string bytes(kFrameHeaderSize, '\0');
  write_frame_header({0, clen, ulen, 12345},
                     std::span<std::uint8_t, kFrameHeaderSize>(reinterpret_cast<std::uint8_t*>(bytes.data()),
                                                               kFrameHeaderSize));
  return bytes;
}

const std::string kMagicBytes = "\x28\xb5\x2f\xfd";

TEST_CASE("a copy full of traces of frames costs time in proportion to its size") {
  using namespace std::string_literals;
  std::string start = kMagicBytes + "\xa0\x00\x00\x10\x00"s;  // a zstd frame of 1 MiB, in one segment
  std::string empty_block = "\x00\x00\x00"s;                  // raw, of 0 bytes, not the last
  std::string run_block = "\x02\x00\x10x"s;                   // 128 KiB of the same byte, not the last
  std::string raw_block = "\x20\x03\x00"s + std::string(100, 'r');
  const std::string kinds[] = {
      kMagicBytes,
      kMagicBytes + "\x20\x01",
      start,
      start + empty_block,
      start + repeat(empty_block, 3000),
      start + run_block,
      start + repeat(run_block, 28),
      start + repeat(raw_block, 5 * 103),
      header_for(500'000, 1 << 20) + start + repeat(raw_block, 2 * 103),
      header_for(4000, 1 << 20) + start + repeat(run_block, 28),
      header_for(1'000'000, 1 << 20) + start + empty_block,
      header_for(20, 0) + "\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00\x50\x2a\x4d\x18\x03\x00\x00\x00"s,
  };
  for (std::size_t kind = 0; kind < std::size(kinds); ++kind) {
#ifdef __SANITIZE_THREAD__
    std::size_t size = 64 << 10;  // its memmem looks at all of the haystack at each call
#else
    std::size_t size = 2 << 20;
#endif
    INFO("kind " << kind);
    Scanned one = scan(repeat(kinds[kind], size));
    CHECK(one.work <= work_bound(one, 1 << 20));
    CHECK(one.index.sightings.size() <= size / kFrameHeaderSize);
  }
}

// Each of these thousands of false frames contains the blocks of all that follow, and claims that much
// content.
TEST_CASE("frames of a gigabyte inside each other do not cost a gigabyte each") {
  std::string bytes = test::read_file(PAXECT_TEST_VECTORS "/../fuzz/corpus/salvage/overlapping-frames");
  Scanned result = scan(bytes);
  CHECK(result.index.search_limited);
  CHECK(result.work <= work_bound(result, 0));
}

TEST_CASE("a claimed size is not allocated before its blocks bear it out") {
  using namespace std::string_literals;
  // 512 MiB in a payload of one block.
  std::string bomb = header_for(30, 512u << 20) + kMagicBytes + "\xa0\x00\x00\x00\x20"s + "\x03\x00\x10xyz"s;
  Scanned result = scan(repeat(bomb, 10'000));
  CHECK(result.work < (16u << 20));
}

// A file whose medium fails: /proc/self/mem gives EIO where nothing is mapped.
TEST_CASE("what the medium does not deliver reads as zeros and is counted") {
  const std::size_t page = 4096;
  auto* memory = static_cast<std::uint8_t*>(
      mmap(nullptr, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(memory != MAP_FAILED);
  std::fill(memory, memory + 8 * page, std::uint8_t{7});
  REQUIRE(munmap(memory + 3 * page, 2 * page) == 0);
  FILE* self = std::fopen("/proc/self/mem", "rb");
  REQUIRE(self != nullptr);
  auto begin = reinterpret_cast<std::uintptr_t>(memory);
  {
    WorkMeter meter;
    CopyReader reader(Allocator(), fileno(self), begin + 8 * page, meter);
    std::vector<std::uint8_t> out(8 * page, 1);
    REQUIRE(reader.read(begin, out.data(), out.size()));
    CHECK(reader.failure().ok());
    CHECK(reader.unreadable() == 2 * page);
    for (std::size_t i = 0; i < out.size(); ++i)
      if (out[i] != (i / page == 3 || i / page == 4 ? 0 : 7)) FAIL("byte " << i << " is " << int{out[i]});
    REQUIRE(reader.read(begin, out.data(), out.size()));
    CHECK(reader.unreadable() == 2 * page);  // counted once
  }
  std::fclose(self);
  munmap(memory, 3 * page);
  munmap(memory + 5 * page, 3 * page);
}

TEST_CASE("bytes that are gone since a file became shorter read as zeros and are counted") {
  test::MemoryFile file("short");
  WorkMeter meter;
  CopyReader reader(Allocator(), file.fd(), 100, meter);
  std::uint8_t out[50];
  std::fill(std::begin(out), std::end(out), std::uint8_t{1});
  REQUIRE(reader.read(0, out, sizeof out));
  CHECK(std::string(out, out + 6) == std::string("short\0", 6));
  CHECK(std::all_of(out + 5, out + 50, [](std::uint8_t byte) { return byte == 0; }));
  CHECK(reader.look(60, 4).size() == 4);
  CHECK(reader.look(98, 4).size() == 2);
  CHECK(reader.unreadable() == 95);
  CHECK(reader.find_zstd_magic(0) == CopyReader::kNowhere);
}

TEST_CASE("a caller who cancels ends the scan at once, in a file without any trace too") {
  struct Count {
    int calls = 0;
    static std::int32_t cancel(void* opaque, std::uint64_t, std::uint64_t) {
      return ++static_cast<Count*>(opaque)->calls == 3 ? 1 : 0;
    }
  } count;
  Callbacks callbacks;
  callbacks.progress = &Count::cancel;
  callbacks.progress_opaque = &count;
  std::string bytes(64 << 20, 'x');
  test::MemoryFile file(bytes);
  WorkMeter meter;
  meter.begin(callbacks);
  CopyReader reader(Allocator(), file.fd(), bytes.size(), meter);
  Scanner scanner(Allocator(), 1 << 30, meter);
  CopyIndex index;
  CHECK(scanner.scan(reader, index).code == PAXECT_ERROR_CANCELLED);
  CHECK(count.calls == 3);
  CHECK(meter.total() <= 4u << 20);
}

TEST_CASE("of what is behind an intact container, only the next MiB is read") {
  std::string container = test::read_file(PAXECT_TEST_VECTORS "/empty.freq");
  std::uint64_t alone = scan(container).work;
  std::string device = container + std::string(32 << 20, 'x');
  Scanned result = scan(device);
  CHECK(result.work - alone <= CopyReader::kSearchSize + 4 * CopyReader::kLookSize);
  CHECK(result.index.headers.size() == 1);
  for (std::size_t before : {std::size_t{0}, std::size_t{1000}, CopyReader::kSearchSize - 1}) {
    std::string second = device;
    second.replace(container.size() + before, container.size(), container);
    CHECK(scan(second).index.headers.size() == 2);
  }
  device.replace(container.size() + CopyReader::kSearchSize, container.size(), container);
  CHECK(scan(device).index.headers.size() == 1);
}

TEST_CASE("holes of a file are passed over, and what follows them is found") {
  test::MemoryFile file("x");
  const std::uint64_t size = std::uint64_t{60} << 30;
  const std::uint64_t at = std::uint64_t{40} << 30;
  REQUIRE(ftruncate(file.fd(), static_cast<off_t>(size)) == 0);
  REQUIRE(pwrite(file.fd(), kMagicBytes.data(), 4, static_cast<off_t>(at)) == 4);
  REQUIRE(lseek(file.fd(), 5, SEEK_SET) == 5);
  WorkMeter meter;
  CopyReader reader(Allocator(), file.fd(), size, meter);
  CHECK(reader.find_zstd_magic(0) == at);
  CHECK(reader.find_zstd_magic(at + 1) == CopyReader::kNowhere);
  CHECK(meter.total() < 16u << 20);
  CHECK(lseek(file.fd(), 0, SEEK_CUR) == 5);
}

TEST_CASE("a magic across the border of two windows is found") {
  std::string bytes(3 * CopyReader::kSearchSize, 'x');
  for (std::size_t back = 0; back < 5; ++back) {
    std::size_t at = CopyReader::kSearchSize - back;
    std::string marked = bytes;
    marked.replace(at, 4, kMagicBytes);
    test::MemoryFile file(marked);
    WorkMeter meter;
    CopyReader reader(Allocator(), file.fd(), marked.size(), meter);
    CHECK(reader.find_zstd_magic(0) == at);
    CHECK(reader.find_zstd_magic(at) == at);
    CHECK(reader.find_zstd_magic(at + 1) == CopyReader::kNowhere);
  }
}

}  // namespace
}  // namespace paxect::core

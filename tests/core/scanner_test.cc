// The scan of one copy: work in proportion to its size whatever it holds, and media that fail.
#include "salvage/scanner.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"

namespace paxect::core {
namespace {

struct Scanned {
  CopyIndex index;
  ScanWork work;
  std::uint64_t bytes_read = 0;
};

Scanned scan(const std::string& bytes) {
  test::MemoryFile file(bytes);
  Allocator allocator;
  CopyReader reader(allocator, file.fd(), bytes.size());
  Scanner scanner(allocator, 1 << 30);
  Scanned result;
  REQUIRE(scanner
              .scan(
                  reader, [](std::uint64_t) { return Status{}; }, result.index)
              .ok());
  result.work = scanner.work();
  result.bytes_read = reader.bytes_read();
  return result;
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
    Scanned two = scan(repeat(kinds[kind], 2 * size));
    CHECK(one.work.traces <= size / 4 + 10);
    // Reading and passing over blocks stays within a multiple of the size; the constant is kOverlapAlways.
    CHECK(one.bytes_read < 200 * size + (256u << 20));
    CHECK(one.work.blocks < 100 * size);
    CHECK(two.work.blocks < 3 * one.work.blocks + 50'000'000);
    CHECK(two.work.data <= 4 * one.work.data + (1u << 30));
    CHECK(one.index.sightings.size() <= size / kFrameHeaderSize);
  }
}

TEST_CASE("a claimed size is not allocated before its blocks bear it out") {
  using namespace std::string_literals;
  // 512 MiB in a payload of one block.
  std::string bomb = header_for(30, 512u << 20) + kMagicBytes + "\xa0\x00\x00\x00\x20"s + "\x03\x00\x10xyz"s;
  Scanned result = scan(repeat(bomb, 10'000));
  CHECK(result.work.data == 0);
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
    CopyReader reader(Allocator(), fileno(self), begin + 8 * page);
    std::vector<std::uint8_t> out(8 * page, 1);
    REQUIRE(reader.read(begin, out.data(), out.size()));
    CHECK(reader.trouble().ok());
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

TEST_CASE("a copy that becomes shorter while it is read is an error, not damage") {
  test::MemoryFile file("short");
  CopyReader reader(Allocator(), file.fd(), 100);
  std::uint8_t out[50];
  CHECK(!reader.read(0, out, sizeof out));
  CHECK(reader.trouble().code == PAXECT_ERROR_READ);
  CHECK(reader.look(0, 4).empty());  // it sticks
}

TEST_CASE("a magic across the border of two windows is found") {
  std::string bytes(3 * CopyReader::kSearchSize, 'x');
  for (std::size_t back = 0; back < 5; ++back) {
    std::size_t at = CopyReader::kSearchSize - back;
    std::string marked = bytes;
    marked.replace(at, 4, kMagicBytes);
    test::MemoryFile file(marked);
    CopyReader reader(Allocator(), file.fd(), marked.size());
    CHECK(reader.find_zstd_magic(0) == at);
    CHECK(reader.find_zstd_magic(at) == at);
    CHECK(reader.find_zstd_magic(at + 1) == CopyReader::kNowhere);
  }
}

}  // namespace
}  // namespace paxect::core

// Memory of repair and salvage for files that are nothing but records of protection: in proportion to the
// file.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/emulation.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

constexpr std::uint64_t kSize = std::uint64_t{16} << 20;
constexpr std::size_t kRecord = 64;
constexpr std::uint64_t kEntries = 1008;  // of a list piece
constexpr std::uint64_t kFollowing = UINT64_MAX;

struct Crc32 {
  std::array<std::uint32_t, 256> table{};

  Crc32() {
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      std::uint32_t value = byte;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320 : 0);
      table[byte] = value;
    }
  }
  std::uint32_t operator()(const std::string& bytes, std::size_t from) const {
    std::uint32_t value = 0xffffffff;
    for (std::size_t i = from; i < bytes.size(); ++i)
      value = value >> 8 ^ table[(value ^ static_cast<unsigned char>(bytes[i])) & 0xff];
    return ~value;
  }
};

void put(std::string& record, std::size_t at, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) record[at + i] = static_cast<char>(value >> (8 * i));
}

struct Shape {
  unsigned cell_bits = 12;
  std::uint64_t length = 4096;
  std::uint64_t words = 1;
};

// A header of a list piece of one data and one parity cell of 4096 bytes, if not stated otherwise.
std::string list_header(const Crc32& crc32, std::uint64_t tag, std::uint64_t offset, std::uint64_t window,
                        const Shape& shape = {}, std::uint64_t window_offset = kFollowing,
                        std::uint64_t piece = 0, std::uint64_t copy = 0) {
  const std::uint64_t cells = (shape.length >> shape.cell_bits) + shape.words;
  std::string record(kRecord, '\0');
  record.replace(0, 8, "\xd1PXheal\x1a");
  put(record, 12, 1, 1);  // a list
  put(record, 13, 1, 1);  // percent
  put(record, 14, shape.cell_bits, 1);
  put(record, 15, copy, 1);
  put(record, 16, tag, 8);
  put(record, 24, offset, 8);
  put(record, 32, window, 4);
  put(record, 36, window_offset == kFollowing ? window * shape.length : window_offset, 8);
  put(record, 44, shape.length, 8);
  put(record, 52, shape.words, 4);
  put(record, 56, 1, 1);
  put(record, 58, std::min(kEntries, cells - piece * kEntries), 2);
  put(record, 60, piece * kEntries, 4);
  put(record, 8, crc32(record, 12), 4);
  return record;
}

// Bytes of the largest resident set of the command.
std::uint64_t memory_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), PAXECT_TEST_BIN "/paxect-core");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    if (freopen("/dev/null", "w", stderr) != nullptr) execv(pointers[0], pointers.data());
    _exit(127);
  }
  int status = 0;
  struct rusage usage {};
  REQUIRE(wait4(child, &status, 0, &usage) == child);
  REQUIRE(WIFEXITED(status));
  CHECK((WEXITSTATUS(status) == 2 || WEXITSTATUS(status) == 4));  // refused, not killed
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

TEST_CASE("repair and salvage: memory for hostile records is in proportion to the file") {
  if (skip_when_emulated("the emulator takes memory too")) return;
  const TempDir dir;
  const std::string path = dir / "hostile.freq";
  const Crc32 crc32;
  const std::function<std::string(std::uint64_t)> kinds[] = {
      [&](std::uint64_t i) { return list_header(crc32, 0, i * kRecord, i); },  // windows
      [&](std::uint64_t i) {
        return list_header(crc32, i * 0x9E3779B97F4A7C15, i * kRecord, 0);
      },                                                              // containers
      [&](std::uint64_t) { return list_header(crc32, 0, 8192, 0); },  // one, repeated
      // Small windows, one directly behind the other, and as many as a container has room for.
      [&](std::uint64_t i) {
        return list_header(crc32, 0, i * kRecord, i, {6, 64});
      },
      [&](std::uint64_t i) {
        return list_header(crc32, 0, i * kRecord, i, {6, 64}, i * 640);
      },
      [&](std::uint64_t i) {
        return list_header(crc32, 0, i * kRecord, 2 * i, {6, 64}, i * 640);
      }};
  for (const auto& make : kinds) {
    INFO("kind " << &make - kinds);
    std::ofstream file(path, std::ios::binary);
    for (std::uint64_t i = 0; i < kSize / kRecord; ++i) file << make(i);
    file.close();
    constexpr std::uint64_t kMost = (std::uint64_t{12} << 20) + 3 * kSize;
    CHECK(memory_of({"repair", "--check", path}) < kMost);
    CHECK(memory_of({"salvage", path, "-o", dir / "out"}) < kMost);
  }
}

// Many lists of one window, each of which begins inside of the one before, so that a cell has many checksums.
TEST_CASE("repair and salvage: memory for lists that overlap is in proportion to the window") {
  if (skip_when_emulated("the emulator takes memory too")) return;
  const TempDir dir;
  const std::string path = dir / "hostile.freq";
  const Crc32 crc32;
  const Shape shape{6, kSize, kSize / 64 / 128};
  const std::uint64_t pieces = (kSize / 64 + shape.words + kEntries - 1) / kEntries;
  constexpr std::uint64_t kLists = 24;
  std::string bytes;
  for (std::uint64_t piece = 0; piece < pieces; ++piece)
    for (std::uint64_t i = 0; i < kLists; ++i)
      bytes += list_header(crc32, 0, bytes.size(), 0, shape, 0, piece, i % 3);
  bytes += noise(kSize - bytes.size(), 1);
  std::ofstream(path, std::ios::binary) << bytes;
  constexpr std::uint64_t kMost = (std::uint64_t{12} << 20) + 4 * kSize;
  CHECK(memory_of({"repair", "--check", path}) < kMost);
  CHECK(memory_of({"salvage", path, "-o", dir / "out"}) < kMost);
}

}  // namespace paxect::test

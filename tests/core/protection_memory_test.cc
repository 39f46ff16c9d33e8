// Memory of repair and salvage for files that are nothing but records of protection: in proportion to the
// file.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/emulation.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

constexpr std::uint64_t kSize = std::uint64_t{16} << 20;
constexpr std::size_t kRecord = 64;

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

// A header of a list of one data and one parity cell of 4096 bytes.
std::string list_header(const Crc32& crc32, std::uint64_t tag, std::uint64_t offset, std::uint64_t window) {
  std::string record(kRecord, '\0');
  record.replace(0, 8, "\xd1PXheal\x1a");
  put(record, 12, 1, 1);   // a list
  put(record, 13, 1, 1);   // percent
  put(record, 14, 12, 1);  // cells of 4096 bytes
  put(record, 16, tag, 8);
  put(record, 24, offset, 8);
  put(record, 32, window, 4);
  put(record, 36, window * 4096, 8);
  put(record, 44, 4096, 8);
  put(record, 52, 1, 4);
  put(record, 56, 1, 1);
  put(record, 58, 2, 2);
  put(record, 8, crc32(record, 12), 4);
  return record;
}

// Bytes of the largest resident set of the command.
std::uint64_t memory_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), std::string(PAXECT_TEST_BIN) + "/paxect-core");
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
      },                                                               // containers
      [&](std::uint64_t) { return list_header(crc32, 0, 8192, 0); }};  // one, repeated
  for (const auto& make : kinds) {
    INFO("kind " << &make - kinds);
    std::ofstream file(path, std::ios::binary);
    for (std::uint64_t i = 0; i < kSize / kRecord; ++i) file << make(i);
    file.close();
    constexpr std::uint64_t kMost = (std::uint64_t{12} << 20) + 5 * kSize / 2;
    CHECK(memory_of({"repair", "--check", path}) < kMost);
    CHECK(memory_of({"salvage", path, "-o", dir / "out"}) < kMost);
  }
}

}  // namespace paxect::test

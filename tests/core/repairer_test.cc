// Repair of containers that are made to be expensive: valid records that contradict each other or claim what
// is not there. The work is in proportion to the size of the copies.
#include "protect/repairer.h"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <string>

#include "protect/records.h"
#include "salvage/work_meter.h"
#include "support/catch.h"
#include "support/memory_file.h"

using namespace paxect::core;

namespace {

constexpr std::size_t kSize = std::size_t{2} << 20;

// A file of such records, one directly behind the other.
std::string records(const std::function<ListHeader(std::uint32_t number)>& make) {
  std::string bytes(24, '\0');
  while (bytes.size() < kSize) {
    std::array<std::uint8_t, kListHeaderSize> record;
    ListHeader header = make(static_cast<std::uint32_t>(bytes.size() / kListHeaderSize));
    if (header.offset == std::numeric_limits<std::uint64_t>::max()) header.offset = bytes.size();
    write_list_header(header, record);
    bytes.append(reinterpret_cast<const char*>(record.data()), record.size());
  }
  return bytes;
}

ListHeader list_of(std::uint64_t length, unsigned percent, bool last) {
  ListHeader header;
  header.window.shape = choose_shape(length, percent, last);
  header.window.last = last;
  header.entries = static_cast<std::uint16_t>(header.window.shape.piece_entries(0));
  header.offset = std::numeric_limits<std::uint64_t>::max();
  return header;
}

// Bytes that were read in all, by the meter of repair.
std::uint64_t work_of(const std::string& bytes) {
  paxect::test::MemoryFile file(bytes);
  Repairer repairer{Allocator()};
  REQUIRE(repairer.add(file.fd(), "copy").ok());
  Status status = repairer.run(Parameters(Role::kRepairer), Callbacks());
  CHECK(!status.ok());
  CHECK((status.code == PAXECT_ERROR_DAMAGED || status.code == PAXECT_ERROR_NO_PROTECTION));
  return repairer.work();
}

}  // namespace

TEST_CASE("repair: the work for hostile records is in proportion to the size of the file") {
  constexpr std::uint64_t kMost = 64 * kSize;
  // One window as long as the file, described again and again.
  CHECK(work_of(records([](std::uint32_t) { return list_of(kSize, 50, true); })) < kMost);
  // Small cells and as much parity as the code has.
  CHECK(work_of(records([](std::uint32_t) {
          ListHeader header = list_of(kSize / 64, 50, true);
          header.window.shape.cell_bits = kMinCellBits;
          header.window.shape.parity = kMaxParityCells;
          header.window.shape.words = static_cast<std::uint32_t>(header.window.shape.data_cells() / 100);
          header.entries = static_cast<std::uint16_t>(header.window.shape.piece_entries(0));
          return header;
        })) < kMost);
  // A window of its own in each record; and a displacement of its own.
  CHECK(work_of(records([](std::uint32_t number) {
          ListHeader header = list_of(24, 1, false);
          header.window.number = number;
          header.window.offset = std::uint64_t{number} * 65536;
          return header;
        })) < kMost);
  CHECK(work_of(records([](std::uint32_t number) {
          ListHeader header = list_of(kSize, 6, true);
          header.offset = std::uint64_t{number} * 4096;
          return header;
        })) < kMost);
  // A container that is longer than what there is of it could be repaired to.
  CHECK(work_of(records([](std::uint32_t) { return list_of(std::uint64_t{1} << 40, 1, true); })) < kMost);
}

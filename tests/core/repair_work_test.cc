// The work of a repair grows as the copies do, not faster: what is charged for some of them is compared with
// what is charged for four times as much.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "digest.h"
#include "protect/cell_search.h"
#include "protect/protection_map.h"
#include "protect/record_scan.h"
#include "protect/records.h"
#include "protect/repair_copy.h"
#include "protect/repairer.h"
#include "protect/window_repair.h"
#include "protecting.h"
#include "salvage/work_meter.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"

using namespace paxect::core;
using paxect::test::protected_container;

namespace {

// What a repair of these copies is charged. Requires: it is refused.
std::uint64_t repair_work_of(const std::vector<std::string>& copies) {
  Parameters parameters(Role::kRepairer);
  REQUIRE(parameters.set(PAXECT_PARAM_THREADS, 1).ok());
  std::vector<std::unique_ptr<paxect::test::MemoryFile>> files;
  Repairer repairer{Allocator()};
  for (const std::string& copy : copies) {
    files.push_back(std::make_unique<paxect::test::MemoryFile>(copy));
    REQUIRE(repairer.add(files.back()->fd(), "copy").ok());
  }
  const Status status = repairer.run(parameters, Callbacks());
  INFO(status.message);
  REQUIRE(status.code == PAXECT_ERROR_DAMAGED);
  return repairer.work();
}

template <std::size_t kSize>
void put(std::string& bytes, std::uint64_t at, const std::array<std::uint8_t, kSize>& record) {
  bytes.replace(static_cast<std::size_t>(at), kSize, std::string(record.begin(), record.end()));
}

void put(std::string& bytes, std::uint64_t at, const ListHeader& header) {
  std::array<std::uint8_t, kListHeaderSize> record;
  write_list_header(header, record);
  put(bytes, at, record);
}

void put(std::string& bytes, std::uint64_t at, const Trailer& trailer) {
  std::array<std::uint8_t, kTrailerSize> record;
  write_trailer(trailer, record);
  put(bytes, at, record);
}

}  // namespace

// All of one window, whose list has headers and no checksum of any cell: so it is searched for all of them.
TEST_CASE("repair: the search for cells of a window as long as the file is in proportion to it") {
  auto work = [](std::uint64_t length) {
    Window window{.shape = {.length = length, .cell_bits = kMinCellBits, .parity = 50, .percent = 50},
                  .last = true};
    window.shape.words = static_cast<std::uint32_t>(window.shape.data_cells() / 100 + 1);
    REQUIRE(window.shape.possible());
    const ExtensionLayout layout = lay_out(length, &window, nullptr);
    std::string bytes = paxect::test::noise(static_cast<std::size_t>(layout.end), 1);
    for (std::uint64_t piece = 0, at = layout.own_list; piece < window.shape.pieces();
         at += window.shape.piece_size(piece), ++piece) {
      ListHeader header;
      header.window = window;
      header.offset = at;
      header.first = static_cast<std::uint32_t>(piece * kPieceEntries);
      header.entries = static_cast<std::uint16_t>(window.shape.piece_entries(piece));
      put(bytes, at, header);
    }
    return repair_work_of({bytes});
  };
  const std::uint64_t of_one = work(std::uint64_t{2} << 20);
  const std::uint64_t of_four = work(std::uint64_t{8} << 20);
  INFO(of_one << " and " << of_four);
  CHECK(of_one > 4 * (std::uint64_t{2} << 20));
  CHECK(of_four < 4 * of_one + of_one / 2);
}

TEST_CASE("repair: what a search looks for does not make it look up more of the places that it passes") {
  const std::string bytes = paxect::test::noise(std::size_t{1} << 20, 3);
  const paxect::test::MemoryFile file(bytes);
  auto work = [&](std::size_t count) {
    std::vector<std::uint32_t> wanted(count);
    for (std::size_t i = 0; i < count; ++i) wanted[i] = crc32(&i, sizeof i);
    WorkMeter meter;
    meter.begin(Callbacks());
    CopyReader reader(Allocator(), file.fd(), bytes.size(), meter);
    CellSearch search(64, wanted, reader);
    const std::uint64_t before = meter.total();
    search.run({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
               [](std::size_t, std::uint32_t, std::uint32_t) { return std::size_t{0}; });
    return meter.total() - before;
  };
  CHECK(work(1 << 18) < 2 * bytes.size());
  CHECK(work(1 << 20) < 2 * bytes.size());
}

// The records of a copy have as many tags as the other copy, among its own records, has trailers with them.
TEST_CASE("repair: the comparison of the tags in two copies is in proportion to them") {
  auto work = [](std::size_t size) {
    const std::string data = paxect::test::noise(size, 1);
    std::string one = protected_container(data, 10);
    std::string other(size, '\0');
    for (std::uint64_t at = 4096; at + kTrailerSize < size / 2; at += kTrailerSize) {
      Trailer trailer;
      ListHeader header;
      header.window.shape = choose_shape(24, 1, true);
      header.window.last = true;
      header.entries = static_cast<std::uint16_t>(header.window.shape.piece_entries(0));
      for (std::size_t byte = 0; byte < trailer.tag.size(); ++byte)
        header.tag[byte] = trailer.tag[byte] = static_cast<std::uint8_t>(at >> (8 * byte));
      trailer.percent = 1;
      trailer.cell_bits = kMinCellBits;
      trailer.windows = 1;
      put(one, at, trailer);
      header.offset = at;
      put(other, at, header);
    }
    return repair_work_of({one, other});
  };
  const std::uint64_t of_one = work(std::size_t{1} << 20);
  const std::uint64_t of_four = work(std::size_t{4} << 20);
  INFO(of_one << " and " << of_four);
  CHECK(of_four < 4 * of_one + of_one);
}

// A window that lacks cells is searched for pairs of missing cells, then for all cells. A second charge would
// leave half as many windows with moved bytes to be searched.
TEST_CASE("repair: all searches of one window are charged to its search budget once") {
  std::string damaged = protected_container(paxect::test::noise(std::size_t{1} << 20, 5), 6);
  std::fill_n(damaged.begin() + 100'000, 500'000, '\0');
  const paxect::test::MemoryFile file(damaged);
  WorkMeter meter;
  meter.begin(Callbacks());
  CopyRecords found;
  std::vector<RepairCopy> copies;
  copies.push_back({CopyReader(Allocator(), file.fd(), damaged.size(), meter), &found});
  std::vector<Records> records;
  records.push_back(scan_records(copies[0].reader));
  const std::vector<std::uint64_t> sizes{damaged.size()};
  ProtectionMap map;
  REQUIRE(map.build(records, sizes, meter).ok());
  found = {.records = std::move(records[0]), .search_budget = search_budget(damaged.size())};
  WindowRepair window{Allocator()};
  bool is_enough = true;
  REQUIRE(window.gather(map, map.plans()[0], copies, is_enough).ok());
  REQUIRE(!is_enough);
  REQUIRE(window.search(copies).ok());
  const std::uint64_t charged = search_budget(damaged.size()) - found.search_budget;
  CHECK(charged >= map.plans()[0].window.shape.length);
  CHECK(charged <= damaged.size());
}

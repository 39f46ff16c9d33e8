// Repair and salvage of containers that are made to be expensive: valid records that contradict each other or
// claim what is not there. The work is in proportion to the size of the copies.
#include "protect/repairer.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "descriptor.h"
#include "digest.h"
#include "protect/records.h"
#include "protecting.h"
#include "salvage/healed_copy.h"
#include "salvage/salvager.h"
#include "salvage/work_meter.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"
#include "support/temp_dir.h"

using namespace paxect::core;
using paxect::test::protected_container;

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

// Bytes that a salvage reads to restore what is protected, and to read all of it twice.
std::uint64_t healing_work_of(const paxect::test::MemoryFile& file, std::uint64_t size) {
  WorkMeter whole;
  whole.begin(Callbacks());
  HealedCopy healed{Allocator()};
  CopyInput input;
  REQUIRE(open_copy(file.fd(), "copy", 0, input).ok());
  bool found = false;
  REQUIRE(healed.find({input}, {true}, whole, found).ok());
  if (!found) return healed.work();
  CHECK(healed.size() <= 2 * size + (std::uint64_t{1} << 20));
  std::vector<std::uint8_t> block(std::size_t{1} << 16);
  auto read = [&](std::uint64_t at) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), healed.size() - at));
    REQUIRE(healed.read(at, block.data(), part).ok());
  };
  for (std::uint64_t at = 0; at < healed.size(); at += block.size()) read(at);
  // To and fro between its ends, which restores windows again and again.
  for (std::uint64_t at = 0; at < healed.size(); at += block.size()) {
    read(at);
    read((healed.size() - 1 - at) / block.size() * block.size());
  }
  return healed.work();
}

// Bytes that were read in all, by the meter of repair or of what a salvage does, whichever is more.
std::uint64_t work_of(const std::string& bytes) {
  paxect::test::MemoryFile file(bytes);
  Repairer repairer{Allocator()};
  REQUIRE(repairer.add(file.fd(), "copy").ok());
  Status status = repairer.run(Parameters(Role::kRepairer), Callbacks());
  CHECK(!status.ok());
  CHECK((status.code == PAXECT_ERROR_DAMAGED || status.code == PAXECT_ERROR_NO_PROTECTION));
  return std::max(repairer.work(), healing_work_of(file, bytes.size()));
}

// With another percentage in its lists. Requires: a single window, whose lists are of one piece.
std::string with_percent(std::string container, std::uint8_t percent) {
  int changed = 0;
  for (std::size_t at = 0; at + kListHeaderSize <= container.size(); ++at) {
    std::array<std::uint8_t, kListHeaderSize> bytes;
    std::copy_n(container.begin() + static_cast<std::ptrdiff_t>(at), bytes.size(), bytes.begin());
    ListHeader header;
    if (record_kind(std::span(bytes).first<kRecordStartSize>()) != RecordKind::kList ||
        !read_list_header(bytes, header))
      continue;
    header.window.shape.percent = percent;
    write_list_header(header, bytes);
    std::copy(bytes.begin(), bytes.end(), container.begin() + static_cast<std::ptrdiff_t>(at));
    ++changed;
  }
  REQUIRE(changed == 4);
  return container;
}

Status build(ProtectionMap& map, const Records& records, std::uint64_t size) {
  WorkMeter meter;
  meter.begin(Callbacks());
  return map.build({&records, 1}, {&size, 1}, meter);
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

// A salvage uses records of a container that has lost others.
TEST_CASE("repair: a trailer that is far away does not make the container long") {
  std::string bytes = records([](std::uint32_t) {
    ListHeader header = list_of(65536, 1, false);
    header.copy = 1;
    header.offset = 70000;
    return header;
  });
  Trailer trailer;
  trailer.percent = 1;
  trailer.cell_bits = list_of(65536, 1, false).window.shape.cell_bits;
  trailer.windows = 2;
  for (const std::uint64_t size : {std::uint64_t{1} << 40, std::uint64_t{1} << 62}) {
    trailer.container_size = size;
    trailer.offset = size - 1000;
    std::array<std::uint8_t, kTrailerSize> record;
    write_trailer(trailer, record);
    bytes.append(reinterpret_cast<const char*>(record.data()), record.size());
    CHECK(work_of(bytes) < 64 * kSize);
  }
}

TEST_CASE("repair: records whose numbers contradict their offsets are refused as such") {
  const std::string bytes = records([](std::uint32_t) {
    ListHeader header = list_of(65536, 6, false);
    header.window.number = 7;
    return header;
  });
  const paxect::test::MemoryFile file(bytes);
  Repairer repairer{Allocator()};
  REQUIRE(repairer.add(file.fd(), "copy").ok());
  const Status status = repairer.run(Parameters(Role::kRepairer), Callbacks());
  CHECK(status.code == PAXECT_ERROR_DAMAGED);
  CHECK(status.message ==
        "cannot be repaired: its records of protection contradict each other: window 7 begins at byte 0, and "
        "window 0, which precedes it, at byte 0 at the earliest");
}

// Each window could be anywhere between two of its records, so it would be searched for in all of the file.
TEST_CASE("repair: records that claim places of their own do not make every window search the file") {
  constexpr std::size_t kRecordSize = kListHeaderSize + 8;  // with the entries of a data and a parity cell
  std::vector<Window> windows;
  std::uint64_t offset = 0;
  while (2 * (windows.size() + 1) * kRecordSize < kSize / 2) {
    Window window;
    window.number = static_cast<std::uint32_t>(windows.size());
    window.offset = offset;
    window.shape = {.length = 64, .words = 1, .cell_bits = kMinCellBits, .parity = 1, .percent = 1};
    offset = lay_out(window.end(), &window, windows.empty() ? nullptr : &windows.back()).end;
    windows.push_back(window);
  }
  windows.back().last = true;
  std::string bytes;
  for (std::size_t i = 0; i < kSize; ++i) bytes += static_cast<char>(crc32(&i, sizeof i));
  for (const Window& window : windows)
    for (unsigned part = 0; part < 2; ++part) {
      ListHeader header;
      header.offset = window.offset + part;
      header.window = window;
      header.entries = 2;
      std::array<std::uint8_t, kListHeaderSize> record;
      write_list_header(header, record);
      bytes.replace(part * kSize / 2 + window.number * kRecordSize, record.size(),
                    std::string(record.begin(), record.end()));
    }
  CHECK(work_of(bytes) < 64 * kSize);
}

// Every list says that each cell is one of zeros, and half of all places begin such a cell.
TEST_CASE("repair: cells that all have one CRC-32 are not searched for at every place") {
  std::ifstream file(PAXECT_TEST_VECTORS "/protect/text.freq", std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const std::string magic("\xd1PXheal\x1a", 8);
  constexpr std::size_t kOffset = 36;   // of the window in a record
  constexpr std::size_t kEntries = 58;  // count, first cell
  auto number = [&](std::size_t at, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
    return value;
  };
  std::size_t begin = 0;
  std::size_t length = 0;
  std::size_t cell = 0;
  for (std::size_t at = 0; (at = bytes.find(magic, at)) != std::string::npos; at += magic.size()) {
    if (bytes[at + 12] != 1) continue;
    begin = number(at + kOffset, 8);
    length = number(at + kOffset + 8, 8);
    cell = std::size_t{1} << static_cast<unsigned>(bytes[at + 14]);
    const std::uint32_t zeros = crc32(std::string(cell, '\0').data(), cell);
    const std::uint64_t entries = number(at + kEntries, 2);
    const std::uint64_t first = number(at + kEntries + 2, 4);
    for (std::uint64_t i = 0; i < entries && first + i < length / cell; ++i)
      for (unsigned byte = 0; byte < 4; ++byte)
        bytes[at + kListHeaderSize + 4 * i + byte] = static_cast<char>(zeros >> (8 * byte));
  }
  REQUIRE(length > 20 * cell);
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(begin), length, '\0');
  for (std::size_t at = begin; at < begin + length; at += 2 * cell) {
    bytes[at] = 1;
    bytes[std::min(at + 2 * cell, begin + length) - 1] = 1;
  }
  CHECK(work_of(bytes) < 64 * bytes.size());
}

// Each window reaches to a list behind all of them, and the records there change the shift to and fro.
TEST_CASE("repair: windows that reach far do not pass all records again and again") {
  constexpr std::uint32_t kWindows = 4096;
  constexpr std::uint64_t kSpace = 640;  // for a window, its extension frame and the window that is missing
  constexpr std::uint64_t kFar = kWindows * kSpace + 4096;
  std::string bytes(kSize, '\0');
  for (std::uint32_t i = 0; i < kWindows; ++i)
    for (const unsigned copy : {1u, 2u}) {
      ListHeader header;
      header.window.number = 2 * i;
      header.window.offset = kSpace * i;
      header.window.shape = {.length = 64, .words = 1, .cell_bits = kMinCellBits, .parity = 1, .percent = 1};
      header.entries = 2;
      header.copy = static_cast<std::uint8_t>(copy);
      header.offset = kFar + 256 * i + (copy - 1) * 192;  // the list of 128 bytes, the parity, the list
      std::array<std::uint8_t, kListHeaderSize> record;
      write_list_header(header, record);
      bytes.replace(256 * i + (copy - 1) * 128, record.size(), std::string(record.begin(), record.end()));
    }
  CHECK(work_of(bytes) < 64 * kSize);
}

TEST_CASE("salvage: what protection restores is at most twice as long as the copies") {
  CHECK(work_of(records([](std::uint32_t) {
          ListHeader header = list_of(64, 1, false);
          header.window.number = 5;
          header.window.offset = 2 * kSize;
          header.offset = 2 * kSize + 65536;
          header.copy = 1;
          return header;
        })) < 64 * kSize);
}

TEST_CASE("repair: records that contradict their own place do not outvote those that do not") {
  const std::string container = protected_container(paxect::test::noise(20'000, 1), 10);
  Records records;
  {
    const paxect::test::MemoryFile file(container);
    WorkMeter meter;
    meter.begin(Callbacks());
    CopyReader reader(Allocator(), file.fd(), container.size(), meter);
    records = scan_records(reader);
  }
  ProtectionMap map;
  const std::uint64_t size = container.size();
  REQUIRE(build(map, records, size).ok());
  const Window window = map.windows().front();
  const std::size_t count = records.lists.size();
  for (std::size_t i = 0; i < 2 * count; ++i) {
    FoundList list = records.lists.front();
    list.header.window.shape.length += 1;
    list.header.offset += 1 + i;
    records.lists.push_back(list);
  }
  REQUIRE(build(map, records, size).ok());
  CHECK(map.windows().front() == window);
}

TEST_CASE("repair: a container begins where its first record shows it, whatever a later one claims") {
  Records records;
  auto add = [&](std::uint8_t tag, std::uint64_t offset, std::uint64_t at) {
    FoundList list{.header = list_of(24, 1, true), .at = at};
    list.header.tag.fill(tag);
    list.header.offset = offset;
    records.lists.push_back(list);
  };
  // The outer container covers 20,000 bytes, and the one in its data 10,000.
  add(1, 1000, 1000);
  add(1, 20000, 20000);
  add(2, 1000, 9000);
  add(2, 1 << 30, 18000);
  add(2, 0, 20001);
  ProtectionMap map;
  const std::uint64_t size = 30000;
  const Status status = build(map, records, size);
  INFO(status.message);
  ProtectionTag outer;
  outer.fill(1);
  CHECK(map.tag() == outer);
}

TEST_CASE("repair: records of an extension frame that is too long are damage") {
  Records records;
  FoundList list;
  list.header.window.shape = {.length = std::uint64_t{1} << 32,
                              .words = 8192,
                              .cell_bits = kMaxCellBits,
                              .parity = 127,
                              .percent = 50};
  list.header.window.last = true;
  REQUIRE(list.header.window.shape.possible());
  records.lists.push_back(list);
  ProtectionMap map;
  const std::uint64_t size = std::uint64_t{1} << 40;
  const Status status = build(map, records, size);
  CHECK(status.code == PAXECT_ERROR_DAMAGED);
  CHECK(status.message.find("an extension frame of 4") != std::string::npos);
}

// The first window is the same, and so is the tag.
TEST_CASE("repair: two versions of a file that grew are different containers, in any order") {
  auto version = [](std::uint32_t windows) {
    std::string bytes(24, '\0');
    auto add = [&](auto write, const auto& record, auto size) {
      std::array<std::uint8_t, decltype(size)::value> stored;
      write(record, std::span(stored));
      bytes.append(stored.begin(), stored.end());
    };
    for (std::uint32_t number = 0; number < windows; ++number) {
      ListHeader header;
      header.window.shape = {.length = 64, .words = 1, .cell_bits = kMinCellBits, .parity = 1, .percent = 1};
      header.window.number = number;
      header.window.offset = 1024 * number;
      header.window.last = number + 1 == windows;
      header.entries = 2;
      header.offset = bytes.size();
      add(write_list_header, header, std::integral_constant<std::size_t, kListHeaderSize>());
    }
    Trailer trailer;
    trailer.percent = 1;
    trailer.cell_bits = kMinCellBits;
    trailer.windows = windows;
    trailer.container_size = 1024 * windows;
    trailer.offset = bytes.size();
    add(write_trailer, trailer, std::integral_constant<std::size_t, kTrailerSize>());
    return bytes;
  };
  for (const auto& [first, second] : {std::pair(1u, 3u), std::pair(3u, 1u)}) {
    const paxect::test::MemoryFile one(version(first));
    const paxect::test::MemoryFile other(version(second));
    Repairer repairer{Allocator()};
    REQUIRE(repairer.add(one.fd(), "one").ok());
    REQUIRE(repairer.add(other.fd(), "other").ok());
    const Status status = repairer.run(Parameters(Role::kRepairer), Callbacks());
    CHECK(status.code == PAXECT_ERROR_DAMAGED);
    CHECK(status.message.find("one and other are copies of different containers") != std::string::npos);
  }
}

// A descriptor that cannot be read stands for a medium that delivers nothing.
TEST_CASE("repair and salvage: an empty copy does not hide that another one cannot be read") {
  const paxect::test::TempDir directory;
  const std::string path = directory / "copy";
  paxect::test::write_file(path, std::string(100'000, 'x'));
  const Descriptor unreadable = open_at(AT_FDCWD, path, O_WRONLY);
  REQUIRE(unreadable.get() >= 0);
  const paxect::test::MemoryFile empty("");
  for (const bool is_first : {false, true}) {
    Repairer repairer{Allocator()};
    Salvager salvager{Allocator()};
    auto add = [&](int fd, const char* name) {
      REQUIRE(repairer.add(fd, name).ok());
      REQUIRE(salvager.add(fd, name).ok());
    };
    if (is_first) add(empty.fd(), "empty");
    add(unreadable.get(), "unreadable");
    if (!is_first) add(empty.fd(), "empty");
    for (const Status& status : {repairer.run(Parameters(Role::kRepairer), Callbacks()),
                                 salvager.find(Parameters(Role::kSalvager), Callbacks())}) {
      CHECK(status.code == PAXECT_ERROR_READ);
      CHECK(status.message.starts_with("unreadable: "));
    }
  }
}

TEST_CASE("repair: what is computed is charged as what is read, so that the caller can stop it") {
  const std::string container = protected_container(paxect::test::noise(3 << 20), 10);
  const paxect::test::MemoryFile file(container);
  Repairer repairer{Allocator()};
  REQUIRE(repairer.add(file.fd(), "copy").ok());
  Parameters parameters(Role::kRepairer);
  REQUIRE(parameters.set(PAXECT_PARAM_THREADS, 1).ok());
  REQUIRE(repairer.run(parameters, Callbacks()).ok());
  // The search for records, the cells, their code words, and the parity that is made again.
  CHECK(repairer.work() > 3 * container.size());
}

TEST_CASE("repair: lists with another percentage than the trailers do not change the container") {
  const std::string container = protected_container(std::string(20'000, '\7'), 10);
  // One list copy fewer: a shorter container of the same data.
  const std::string shorter = with_percent(container, 9);
  const std::string same_size = with_percent(container, 11);
  for (const auto& [bytes, code, reason] :
       {std::tuple(container, PAXECT_OK, ""),
        std::tuple(shorter, PAXECT_ERROR_DAMAGED, "and the trailers of one of "),
        std::tuple(same_size, PAXECT_ERROR_DAMAGED,
                   "with 11 % protection, and the trailers of one with 10 %")}) {
    const paxect::test::MemoryFile file(bytes);
    Repairer repairer{Allocator()};
    REQUIRE(repairer.add(file.fd(), "copy").ok());
    const Status status = repairer.run(Parameters(Role::kRepairer), Callbacks());
    CHECK(status.code == code);
    CHECK(status.message.find(reason) != std::string::npos);
  }
}

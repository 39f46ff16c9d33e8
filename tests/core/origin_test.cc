// Where a copy shows that it begins as the container does.
#include "protect/origin.h"

#include <cstdint>
#include <span>
#include <string>

#include "format.h"
#include "protecting.h"
#include "salvage/work_meter.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/memory_file.h"

using namespace paxect::core;
using paxect::test::noise;
using paxect::test::protected_container;

namespace {

// Whether a copy of `original`, whose beginning was damaged, begins whole.
bool begins_whole(const std::string& copy, const std::string& original) {
  const paxect::test::MemoryFile file(copy);
  WorkMeter meter;
  meter.begin(Callbacks());
  CopyRecords found;
  RepairCopy each{CopyReader(Allocator(), file.fd(), copy.size(), meter), &found};
  found.records = scan_records(each.reader);
  ProtectionMap map;
  const std::uint64_t size = copy.size();
  REQUIRE(map.build({&found.records, 1}, {&size, 1}, meter).ok());
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(original.data());
  const auto length = static_cast<std::size_t>(map.windows().front().shape.length);
  CopyExtent extent;
  REQUIRE(check_origin(map, 0, each, {bytes, length}, extent).ok());
  return extent.begins_whole;
}

}  // namespace

TEST_CASE(
    "repair: a frame header that differs in its CRC-32 alone is that of other data, unless the data "
    "follows") {
  constexpr std::size_t kStart = kHeaderSize + kFrameHeaderSize;
  const std::string container = protected_container(noise(20'000, 1), 10);
  std::string other = container;
  for (std::size_t i = 0; i < 3; ++i) other[kStart - 3 + i] = static_cast<char>(~other[kStart - 3 + i]);
  CHECK(begins_whole(container, container));
  CHECK(begins_whole(other, container));
  CHECK(begins_whole(container.substr(0, kStart - 2) + container.substr(kStart - 1), container));
  CHECK(begins_whole(container.substr(0, kStart - 2) + "#" + container.substr(kStart - 2), container));
  // A container whose first frame has as much data: its zstd frame begins with the same bytes.
  other.replace(kStart + 12, 4000, noise(4000, 2));
  CHECK(!begins_whole(other, container));
}

TEST_CASE("repair: the beginning of an empty container is more than the first bytes of its header") {
  const std::string container = protected_container("", 10);
  CHECK(begins_whole(container, container));
  // As if all between the first byte and the last ones were removed.
  const std::string ends = container.substr(0, 1) + container.substr(kHeaderSize - 4, 4);
  CHECK(!begins_whole(ends + "something else" + container, container));
}

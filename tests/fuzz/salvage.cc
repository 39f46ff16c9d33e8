// Salvages any bytes as damaged copies of a container. Salvage recovers a valid container completely, also
// with half of it as a second copy, and what it calls proven decodes after it is encoded again.
#include <algorithm>

#include "fuzz.h"

namespace paxect::fuzz {
namespace {

struct Ranges {
  std::uint64_t count = 0;
  std::uint64_t end = 0;
  static std::int32_t take(void* opaque, const paxect_salvage_range* range) {
    auto& self = *static_cast<Ranges*>(opaque);
    FUZZ_REQUIRE(range->start >= self.end && range->end >= range->start);
    self.count += 1;
    self.end = range->end;
    return 0;
  }
};

struct Salvaged {
  paxect_status status;
  std::string data;
};

Salvaged salvage(std::initializer_list<int> copies, std::int64_t fill) {
  paxect_salvager* handle = nullptr;
  FUZZ_REQUIRE(paxect_salvager_create(nullptr, &handle) == PAXECT_OK);
  Salvager salvager(handle);
  FUZZ_REQUIRE(paxect_salvager_set_parameter(handle, PAXECT_PARAM_MAX_FRAME, kMaxFrame) == PAXECT_OK);
  FUZZ_REQUIRE(paxect_salvager_set_parameter(handle, PAXECT_PARAM_FILL, fill) == PAXECT_OK);
  for (int fd : copies) FUZZ_REQUIRE(paxect_salvager_add_fd(handle, fd, "copy") == PAXECT_OK);

  // Lost data may become many zeros: the sink stops the job above this size.
  struct Kept {
    std::string data;
    static std::int32_t take(void* opaque, const void* data, std::size_t size) {
      auto& self = *static_cast<Kept*>(opaque);
      if (self.data.size() + size > std::size_t{64} << 20) return 1;
      return append(&self.data, data, size);
    }
  } kept;
  FUZZ_REQUIRE(paxect_salvager_set_sink(handle, Kept::take, &kept) == PAXECT_OK);
  paxect_status status = paxect_salvager_run(handle);
  FUZZ_REQUIRE(status == PAXECT_OK || status == PAXECT_ERROR_PARTIAL || status == PAXECT_ERROR_NOTHING ||
               status == PAXECT_ERROR_SINK);
  FUZZ_REQUIRE(status != PAXECT_ERROR_NOTHING || kept.data.empty());
  if (status == PAXECT_OK || status == PAXECT_ERROR_PARTIAL) {
    paxect_salvage_report report{};
    report.struct_size = sizeof report;
    FUZZ_REQUIRE(paxect_salvager_report(handle, &report) == PAXECT_OK);
    FUZZ_REQUIRE((report.proven == 1) == (status == PAXECT_OK));
    FUZZ_REQUIRE(report.written == kept.data.size());
    if (status == PAXECT_OK) FUZZ_REQUIRE(report.size == report.written && report.lost == 0);
    Ranges ranges;
    FUZZ_REQUIRE(paxect_salvager_each_range(handle, Ranges::take, &ranges) == PAXECT_OK);
    FUZZ_REQUIRE(ranges.count == report.ranges);
    FUZZ_REQUIRE(status != PAXECT_OK || ranges.count == 0);
  }
  return {status, std::move(kept.data)};
}

}  // namespace
}  // namespace paxect::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paxect::fuzz;
  auto [status, decoded] = decode(data, size);

  MemoryFile whole(view(data, size));
  Salvaged alone = salvage({whole.fd()}, PAXECT_FILL_ZERO);
  salvage({whole.fd()}, PAXECT_FILL_SKIP);
  MemoryFile half(view(data, size / 2));
  Salvaged two = salvage({half.fd(), whole.fd()}, PAXECT_FILL_ZERO);
  if (status != PAXECT_OK) return 0;
  FUZZ_REQUIRE(alone.status == PAXECT_OK && alone.data == decoded);
  FUZZ_REQUIRE(two.status == PAXECT_OK && two.data == decoded);
  return 0;
}

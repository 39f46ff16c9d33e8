// Repairs any bytes as damaged copies of a protected container. What repair gives decodes, is protected by
// the bytes that repair gives, and is the same from two copies of which one is a part of the other, if their
// records are of one container.
#include <map>
#include <optional>
#include <span>

#include "fuzz.h"
#include "protect/records.h"

namespace paxect::fuzz {
namespace {

struct Repaired {
  paxect_status status;
  std::string container;
};

Repaired repair(std::initializer_list<int> copies) {
  paxect_repairer* handle = nullptr;
  FUZZ_REQUIRE(paxect_repairer_create(nullptr, &handle) == PAXECT_OK);
  const Repairer repairer(handle);
  FUZZ_REQUIRE(paxect_repairer_set_parameter(handle, PAXECT_PARAM_MAX_FRAME, kMaxFrame) == PAXECT_OK);
  FUZZ_REQUIRE(paxect_repairer_set_parameter(handle, PAXECT_PARAM_THREADS, 1) == PAXECT_OK);
  for (int fd : copies) FUZZ_REQUIRE(paxect_repairer_add_fd(handle, fd, "copy") == PAXECT_OK);
  Repaired result;
  FUZZ_REQUIRE(paxect_repairer_set_sink(handle, append, &result.container) == PAXECT_OK);
  result.status = paxect_repairer_run(handle);
  FUZZ_REQUIRE(result.status == PAXECT_OK || result.status == PAXECT_ERROR_DAMAGED ||
               result.status == PAXECT_ERROR_NO_PROTECTION || result.status == PAXECT_ERROR_LIMIT);
  paxect_repair_report report{};
  report.struct_size = sizeof report;
  FUZZ_REQUIRE(paxect_repairer_report(handle, &report) == PAXECT_OK);
  FUZZ_REQUIRE((report.proven == 1) == (result.status == PAXECT_OK));
  if (result.status == PAXECT_OK) {
    FUZZ_REQUIRE(report.container_size == result.container.size());
    FUZZ_REQUIRE(report.lacking == 0);
  }
  return result;
}

// Whether all records are of one container, and do not contradict each other. Of several in one file, a
// second copy can change which one has most of the records, and trailers that differ in two copies show two
// versions of the data.
bool is_of_one(std::span<const std::uint8_t> bytes) {
  std::optional<core::ProtectionTag> tag;
  std::optional<core::Trailer> known;
  std::map<std::uint32_t, core::Window> windows;
  for (std::size_t at = 0; at + core::kRecordStartSize <= bytes.size(); ++at) {
    const std::span<const std::uint8_t> here = bytes.subspan(at);
    const core::RecordKind kind = core::record_kind(here.first<core::kRecordStartSize>());
    const bool is_trailer = kind == core::RecordKind::kTrailer;
    if (kind == core::RecordKind::kNone ||
        here.size() < (is_trailer ? core::kTrailerSize : core::kListHeaderSize))
      continue;
    core::ListHeader list;
    core::Trailer trailer;
    if (is_trailer ? !core::read_trailer(here.first<core::kTrailerSize>(), trailer)
                   : !core::read_list_header(here.first<core::kListHeaderSize>(), list))
      continue;
    const core::ProtectionTag& own = is_trailer ? trailer.tag : list.tag;
    if (tag && own != *tag) return false;
    tag = own;
    if (!is_trailer) {
      const auto [window, is_new] = windows.emplace(list.window.number, list.window);
      if (!is_new && window->second != list.window) return false;
      continue;
    }
    if (known && (known->container_size != trailer.container_size || known->footer != trailer.footer))
      return false;
    known = trailer;
  }
  return true;
}

}  // namespace
}  // namespace paxect::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace paxect::fuzz;
  MemoryFile whole(view(data, size));
  Repaired first = repair({whole.fd()});
  MemoryFile half(view(data, size / 2));
  Repaired two = repair({half.fd(), whole.fd()});
  if (first.status != PAXECT_OK) return 0;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(first.container.data());
  FUZZ_REQUIRE(decode(bytes, first.container.size()).status == PAXECT_OK);
  MemoryFile repaired(first.container);
  Repaired again = repair({repaired.fd()});
  FUZZ_REQUIRE(again.status == PAXECT_OK && again.container == first.container);
  if (!is_of_one({data, size})) return 0;
  // Half of a file with records at several places can be a copy with other bytes behind the container.
  FUZZ_REQUIRE(two.status == PAXECT_OK || two.status == PAXECT_ERROR_NO_PROTECTION);
  if (two.status == PAXECT_OK) FUZZ_REQUIRE(two.container == first.container);
  return 0;
}

// A damaged copy as one thread reads it for a repair. Values.
#pragma once

#include <cstdint>
#include <vector>

#include "protect/protection_map.h"
#include "protect/record_scan.h"
#include "salvage/copy_reader.h"

namespace paxect::core {

// What all who read a copy share. Other threads than the owner's do not change it.
struct CopyRecords {
  Records records;
  std::uint64_t search_budget = 0;  // bytes that may still be searched for cells
};

// A window is searched twice at most, which is charged once: by the bytes of the copy that both read. Records
// that contradict each other could make this all of the copy for every window.
constexpr std::uint64_t search_budget(std::uint64_t size) { return 8 * size; }

struct RepairCopy {
  CopyReader reader;
  CopyRecords* found = nullptr;

  const Records& records() const { return found->records; }
  // The place in the copy of what is at `offset` in the container; false when that is not in the copy.
  bool find(std::uint64_t offset, std::int64_t shift, std::uint64_t size, std::uint64_t& at) const {
    if (shift < 0 && offset < static_cast<std::uint64_t>(-shift)) return false;
    at = offset + static_cast<std::uint64_t>(shift);
    return at <= reader.size() && size <= reader.size() - at;
  }
};

// ProtectionMap::shifts(), whose steps are charged to the reader of the copy.
inline std::vector<std::int64_t> charged_shifts(const ProtectionMap& map, std::size_t index, RepairCopy& copy,
                                                std::uint64_t begin, std::uint64_t end) {
  std::size_t steps = 0;
  std::vector<std::int64_t> shifts = map.shifts(index, begin, end, &steps);
  copy.reader.charge(WorkMeter::kRecord * steps);
  return shifts;
}

}  // namespace paxect::core

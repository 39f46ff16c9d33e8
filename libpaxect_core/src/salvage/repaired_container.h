// The container that a repair of the copies proves, for a salvage: what it can restore is not to depend on
// what a search for frames makes of damaged copies. The copies are repaired twice, once to find out whether
// that succeeds and once to write the data. One thread at a time. Memory: that of a repair, and 8 bytes for
// each frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "callbacks.h"
#include "memory.h"
#include "parameters.h"
#include "protect/repairer.h"
#include "salvage/copy_input.h"
#include "salvage/sighting.h"
#include "salvage/work_meter.h"
#include "status.h"

namespace paxect::core {

class RepairedContainer {
 public:
  explicit RepairedContainer(const Allocator& allocator) : repairer_(allocator) {}

  // Repairs those of the copies that are `taken`, without writing anything. `indexes`: what a scan found in
  // each. `proven`: that succeeded. Errors: MEMORY, CANCELLED.
  Status find(const std::vector<CopyInput>& inputs, const std::vector<bool>& taken,
              std::span<const CopyIndex> indexes, std::uint64_t max_frame, WorkMeter& meter, bool& proven);
  // After find(): whether the copies have records of protection at all.
  bool has_protection() const { return has_protection_; }

  // The rest requires that find() has proven it.

  // Whether one of the copies is this container and nothing else.
  bool is_explained() const { return is_explained_; }
  // Whether a copy without records of this container is another one: most of the frames that a scan found in
  // it, and confirmed, are neither of this one nor in its data. In a copy with records, they are in its data.
  bool is_opposed_by(std::size_t copy, const CopyIndex& index, WorkMeter& meter) const;
  // Whether something in a copy is of this container; of one that was not taken, nothing is.
  bool is_in(std::size_t copy, const CopyIndex& index, WorkMeter& meter) const;
  // The copy that has most of the records.
  std::size_t base() const;

  const Header& header() const { return header_; }
  const Footer& footer() const { return footer_; }
  std::uint64_t frames() const { return contents_.size(); }  // of data

  // Writes the data to the sink of `callbacks`. OK: it is complete and proven. Errors: READ when the copies
  // have changed, or the medium delivers less of them than in find(); SINK, MEMORY, CANCELLED.
  Status write(const Callbacks& callbacks, WorkMeter& meter);
  // As WorkMeter::total().
  std::uint64_t work() const { return earlier_work_ + repairer_.work(); }

 private:
  using Contents = std::pair<std::uint32_t, std::uint32_t>;  // CRC-32 and length of a frame's data

  bool was_taken(std::size_t copy) const;
  std::size_t records_in(std::size_t copy) const;  // Requires: it was taken.
  bool has(const Sighting& sighting) const;
  bool has_or_holds(const Sighting& sighting) const;

  Repairer repairer_;
  std::vector<std::size_t> numbers_;  // of the copies taken
  Parameters parameters_{Role::kRepairer};
  std::vector<Contents> contents_;  // sorted
  std::vector<Contents> held_;      // of frames that are in its data; sorted
  Header header_;
  Footer footer_;
  bool has_protection_ = false;
  bool is_explained_ = false;
  std::uint64_t earlier_work_ = 0;
};

}  // namespace paxect::core

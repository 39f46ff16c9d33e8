// The container of damaged copies as far as its protection restores it, as one more copy for a salvage. Each
// window is restored by itself when it is read; the rest, and what cannot be restored, is as the copy has it
// that has most of the records. One thread at a time. Memory: two windows with their parity, and what was
// found of the records.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "memory.h"
#include "protect/protection_map.h"
#include "protect/window_repair.h"
#include "salvage/copy_input.h"
#include "salvage/copy_reader.h"
#include "salvage/sighting.h"
#include "salvage/work_meter.h"
#include "status.h"

namespace paxect::core {

class HealedCopy : public ByteSource {
 public:
  explicit HealedCopy(const Allocator& allocator)
      : allocator_(allocator), slots_{Slot(allocator), Slot(allocator)} {}

  // Searches the copies in use for protection; `found` when some of it can be used. `whole` must live as long
  // as this. Errors: MEMORY, CANCELLED.
  Status find(std::vector<CopyInput> inputs, const std::vector<bool>& used, WorkMeter& whole, bool& found);
  // For the phase that writes, which may restore as many windows as the one before.
  void begin_writing();

  std::uint64_t size() const { return size_; }
  // The number of the copy whose bytes it has where nothing is restored.
  std::size_t base() const { return base_; }
  // Whether the base is this container and nothing else, by its records and as check_origin() finds.
  bool explains_base() const { return explains_base_; }
  // Whether a scan found in the base what this one can be: no header elsewhere, and most of its frames.
  bool belongs_to(const CopyIndex& base, const CopyIndex& healed, WorkMeter& meter) const;
  // Whether windows were read so often that the last ones were not restored.
  bool limited() const { return limited_; }
  // As WorkMeter::total().
  std::uint64_t work() const { return meter_.total(); }

  Status read(std::uint64_t offset, std::uint8_t* out, std::size_t size) override;

 private:
  struct Slot {
    explicit Slot(const Allocator& allocator) : window(allocator) {}
    WindowRepair window;
    std::size_t plan = SIZE_MAX;
    bool is_restored = false;  // all of it
    std::uint64_t used = 0;
  };

  Status find_begin();
  Status check_base();
  std::int64_t shift_at(std::uint64_t offset, std::uint64_t end) const;
  Status read_base(std::uint64_t offset, std::uint8_t* out, std::uint64_t size);
  Status load(std::size_t plan, const Slot*& loaded);
  void read_known(std::uint64_t offset, std::uint8_t* out, std::uint64_t size) const;

  Allocator allocator_;
  WorkMeter meter_;
  std::vector<CopyInput> inputs_;
  std::vector<CopyRecords> found_;  // of each of the copies
  std::vector<RepairCopy> copies_;
  ProtectionMap map_;
  std::size_t base_ = 0;
  std::uint64_t size_ = 0;
  std::int64_t begin_shift_ = 0;  // of what is before the first record
  std::array<Slot, 2> slots_;
  std::uint64_t clock_ = 0;
  std::uint64_t loads_left_ = 0;
  bool limited_ = false;
  bool explains_base_ = false;
};

}  // namespace paxect::core

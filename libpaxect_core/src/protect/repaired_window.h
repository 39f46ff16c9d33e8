// One window of a repair: restored from the copies, and proven by its parity and, if it is the first one, by
// the tag. run() does what most windows need and may be called by another thread; finish() does the rest,
// which uses up what the windows share, on the owner's thread and in the order of the windows. So the result
// does not depend on threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "memory.h"
#include "protect/protection_map.h"
#include "protect/repair_copy.h"
#include "protect/window_code.h"
#include "protect/window_repair.h"
#include "salvage/copy_input.h"
#include "salvage/work_meter.h"
#include "status.h"

namespace paxect::core {

// What all windows of a repair are made from. Nobody changes the map while it is used.
struct RepairSources {
  const ProtectionMap& map;
  std::span<const CopyInput> inputs;
  std::span<CopyRecords> found;  // in each of the inputs
  WorkMeter& meter;
  const std::atomic<bool>& stop;  // other threads than the owner's are to end their work
};

class RepairedWindow {
 public:
  explicit RepairedWindow(const Allocator& allocator) : allocator_(allocator), repair_(allocator) {}

  // `code` receives the code of the window. What `sources` refers to and `code` must live as long as the
  // work.
  void begin(const RepairSources& sources, std::uint32_t number, WindowCode& code);
  // All that needs no search. By any one thread.
  void run() noexcept;
  // The rest. DAMAGED: the window lacks cells, or is not proven. Other errors: MEMORY, those of the readers.
  Status finish();

  // After finish().
  const Window& window() const { return map_->windows()[number_]; }
  const WindowDamage& damage() const { return damage_; }
  const WindowCode& code() const { return *code_; }
  const std::uint8_t* bytes() const { return repair_.bytes(); }
  Status find_shifts(std::size_t copy, std::vector<std::int64_t>& shifts) {
    return repair_.find_shifts(copy, copies_[copy], WindowRepair::Equal::kIgnored, shifts);
  }
  // Bytes read and searched.
  std::uint64_t work() const { return meter_.total(); }

 private:
  void restore();
  Status prove(const WindowDamage& damage);
  Status compute_code();
  Status retry();

  Allocator allocator_;
  const ProtectionMap* map_ = nullptr;
  std::uint32_t number_ = 0;
  WindowCode* code_ = nullptr;
  WorkMeter meter_;
  std::vector<RepairCopy> copies_;
  WindowRepair repair_;
  WindowDamage damage_;
  bool is_enough_ = false;  // without a search
  Status gathered_;
  Status proof_;
};

}  // namespace paxect::core

// The windows of a repair, in order. While the owner writes and decodes one, other threads repair those that
// follow. One thread at a time owns it. Memory: the window that the owner has and as many of those that
// follow as threads can work on, within kMaxMemory; the parity of the one before.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "memory.h"
#include "ordered_pipeline.h"
#include "protect/protection_map.h"
#include "protect/repaired_window.h"
#include "protect/window_code.h"
#include "salvage/copy_input.h"
#include "salvage/work_meter.h"
#include "status.h"

namespace paxect::core {

class WindowQueue {
 public:
  // Windows that are repaired at the same time, and the bytes that they and the one that the owner has take.
  // So many keep the owner busy, who writes and hashes all of them.
  static constexpr unsigned kMaxAhead = 4;
  static constexpr std::uint64_t kMaxMemory = std::uint64_t{128} << 20;

  explicit WindowQueue(const Allocator& allocator) : allocator_(allocator) {}

  // Begins a repair. The arguments must live until abandon().
  void begin(const ProtectionMap& map, std::span<const CopyInput> inputs, std::span<CopyRecords> found,
             WorkMeter& meter, const std::shared_ptr<WorkerThreads>& threads);
  // The next window, before finish() of it. nullptr: the meter stopped the work. Requires: there is one, and
  // the one before was released.
  RepairedWindow* next();
  // The window from next() is no longer used, but for its code.
  void release();
  // Of the last two windows that next() returned.
  const WindowCode& code(std::uint32_t number) const { return codes_[number % codes_.size()]; }
  // Drops all work. Afterwards no thread uses the copies. The codes stay.
  void abandon() noexcept;

  // How many windows are in memory at the same time.
  static std::size_t slots(const ProtectionMap& map, unsigned threads);

 private:
  struct Worker {
    void operator()(RepairedWindow& window) noexcept { window.run(); }
  };
  using Pipeline = OrderedPipeline<RepairedWindow, Worker>;

  WindowCode& code_for(std::uint32_t number) { return codes_[number % codes_.size()]; }

  Allocator allocator_;
  const ProtectionMap* map_ = nullptr;
  std::span<const CopyInput> inputs_;
  std::span<CopyRecords> found_;
  WorkMeter* meter_ = nullptr;
  std::vector<WindowCode> codes_;  // by number modulo their number: of all slots and of the window before
  std::uint32_t submitted_ = 0;
  std::atomic<bool> stop_{false};
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace paxect::core

#include "protect/window_queue.h"

#include <algorithm>

namespace paxect::core {

std::size_t WindowQueue::slots(const ProtectionMap& map, unsigned threads) {
  if (threads == 1) return 1;
  std::uint64_t largest = 1;
  for (const Window& window : map.windows())
    largest = std::max(largest, window.shape.length + 2 * window.shape.parity_size());
  return static_cast<std::size_t>(
      std::clamp<std::uint64_t>(kMaxMemory / largest, 1, std::min(threads, kMaxAhead) + 1));
}

void WindowQueue::begin(const ProtectionMap& map, std::span<const CopyInput> inputs,
                        std::span<CopyRecords> found, WorkMeter& meter,
                        const std::shared_ptr<WorkerThreads>& threads) {
  abandon();
  map_ = &map;
  inputs_ = inputs;
  found_ = found;
  meter_ = &meter;
  submitted_ = 0;
  stop_ = false;
  const std::size_t count = slots(map, threads->size());
  Pipeline::fit(pipeline_, threads, count, [this] { return RepairedWindow(allocator_); });
  if (codes_.size() == count + 1) return;
  codes_.clear();
  codes_.reserve(count + 1);
  for (std::size_t i = 0; i <= count; ++i) codes_.emplace_back(allocator_);
}

RepairedWindow* WindowQueue::next() {
  while (submitted_ < map_->windows().size()) {
    RepairedWindow* free = pipeline_->acquire();
    if (free == nullptr) break;
    free->begin({*map_, inputs_, found_, *meter_, stop_}, submitted_, code_for(submitted_));
    pipeline_->submit();
    ++submitted_;
  }
  // A medium that fails may take minutes for a window.
  return pipeline_->finished_asking([this] { return meter_->ask(); });
}

void WindowQueue::release() { pipeline_->release(); }

void WindowQueue::abandon() noexcept {
  stop_ = true;
  if (pipeline_ != nullptr) pipeline_->abandon();
}

}  // namespace paxect::core

// The one place that all work of a salvage is charged to: bytes read, decompressed and hashed, traces
// examined, records compared. It asks the caller's progress function at short intervals whether to go on, and
// says when the work on one copy exceeds what is in proportion to that copy. One thread at a time.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

#include "callbacks.h"
#include "status.h"

namespace paxect::core {

class WorkMeter {
 public:
  // The work that a scan of one copy may take: so much always, so much for each byte of the copy, and so much
  // for each byte of data in the frames found. FORMAT.md, Salvage, states the bound that results.
  static constexpr std::uint64_t kAlways = std::uint64_t{64} << 20;
  static constexpr std::uint64_t kPerByte = 32;
  static constexpr std::uint64_t kPerDataByte = 4;
  // Beyond that limit, a frame is decompressed only if its data is at most so many times its payload.
  static constexpr std::uint64_t kStrainedRatio = 64;
  // What a step costs that reads next to nothing: examining a trace, a block header, comparing two records.
  static constexpr std::uint64_t kStep = 64;
  // What one record costs in a loop over records in memory.
  static constexpr std::uint64_t kRecord = 4;

  void begin(const Callbacks& callbacks) {
    *this = {};
    callbacks_ = callbacks;
  }
  // For a part of the work of `whole` with a total of its own: `whole` asks the progress function for it, and
  // must live as long.
  void begin_part(WorkMeter& whole) {
    *this = {};
    whole_ = &whole;
  }
  // The same for a part that another thread may do: on any other thread than this one, it stops when `stop`
  // is set, and does not ask `whole`.
  void begin_part(WorkMeter& whole, const std::atomic<bool>& stop) {
    begin_part(whole);
    stop_ = &stop;
    owner_ = std::this_thread::get_id();
  }
  // For the phase that writes: the sink may be another one than in the search.
  void set_callbacks(const Callbacks& callbacks) { callbacks_ = callbacks; }

  // A copy of `size` bytes is scanned from here on.
  void begin_copy(std::uint64_t size) {
    copy_base_ = bytes_in_;
    copy_work_ = total_;
    allowance_ = kAlways + kPerByte * size;
  }
  // A frame with so many bytes of data was found.
  void found(std::uint64_t data) { allowance_ += kPerDataByte * data; }
  // Whether the work on this copy has reached its limit, or would exceed it with `cost` more.
  bool strained() const { return total_ - copy_work_ >= allowance_; }
  bool affords(std::uint64_t cost) const {
    return cost <= allowance_ && total_ - copy_work_ <= allowance_ - cost;
  }

  // Charges work. False when it is to stop; status() says why.
  bool charge(std::uint64_t work) {
    total_ += work;
    since_asked_ += work;
    return since_asked_ < kAskInterval ? status_.ok() : ask();
  }
  // Charges one record of such a loop. Each loop whose length depends on the copies calls this or charge() in
  // every step, and ends when it returns false: what the loop was to find is incomplete then, and is dropped.
  bool pass() { return charge(kRecord); }
  // Asks the progress function at once.
  bool ask() {
    since_asked_ = 0;
    if (!status_.ok()) return false;
    if (stop_ != nullptr && std::this_thread::get_id() != owner_) {
      if (*stop_) status_ = failure(PAXECT_ERROR_CANCELLED, "cancelled");
    } else if (whole_ != nullptr) {
      whole_->ask();
      status_ = whole_->status();
    } else {
      status_ = callbacks_.report(bytes_in_, bytes_out_);
    }
    return status_.ok();
  }

  // Where the work has got to, for the progress function; never goes back.
  void reached(std::uint64_t offset_in_copy) { bytes_in_ = std::max(bytes_in_, copy_base_ + offset_in_copy); }
  void used(std::uint64_t bytes) { bytes_in_ += bytes; }
  void written(std::uint64_t bytes) { bytes_out_ += bytes; }

  std::uint64_t total() const { return total_; }
  const Status& status() const { return status_; }

 private:
  static constexpr std::uint64_t kAskInterval = std::uint64_t{1} << 20;

  Callbacks callbacks_;
  WorkMeter* whole_ = nullptr;
  const std::atomic<bool>* stop_ = nullptr;
  std::thread::id owner_;
  Status status_;
  std::uint64_t total_ = 0;
  std::uint64_t since_asked_ = 0;
  std::uint64_t copy_work_ = 0;  // total_ when this copy began
  std::uint64_t copy_base_ = 0;  // bytes_in_ when this copy began
  std::uint64_t allowance_ = kAlways;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
};

// Sorts without more memory, not stably. `meter`: a WorkMeter, or what charges one. False, with the order
// undefined, when it stops.
template <class T, class Less, class Meter>
bool sort_in_place(std::span<T> all, Less less, Meter& meter) {
  constexpr std::size_t kBlock = 4096;
  if (all.size() <= kBlock) {
    if (!meter.charge(12 * WorkMeter::kRecord * all.size())) return false;
    std::sort(all.begin(), all.end(), less);
    return true;
  }
  if (!meter.charge(WorkMeter::kRecord * all.size())) return false;
  const std::size_t middle = all.size() / 2;
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(middle), all.end(), less);
  return sort_in_place(all.first(middle), less, meter) && sort_in_place(all.subspan(middle), less, meter);
}

// A stable sort that charges its work; false, with the order undefined, when `meter` stops.
template <class T, class Less>
bool sort(std::vector<T>& all, Less less, WorkMeter& meter) {
  constexpr std::size_t kBlock = 4096;
  for (std::size_t at = 0; at < all.size(); at += kBlock) {
    std::size_t count = std::min(kBlock, all.size() - at);
    auto begin = all.begin() + static_cast<std::ptrdiff_t>(at);
    if (!meter.charge(12 * WorkMeter::kRecord * count)) return false;
    std::stable_sort(begin, begin + static_cast<std::ptrdiff_t>(count), less);
  }
  std::vector<T> merged;
  for (std::size_t width = kBlock; width < all.size(); width *= 2) {
    merged.clear();
    merged.reserve(all.size());
    for (std::size_t at = 0; at < all.size(); at += 2 * width) {
      std::size_t middle = std::min(at + width, all.size());
      std::size_t end = std::min(middle + width, all.size());
      for (std::size_t i = at, j = middle; i != middle || j != end;) {
        if (!meter.pass()) return false;
        bool second = i == middle || (j != end && less(all[j], all[i]));
        merged.push_back(all[second ? j++ : i++]);
      }
    }
    all.swap(merged);
  }
  return true;
}

}  // namespace paxect::core

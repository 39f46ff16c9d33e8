// A protected container as the records found in its copies describe it: its windows, its extension frames,
// and where in each copy they are. Values; one thread at a time builds a map.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "format.h"
#include "protect/record_scan.h"
#include "protect/window.h"
#include "salvage/work_meter.h"
#include "status.h"

namespace paxect::core {

// Bytes of a copy.
struct ByteRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  bool empty() const { return begin >= end; }
};

// Records that follow each other in the container and are equally far from their places in it: where bytes
// were inserted or removed before them.
struct Displacement {
  std::uint64_t first = 0;  // offset of the first of them in the container
  std::uint64_t last = 0;
  std::int64_t shift = 0;  // of them in the copy, from there
};

// A window and where its redundancy is.
struct WindowPlan {
  Window window;
  ExtensionLayout own;   // the extension frame behind it
  ExtensionLayout next;  // the one that holds its parity
};

class ProtectionMap {
 public:
  // `sizes` are those of the copies. Errors: NO_PROTECTION when no record of a container was found; DAMAGED
  // when records of it are missing that cannot be replaced; what stopped `meter`.
  Status build(std::span<const Records> copies, std::span<const std::uint64_t> sizes, WorkMeter& meter);

  // The same of a container of which windows may have lost all of their records: those that can still be
  // repaired are known, without what is between them. False when there is none, and when `meter` stopped.
  bool build_partial(std::span<const Records> copies, std::span<const std::uint64_t> sizes, WorkMeter& meter);

  const ProtectionTag& tag() const { return tag_; }
  unsigned percent() const { return windows_.front().shape.percent; }
  const std::vector<Window>& windows() const { return windows_; }
  // The extension frame behind window `number`; behind that of the last one, for number windows().size().
  const ExtensionLayout& extension(std::size_t number) const { return extensions_[number]; }
  // Requires: size() is known.
  std::uint64_t footer_offset() const { return size_ - kFooterSize; }
  // Of windows(), after build() of all.
  const std::vector<WindowPlan>& plans() const { return plans_; }
  // After build_partial(): the extension frames whose place is certain, by offset, and the size of the
  // container, 0 when it is not known.
  const std::vector<ExtensionLayout>& extensions() const { return extensions_; }
  std::uint64_t size() const { return size_; }
  // After build_partial(): of any container that the copies can be of.
  std::uint64_t max_size() const { return max_size_; }
  // Records found in a copy.
  std::size_t records_in(std::size_t copy) const { return copy < counts_.size() ? counts_[copy] : 0; }
  const std::optional<Trailer>& trailer() const { return trailer_; }
  // The shifts that the bytes from `begin` to `end` of the container may have in a copy, the likeliest first.
  // At most kMaxShifts. `steps` receives the changes of the shift that were passed, at most kMaxSteps.
  std::vector<std::int64_t> shifts(std::size_t copy, std::uint64_t begin, std::uint64_t end,
                                   std::size_t* steps = nullptr) const;

  // The shift of the first and of the last record of a copy, in the order of the container, but for records
  // that are out of this order in the copy, or moved towards its beginning while others are in place; none
  // without records, and after a build() that failed.
  std::optional<std::int64_t> first_shift(std::size_t copy) const;
  std::optional<std::int64_t> last_shift(std::size_t copy) const;
  // Places of a copy between two records that follow each other, where more bytes were inserted than damage
  // does: they can hold the end of one container and the beginning of another. In its order.
  const std::vector<ByteRange>& gaps(std::size_t copy) const { return end_shifts_[copy].gaps; }
  // Whether all records of a copy are behind this offset.
  bool is_before_records(std::size_t copy, std::uint64_t offset) const {
    return displacements_[copy].empty() || offset < displacements_[copy].front().first;
  }

  static constexpr std::size_t kMaxShifts = 8;
  // Records that contradict each other may change the shift from each one to the next, to and fro.
  static constexpr std::size_t kMaxSteps = 64;
  // Bytes that count as inserted by damage.
  static constexpr std::int64_t kMaxInserted = 4096;

 private:
  // The results of these are incomplete when `meter` stops.
  bool choose_tag(std::span<const Records> copies, WorkMeter& meter);
  std::optional<Window> choose_window(std::span<const Records> copies, std::uint32_t number,
                                      WorkMeter& meter) const;
  std::optional<std::uint32_t> next_number(std::span<const Records> copies, std::uint32_t from,
                                           WorkMeter& meter) const;
  Status find_windows(std::span<const Records> copies, WorkMeter& meter);
  Status lost_lists(std::span<const Records> copies, WorkMeter& meter) const;
  Status lay_out_all(std::uint64_t max_size, WorkMeter& meter);
  Status choose_trailer(std::span<const Records> copies, WorkMeter& meter);
  std::vector<Window> choose_windows(std::span<const Records> copies, std::uint64_t max_size,
                                     WorkMeter& meter) const;
  bool find_parity(std::span<const Records> copies, std::uint64_t max_size, WindowPlan& plan,
                   WorkMeter& meter) const;
  void find_displacements(std::span<const Records> copies, std::span<const std::uint64_t> sizes,
                          WorkMeter& meter);
  bool is_in_layout(const ListHeader& header) const;
  bool is_in_layout(const Trailer& trailer) const;

  ProtectionTag tag_{};
  std::vector<Window> windows_;
  std::vector<ExtensionLayout> extensions_;
  std::vector<WindowPlan> plans_;
  std::uint64_t size_ = 0;  // of the container; 0: not known
  std::uint64_t max_size_ = 0;
  bool is_partial_ = false;  // after build_partial()
  std::optional<Trailer> trailer_;
  struct EndShifts {
    std::int64_t first = 0;
    std::int64_t last = 0;
    std::vector<ByteRange> gaps;
  };
  struct Place;
  std::vector<Place> without_moved_forward(std::span<const Place> places, std::uint64_t size) const;
  static EndShifts end_shifts(std::span<const Place> places, WorkMeter& meter);

  std::vector<std::vector<Displacement>> displacements_;  // of each copy, by offset
  std::vector<EndShifts> end_shifts_;                     // of each copy; 0 without records
  std::vector<std::size_t> counts_;                       // of the records in each copy
};

}  // namespace paxect::core

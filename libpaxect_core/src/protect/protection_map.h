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
#include "status.h"

namespace paxect::core {

// How far a record is from its place in the container: where bytes were inserted or removed before it.
struct Displacement {
  std::uint64_t offset = 0;  // of the record in the container
  std::int64_t shift = 0;    // of it in the copy, from there

  auto operator<=>(const Displacement&) const = default;  // of two at one offset, the first in the copy
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
  // when records of it are missing that cannot be replaced.
  Status build(std::span<const Records> copies, std::span<const std::uint64_t> sizes);

  // The same of a container of which windows may have lost all of their records: those that can still be
  // repaired are known, without what is between them. False when there is none.
  bool build_partial(std::span<const Records> copies, std::span<const std::uint64_t> sizes);

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
  // Records found in a copy.
  std::size_t records_in(std::size_t copy) const { return displacements_[copy].size(); }
  const std::optional<Trailer>& trailer() const { return trailer_; }
  // The shifts that the bytes from `begin` to `end` of the container may have in a copy, the likeliest first.
  // At most kMaxShifts.
  std::vector<std::int64_t> shifts(std::size_t copy, std::uint64_t begin, std::uint64_t end) const;

  // The shift of the first and of the last record of a copy, in the order of the container; none without
  // records.
  std::optional<std::int64_t> first_shift(std::size_t copy) const;
  std::optional<std::int64_t> last_shift(std::size_t copy) const;
  // Whether all records of a copy are behind this offset.
  bool is_before_records(std::size_t copy, std::uint64_t offset) const {
    return displacements_[copy].empty() || offset < displacements_[copy].front().offset;
  }

  static constexpr std::size_t kMaxShifts = 8;

 private:
  bool choose_tag(std::span<const Records> copies);
  std::optional<Window> choose_window(std::span<const Records> copies, std::uint32_t number) const;
  std::optional<std::uint32_t> next_number(std::span<const Records> copies, std::uint32_t from) const;
  Status find_windows(std::span<const Records> copies);
  Status lost_lists(std::span<const Records> copies) const;
  Status lay_out_all(std::uint64_t max_size);
  Status choose_trailer(std::span<const Records> copies);
  std::vector<Window> choose_windows(std::span<const Records> copies, std::uint64_t max_size) const;
  bool find_parity(std::span<const Records> copies, std::uint64_t max_size, WindowPlan& plan) const;
  void find_displacements(std::span<const Records> copies);
  bool is_in_layout(const ListHeader& header) const;
  bool is_in_layout(const Trailer& trailer) const;

  ProtectionTag tag_{};
  std::vector<Window> windows_;
  std::vector<ExtensionLayout> extensions_;
  std::vector<WindowPlan> plans_;
  std::uint64_t size_ = 0;   // of the container; 0: not known
  bool is_partial_ = false;  // after build_partial()
  std::optional<Trailer> trailer_;
  std::vector<std::vector<Displacement>> displacements_;  // of each copy, by offset
};

}  // namespace paxect::core

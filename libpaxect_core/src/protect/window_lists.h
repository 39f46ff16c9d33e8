// The checksums of a window's cells, as the copies of its list in all copies of the container have them. One
// thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "little_endian.h"
#include "protect/protection_map.h"
#include "protect/repair_copy.h"
#include "protect/window.h"

namespace paxect::core {

class WindowLists {
 public:
  // Reads them from where records were found, and from where they would be if their headers were not damaged:
  // an entry is compared with the cell, so a wrong one does no harm. A reader that fails has the failure. In
  // each copy at most kMaxFound records of each piece of each list are used, and what is at its place, so
  // what is read and kept is in proportion to the window, however many records describe it.
  void load(const ProtectionMap& map, const WindowPlan& plan, std::span<RepairCopy> copies);

  // The copies of the list that have this CRC-32 for the cell: kOfRecord for each whose header is there, and
  // 1 for each that is only read at its place, where older data can show through.
  unsigned votes(std::uint64_t cell, std::uint32_t crc) const;
  bool matches(std::uint64_t cell, std::uint32_t crc) const { return votes(cell, crc) != 0; }
  // Some copies of the list have this CRC-32 for the cell, and no more have another one.
  bool is_most(std::uint64_t cell, std::uint32_t crc) const;
  // None has another one.
  bool is_only(std::uint64_t cell, std::uint32_t crc) const;
  // A cell was found that has its CRC-32: then its piece is no garbage.
  void confirm(std::uint64_t cell) { piece_of(cell).is_list = true; }
  // Whether what the copies have for this cell may be anything.
  bool is_garbage(std::uint64_t cell) const { return !piece_of(cell).is_list; }
  // Calls `use` with each CRC-32 that a copy of the list has for the cell, once; with the kMaxEach that most
  // copies have if there are more.
  template <class Use>
  void each(std::uint64_t cell, Use use) const {
    Counts counts;
    const auto begin = counts.begin();
    auto end = begin + count(cell, counts);
    if (end - begin > kMaxEach) {
      std::sort(begin, end, std::greater<>());
      end = begin + kMaxEach;
    }
    for (auto it = begin; it != end; ++it) use(it->second);
  }
  // The CRC-32 that more copies of the list have for the cell than any other; none when two have as many.
  std::optional<std::uint32_t> majority(std::uint64_t cell) const;

  static constexpr unsigned kOfRecord = 1 << 12;   // more than all votes of other copies
  static constexpr unsigned kMaxFound = 2;         // a copy may have the container twice
  static constexpr std::ptrdiff_t kMaxEach = 8;    // as many as a list has copies in a container
  static constexpr std::size_t kMaxVariants = 24;  // of a list piece

 private:
  using Counts = std::array<std::pair<unsigned, std::uint32_t>, kMaxVariants>;  // votes, CRC-32
  struct Variant {
    std::vector<std::uint8_t> entries;
    std::uint32_t crc = 0;  // of the entries
    unsigned votes = 0;     // of the copies of the list that hold it
  };
  struct Piece {
    std::vector<Variant> variants;  // what the copies of this piece hold
    unsigned attempts = 0;
    bool is_list = false;  // a variant has a valid header or the checksum of a cell; else all may be garbage
  };

  // Where the records of a piece that are used begin.
  struct FoundPiece {
    std::array<std::uint64_t, kMaxFound> at{};
    unsigned count = 0;

    // Whether a piece of `size` bytes that begins at `place` shares bytes with one of them.
    bool overlaps(std::uint64_t place, std::uint64_t size) const {
      return std::any_of(at.begin(), at.begin() + count, [&](std::uint64_t known) {
        return std::max(known, place) - std::min(known, place) < size;
      });
    }
  };

  std::vector<FoundPiece> load_found(const ProtectionMap& map, const WindowPlan& plan, RepairCopy& copy);
  void load_in_place(const ProtectionMap& map, const WindowPlan& plan, std::size_t index, RepairCopy& copy,
                     const std::vector<FoundPiece>& found);
  std::ptrdiff_t count(std::uint64_t cell, Counts& counts) const;  // how many
  bool load_piece(CopyReader& reader, std::uint64_t number, std::uint64_t at, unsigned votes);
  std::size_t piece_index(unsigned list, std::uint64_t piece) const {
    return static_cast<std::size_t>(list * shape_.pieces() + piece);
  }
  Piece& piece_of(std::uint64_t cell) { return pieces_[static_cast<std::size_t>(cell / kPieceEntries)]; }
  const Piece& piece_of(std::uint64_t cell) const {
    return pieces_[static_cast<std::size_t>(cell / kPieceEntries)];
  }
  static std::uint32_t entry(const Variant& variant, std::uint64_t cell) {
    return core::load<std::uint32_t>(&variant.entries[static_cast<std::size_t>(4 * (cell % kPieceEntries))]);
  }

  WindowShape shape_;
  std::vector<Piece> pieces_;
};

}  // namespace paxect::core

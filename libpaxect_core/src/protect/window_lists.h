// The checksums of a window's cells, as the copies of its list in all copies of the container have them. One
// thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "little_endian.h"
#include "protect/protection_map.h"
#include "protect/repair_copy.h"
#include "protect/window.h"

namespace paxect::core {

class WindowLists {
 public:
  // Reads them from where records were found, and from where they would be if their headers were not damaged:
  // an entry is compared with the cell, so a wrong one does no harm. A reader that fails has the failure.
  void load(const ProtectionMap& map, const WindowPlan& plan, std::span<RepairCopy> copies);

  // The copies of the list that have this CRC-32 for the cell.
  unsigned votes(std::uint64_t cell, std::uint32_t crc) const;
  bool matches(std::uint64_t cell, std::uint32_t crc) const { return votes(cell, crc) != 0; }
  // A cell was found that has its CRC-32: then its piece is no garbage.
  void confirm(std::uint64_t cell) { piece_of(cell).is_list = true; }
  // Whether what the copies have for this cell may be anything.
  bool is_garbage(std::uint64_t cell) const { return !piece_of(cell).is_list; }
  // Calls `use` with each CRC-32 that a copy of the list has for the cell.
  template <class Use>
  void each(std::uint64_t cell, Use use) const {
    for (const Variant& variant : piece_of(cell).variants) use(entry(variant, cell));
  }

 private:
  struct Variant {
    std::vector<std::uint8_t> entries;
    unsigned votes = 0;  // copies of the list that hold it
  };
  struct Piece {
    std::vector<Variant> variants;  // what the copies of this piece hold
    unsigned attempts = 0;
    bool is_list = false;  // a variant has a valid header or the checksum of a cell; else all may be garbage
  };

  void load_in_place(const ProtectionMap& map, const WindowPlan& plan, std::size_t index, RepairCopy& copy);
  bool load_piece(CopyReader& reader, std::uint64_t number, std::uint64_t at);
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

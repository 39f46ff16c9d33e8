// Repairs one window: takes every cell from a copy that has it, and computes those that no copy has from the
// parity. One thread at a time. Memory: the window, its parity and its lists.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "memory.h"
#include "protect/protection_map.h"
#include "protect/repair_copy.h"
#include "protect/window.h"
#include "protect/window_lists.h"
#include "status.h"

namespace paxect::core {

// What was found of a window.
struct WindowDamage {
  std::uint32_t number = 0;
  std::uint64_t offset = 0;  // of the window
  std::uint64_t length = 0;
  std::uint64_t cells = 0;         // of data and parity
  std::uint64_t damaged = 0;       // of these, those that no copy has
  std::uint64_t damaged_data = 0;  // of these, data cells
  std::uint64_t begin = 0;         // of the damaged data cells; offsets in the container
  std::uint64_t end = 0;
  std::uint64_t lacking = 0;   // cells that the parity cannot restore; 0: the window is restored
  std::uint64_t unproven = 0;  // data cells that no checksum confirms, see is_confirmed_by()
  unsigned spare = 0;          // parity cells that the worst code word has left
  unsigned parity = 0;         // cells that a code word had
};

// What stands in for cells that no checksum confirms, where the parity is not enough to compute them.
struct Trust {
  std::size_t copy = 0;       // has them first
  bool contradicted = false;  // even those that differ from their checksum, which may be the damaged one
};

class WindowRepair {
 public:
  explicit WindowRepair(const Allocator& allocator) : data_(allocator), parity_(allocator) {}

  // The next three, in turn. Errors: MEMORY, and those of the copies' readers. Whether the window is restored
  // is in `damage`.
  Status run(const ProtectionMap& map, const WindowPlan& plan, std::span<RepairCopy> copies,
             WindowDamage& damage);
  // Takes the cells from where the map says that they are. `is_enough`: that suffices to restore the window.
  Status gather(const ProtectionMap& map, const WindowPlan& plan, std::span<RepairCopy> copies,
                bool& is_enough);
  // Searches the copies for those that are still missing, which uses up their search budget.
  Status search(std::span<RepairCopy> copies);
  // Computes what is missing. Requires: the copies that gather() was given still exist.
  Status restore(WindowDamage& damage);
  // What the copies of a list must say of a cell that is taken while no code word lacks cells: no other
  // CRC-32 more often, none as often, or no other one.
  enum class Agreement : std::uint8_t { kMost, kMore, kAll };
  // Whether a cell was taken that does not have this agreement.
  bool has_less_than(Agreement agreement) const { return has_less_[static_cast<std::size_t>(agreement)]; }
  // After restore(), for a window that is not proven: the same from the beginning, with this agreement.
  Status restore_again(std::span<RepairCopy> copies, Agreement agreement, WindowDamage& damage);
  // After restore(): the same from other bytes, for a window that is not restored or not proven. False when
  // these cannot be all of the window. `status`: of the copies' readers.
  bool retry(std::span<RepairCopy> copies, const Trust& trust, WindowDamage& damage, Status& status);
  // After gather(): adds the shifts in a copy at which two cells that follow each other are, in the order of
  // the copy. Of cells that many others equal, contents do not show which one it is: they are passed over, or
  // each is taken for the nearest, and their shifts follow the others. Errors: those of the copy's reader.
  enum class Equal { kIgnored, kNearest };
  Status find_shifts(std::size_t index, RepairCopy& copy, Equal equal, std::vector<std::int64_t>& shifts);
  // After restore(): puts the damaged bytes of this copy where nothing better is known.
  Status fill(RepairCopy& copy, std::int64_t shift);

  // The bytes of the window, filled up to whole cells with zeros.
  const std::uint8_t* bytes() const { return data_.data(); }
  // Whether a parity cell that a copy has differs from this parity, which is that of bytes(): then some cells
  // were taken for valid that are not.
  bool contradicts(std::span<const std::uint8_t> parity) const;
  // Whether this parity, which is that of bytes(), confirms the unproven cells: of the parity cells of their
  // code words that the copies have, it agrees with at least two that were not needed, and with most of them.
  bool is_confirmed_by(std::span<const std::uint8_t> parity) const;
  // After a retry that trusted contradicted cells and was proven: counts the damage again, without the cells
  // that turned out to be right.
  void count_again(std::span<const std::uint8_t> parity, WindowDamage& damage);

 private:
  enum class Cell : std::uint8_t {
    kMissing,       // no copy has bytes for it
    kContradicted,  // bytes that differ from its checksum
    kUnconfirmed,   // bytes; its checksum is lost
    kFound,         // bytes that have its checksum
    kComputed       // from parity
  };
  struct Run;  // cells that follow each other in the container
  struct WordState;
  struct UnprovenWord {
    std::uint32_t word = 0;
    std::bitset<kMaxParityCells> needed;  // of its parity cells, to compute others
  };

  std::uint8_t* place(std::uint64_t cell);
  std::uint64_t stored_size(std::uint64_t cell) const;
  enum class Take : std::uint8_t {
    kMajority,    // with the CRC-32 that most copies of the list have for the cell, see Agreement
    kProvenData,  // with that of any, data cells of code words that lack cells
    kProven,      // likewise, parity too
    kAny
  };
  bool is_wanted(std::uint64_t cell, Take what) const {
    if (what == Take::kAny) return cells_[cell] == Cell::kMissing;
    if (cells_[cell] == Cell::kFound) return false;
    if (what == Take::kMajority) return true;
    return is_lacking_[word_of(cell)] && (what == Take::kProven || cell < window_.shape.data_cells());
  }
  std::size_t word_of(std::uint64_t cell) const {
    const std::uint64_t data_cells = window_.shape.data_cells();
    return static_cast<std::size_t>((cell < data_cells ? cell : cell - data_cells) % window_.shape.words);
  }
  Status take_proven(std::span<RepairCopy> copies);
  // Finds the code words that lack cells, for Take::kProvenData and kProven; whether there is one.
  bool find_lacking();
  void take(RepairCopy& copy, std::int64_t shift, Take what);
  void take_run(RepairCopy& copy, std::int64_t shift, Take what, Run run);
  void take_cell(std::uint64_t cell, Take what);
  bool agree(std::uint64_t cell, std::uint32_t crc);
  Status take_unproven(std::span<RepairCopy> copies, std::size_t first, bool& has_any);
  std::size_t data_cell(unsigned column, std::uint32_t word) const {
    return std::size_t{column} * window_.shape.words + word;
  }
  std::size_t parity_cell(unsigned row, std::uint32_t word) const {
    return window_.shape.data_cells() + std::size_t{row} * window_.shape.words + word;
  }
  using CellsByCrc = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // CRC-32, cell; sorted
  struct Found {
    std::uint32_t cell = 0;
    std::uint32_t distance = 0;  // from the expected one
    bool is_one_of_many = false;
  };
  struct Pair;
  struct SearchRange : ByteRange {
    std::int64_t first_shift = 0;  // of the cells in it, as far as records show
  };
  void take_equal();
  std::vector<Pair> missing_pairs(CopyReader& charged) const;
  static std::span<Pair> equal_pairs(std::vector<Pair>& pairs, std::uint32_t crc, std::uint32_t next);
  void take_pairs(std::span<Pair> equal, const std::uint8_t* bytes);
  SearchRange charge_range(std::size_t index, RepairCopy& copy) const;
  Status take_moved(RepairCopy& copy, const SearchRange& range, std::vector<std::int64_t>& shifts);
  Status find_shifts(RepairCopy& copy, const SearchRange& range, Equal equal,
                     std::vector<std::int64_t>& found);
  CellsByCrc wanted_cells(CopyReader& charged) const;
  std::optional<Found> choose(const CellsByCrc& wanted, std::uint32_t crc, std::uint32_t next,
                              std::uint32_t expected, std::vector<std::uint32_t>& possible) const;
  WordState state_of(std::uint32_t word) const;
  bool enough(std::uint32_t word) const;
  bool all_enough() const;
  Status restore_words(bool trust_contradicted, WindowDamage& damage);
  std::uint64_t restore_word(std::uint32_t word, bool trust_contradicted, unsigned& spare,
                             std::uint64_t& unproven);
  void compute(std::uint32_t word, const std::vector<unsigned>& lost, const std::vector<unsigned>& kept,
               const std::vector<unsigned>& rows);
  void describe(WindowDamage& damage) const;
  const std::uint8_t* row_of(const std::uint8_t* parity, unsigned row, std::uint32_t word) const {
    return parity + ((std::size_t{row} * window_.shape.words + word) << window_.shape.cell_bits);
  }

  const ProtectionMap* map_ = nullptr;
  CopyReader* charged_ = nullptr;  // for work that reads nothing
  WindowPlan plan_;
  Window window_;
  Buffer data_;
  Buffer parity_;
  std::vector<Cell> cells_;       // the data cells, then the parity cells
  std::vector<bool> is_lacking_;  // by code word
  Agreement agreement_ = Agreement::kMost;
  std::array<bool, 3> has_less_{};  // by agreement
  WindowLists lists_;
  std::vector<UnprovenWord> unproven_;
};

}  // namespace paxect::core

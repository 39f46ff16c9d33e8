// WindowRepair's search for cells that are elsewhere in a copy than records show.
#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "digest.h"
#include "protect/cell_search.h"
#include "protect/window_repair.h"

namespace paxect::core {
namespace {

constexpr std::size_t kMaxFoundShifts = 32;      // by a search of one copy
constexpr std::uint64_t kSearchBytes = 1 << 20;  // that are searched at once
// Where more cells than this have one CRC-32, a place that has it shows little about which of them it is.
constexpr std::ptrdiff_t kMaxEqual = 4;
// Places with the CRC-32s of two wanted cells, of which most turn out to be none where lists are hostile: as
// many are examined as there are cells in the bytes that are searched, times this.
constexpr std::uint64_t kMaxChecks = 4;

void add(std::vector<std::int64_t>& shifts, std::int64_t shift) {
  if (shifts.size() < kMaxFoundShifts && std::find(shifts.begin(), shifts.end(), shift) == shifts.end())
    shifts.push_back(shift);
}

}  // namespace

// Cells of equal contents stand in for each other. Two different ones have the same CRC-32 once in 2^32
// pairs, so that the parity comes first.
void WindowRepair::take_equal() {
  const WindowShape& shape = window_.shape;
  CellsByCrc known;
  for (std::uint64_t cell = 0; cell < shape.data_cells(); ++cell)
    if (cells_[cell] == Cell::kFound && charged_->charge(shape.cell()))
      known.emplace_back(crc32(place(cell), shape.cell()), static_cast<std::uint32_t>(cell));
  if (!sort_in_place(std::span(known), std::less<>(), *charged_)) return;
  for (std::uint32_t word = 0; word < shape.words; ++word) {
    if (!charged_->charge(std::uint64_t{shape.word_cells(word)} << shape.cell_bits)) return;
    for (std::uint64_t cell = word; cell < shape.data_cells() && !enough(word); cell += shape.words) {
      const std::optional<std::uint32_t> crc = lists_.majority(cell);
      if (cells_[cell] == Cell::kFound || !crc) continue;
      const auto equal = std::lower_bound(known.begin(), known.end(), std::make_pair(*crc, std::uint32_t{0}));
      if (equal == known.end() || equal->first != *crc) continue;
      std::memcpy(place(cell), place(equal->second), shape.cell());
      cells_[cell] = Cell::kFound;
      lists_.confirm(cell);
    }
  }
}

// The whole data cells by their checksums.
WindowRepair::CellsByCrc WindowRepair::wanted_cells(CopyReader& charged) const {
  const WindowShape& shape = window_.shape;
  auto for_each = [&](auto use) {
    for (std::uint64_t cell = 0; cell < shape.data_cells(); ++cell)
      if (stored_size(cell) == shape.cell() && charged.charge(WorkMeter::kStep))
        lists_.each(cell, [&](std::uint32_t crc) { use(crc, static_cast<std::uint32_t>(cell)); });
  };
  std::size_t count = 0;
  for_each([&](std::uint32_t, std::uint32_t) { ++count; });
  CellsByCrc wanted;
  wanted.reserve(count);
  for_each([&](std::uint32_t crc, std::uint32_t cell) { wanted.emplace_back(crc, cell); });
  if (!sort_in_place(std::span(wanted), std::less<>(), charged)) wanted.clear();
  return wanted;
}

// Which of the wanted cells these CRC-32s of a cell and of the next one are of. `possible`: all of them that
// were considered.
std::optional<WindowRepair::Found> WindowRepair::choose(const CellsByCrc& wanted, std::uint32_t crc,
                                                        std::uint32_t next, std::uint32_t expected,
                                                        std::vector<std::uint32_t>& possible) const {
  possible.clear();
  const auto first = std::lower_bound(wanted.begin(), wanted.end(), std::make_pair(crc, std::uint32_t{0}));
  auto is_equal = [&](auto it) { return it != wanted.end() && it->first == crc; };
  std::optional<Found> best;
  unsigned best_support = 0;
  auto consider = [&](std::uint32_t cell) {
    if (cell + std::uint64_t{1} >= window_.shape.data_cells()) return;
    // Bytes that were inserted in a list make cells of it pass for others. Other copies outvote it.
    const unsigned support = std::min(lists_.votes(cell, crc), lists_.votes(cell + std::uint64_t{1}, next));
    if (support != 0) possible.push_back(cell);
    const std::uint32_t distance = std::max(cell, expected) - std::min(cell, expected);
    if (support < std::max(best_support, 1U) ||
        (best && support == best_support && distance >= best->distance))
      return;
    best_support = support;
    best = {.cell = cell, .distance = distance};
  };
  // Of many equal cells, those next to the expected one.
  const auto middle = std::lower_bound(first, wanted.end(), std::make_pair(crc, expected));
  for (auto it = middle; is_equal(it) && it - middle < kMaxEqual; ++it) consider(it->second);
  for (auto it = middle; it != first && middle - it < kMaxEqual;) consider((--it)->second);
  if (best) best->is_one_of_many = wanted.end() - first > kMaxEqual && is_equal(first + kMaxEqual);
  return best;
}

// Bytes were inserted or removed at several places of the window. Cells between two of them are at a shift
// that no record shows: they are looked for by their CRC-32. Two neighbours have to be found, since one alone
// is sometimes a coincidence. They may have been found elsewhere already: what is still missing, parity
// included, can be at the same shift. Equal cells are taken for those that are nearest to where the bytes
// before them were: any of them has the right contents, and the next one.
Status WindowRepair::find_shifts(std::size_t index, RepairCopy& copy, Equal equal,
                                 std::vector<std::int64_t>& found) {
  CopyReader& reader = copy.reader;
  const WindowShape& shape = window_.shape;
  found.clear();
  const std::vector<std::int64_t> shifts = charged_shifts(*map_, index, copy, window_.offset, plan_.own.end);
  auto [least, most] = std::minmax_element(shifts.begin(), shifts.end());
  auto bound = [&](std::uint64_t offset, std::int64_t shift) {
    std::int64_t at = static_cast<std::int64_t>(offset) + shift;
    return std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(at, 0)), reader.size());
  };
  std::uint64_t from = bound(window_.offset, *least);
  std::uint64_t to = bound(window_.end(), *most);
  if (to <= from || to - from > copy.found->search_budget) return reader.failure();
  const CellsByCrc wanted = wanted_cells(reader);
  if (wanted.empty()) return reader.failure();
  copy.found->search_budget -= to - from;
  std::vector<std::uint32_t> crcs;
  crcs.reserve(wanted.size());
  for (const auto& [crc, cell] : wanted) crcs.push_back(crc);
  CellSearch search(shape.cell(), std::move(crcs), reader);
  std::vector<std::int64_t> of_equal;
  std::vector<std::int64_t> of_others;
  std::vector<std::uint32_t> possible;
  std::int64_t last = shifts.front();
  // The cell whose place is nearest to this one of the copy, at the shift that was found last.
  auto expected_at = [&](std::uint64_t at) {
    const std::int64_t offset =
        static_cast<std::int64_t>(at) - last - static_cast<std::int64_t>(window_.offset);
    const std::int64_t cell = (offset + static_cast<std::int64_t>(shape.cell() / 2)) >> shape.cell_bits;
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(cell, 0, static_cast<std::int64_t>(shape.data_cells() - 1)));
  };
  std::vector<std::uint8_t> block;
  std::uint64_t checks = kMaxChecks * (to - from) / shape.cell();
  for (std::uint64_t at = from; at < to && found.size() < kMaxFoundShifts && checks != 0;
       at += kSearchBytes) {
    auto size = static_cast<std::size_t>(std::min(kSearchBytes + 2 * shape.cell() - 1, to - at));
    block.resize(size);
    if (!reader.read(at, block.data(), size)) break;
    search.run(block, [&](std::size_t offset, std::uint32_t crc, std::uint32_t next) -> std::size_t {
      if (checks == 0 || !reader.charge(WorkMeter::kStep)) return size;
      --checks;
      const std::optional<Found> here = choose(wanted, crc, next, expected_at(at + offset), possible);
      if (!here) return 0;
      // All places in a row of cells that are periodic can be such ones: they must not use up the checks.
      if (here->is_one_of_many && equal == Equal::kIgnored) return shape.cell();
      auto shift_of = [&](std::uint32_t cell) {
        return static_cast<std::int64_t>(at + offset) -
               static_cast<std::int64_t>(window_.offset + (std::uint64_t{cell} << shape.cell_bits));
      };
      last = shift_of(here->cell);
      add(here->is_one_of_many ? of_equal : found, last);
      // The nearest one is not always the right one: of a few, the others are tried too.
      for (const std::uint32_t cell : possible)
        if (!here->is_one_of_many) add(of_others, shift_of(cell));
      return 2 * shape.cell();
    });
  }
  // Cells that are like no others show more.
  for (const std::vector<std::int64_t>* list : {&of_others, &of_equal})
    for (const std::int64_t shift : *list) add(found, shift);
  return reader.failure();
}

}  // namespace paxect::core

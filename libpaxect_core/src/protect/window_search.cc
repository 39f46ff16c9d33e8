// WindowRepair's search for cells that are elsewhere in a copy than records show.
#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <tuple>
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
constexpr std::uint64_t kMissingBytes = 1 << 16;  // that are searched at once for missing cells
// A place with the CRC-32s of two missing cells is examined for so many bytes: where data repeats, more of
// them are none than elsewhere.
constexpr std::uint64_t kBytesPerCheck = 4;
constexpr std::uint32_t kTaken = std::numeric_limits<std::uint32_t>::max();

void add(std::vector<std::int64_t>& shifts, std::int64_t shift) {
  if (shifts.size() < kMaxFoundShifts && std::find(shifts.begin(), shifts.end(), shift) == shifts.end())
    shifts.push_back(shift);
}

// The shifts, those that occur most often first.
void add_by_number(std::vector<std::int64_t> all, std::vector<std::int64_t>& shifts) {
  std::sort(all.begin(), all.end());
  std::vector<std::pair<std::ptrdiff_t, std::int64_t>> numbers;
  for (auto it = all.begin(); it != all.end();) {
    const auto end = std::upper_bound(it, all.end(), *it);
    numbers.emplace_back(it - end, *it);
    it = end;
  }
  std::sort(numbers.begin(), numbers.end());
  for (const auto& [number, shift] : numbers) add(shifts, shift);
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

// A whole data cell and the next one, one of which is missing, by their CRC-32s.
struct WindowRepair::Pair {
  std::uint32_t crc = 0;
  std::uint32_t next = 0;
  std::uint32_t cell = 0;  // of the first of equal pairs, kTaken: they were found

  auto operator<=>(const Pair&) const = default;
};

std::vector<WindowRepair::Pair> WindowRepair::missing_pairs(CopyReader& charged) const {
  const WindowShape& shape = window_.shape;
  std::vector<Pair> pairs;
  auto for_each = [&](auto use) {
    for (std::uint64_t cell = 0; cell + 1 < shape.data_cells(); ++cell) {
      const auto index = static_cast<std::size_t>(cell);
      if (cells_[index] == Cell::kFound && cells_[index + 1] == Cell::kFound) continue;
      if (stored_size(cell + 1) != shape.cell()) continue;
      if (!charged.charge(2 * WorkMeter::kStep)) return;
      use(static_cast<std::uint32_t>(cell));
    }
  };
  std::size_t count = 0;
  for_each([&](std::uint32_t) { ++count; });
  pairs.reserve(count);
  // Where as many copies of the list have another one, a list that was moved in its place can be one of them:
  // its cells would be taken for others. Those are left to the search for shifts, which tries them by parity.
  for_each([&](std::uint32_t cell) {
    const std::optional<std::uint32_t> crc = lists_.majority(cell);
    const std::optional<std::uint32_t> next = lists_.majority(cell + std::uint64_t{1});
    if (crc && next) pairs.push_back({*crc, *next, cell});
  });
  if (!sort_in_place(std::span(pairs), std::less<>(), charged)) pairs.clear();
  return pairs;
}

std::span<WindowRepair::Pair> WindowRepair::equal_pairs(std::vector<Pair>& pairs, std::uint32_t crc,
                                                        std::uint32_t next) {
  auto key = [](const Pair& pair) { return std::tie(pair.crc, pair.next); };
  const Pair wanted{crc, next, 0};
  const auto [begin, end] = std::equal_range(pairs.begin(), pairs.end(), wanted,
                                             [&](const Pair& a, const Pair& b) { return key(a) < key(b); });
  return {begin, end};
}

// Takes all missing cells of these equal pairs from `bytes`.
void WindowRepair::take_pairs(std::span<Pair> equal, const std::uint8_t* bytes) {
  const std::size_t size = window_.shape.cell();
  for (const Pair& pair : equal)
    for (std::size_t i = 0; i < 2; ++i) {
      const std::size_t cell = pair.cell + i;
      if (cells_[cell] == Cell::kFound) continue;
      std::memcpy(place(cell), bytes + i * size, size);
      cells_[cell] = Cell::kFound;
      lists_.confirm(cell);
    }
  equal.front().cell = kTaken;
}

// Where the cells of the window can be in a copy, as the records around it show; empty where the search
// budget is too small for it. Else the budget is charged, once for all searches of this range.
WindowRepair::SearchRange WindowRepair::charge_range(std::size_t index, RepairCopy& copy) const {
  const std::vector<std::int64_t> shifts = charged_shifts(*map_, index, copy, window_.offset, plan_.own.end);
  const auto [least, most] = std::minmax_element(shifts.begin(), shifts.end());
  auto bound = [&](std::uint64_t offset, std::int64_t shift) {
    const std::int64_t at = static_cast<std::int64_t>(offset) + shift;
    return std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(at, 0)), copy.reader.size());
  };
  const SearchRange range{{bound(window_.offset, *least), bound(window_.end(), *most)}, shifts.front()};
  if (range.empty() || range.end - range.begin > copy.found->search_budget) return {};
  copy.found->search_budget -= range.end - range.begin;
  return range;
}

// Bytes were inserted or removed at several places of the window, and cells between two of them are at a
// shift that no record shows. Where data repeats, the same cells are at other shifts too, and each of them is
// as good: so cells are taken from where they are found, with all that equal them, and are looked for no
// longer. Two neighbours have to be found, since one alone is sometimes a coincidence. What is found once for
// all shows how far other cells are moved: `shifts` receives that, what most pairs show first.
Status WindowRepair::take_moved(RepairCopy& copy, const SearchRange& range,
                                std::vector<std::int64_t>& shifts) {
  CopyReader& reader = copy.reader;
  const std::size_t size = window_.shape.cell();
  std::vector<Pair> pairs = missing_pairs(reader);
  std::uint64_t checks = (range.end - range.begin) / kBytesPerCheck;
  std::vector<std::int64_t> of_pairs;
  std::vector<std::uint8_t> block;
  for (std::uint64_t at = range.begin; at < range.end && !pairs.empty() && checks != 0;) {
    std::vector<std::uint32_t> crcs;
    crcs.reserve(2 * pairs.size());
    for (const Pair& pair : pairs) crcs.insert(crcs.end(), {pair.crc, pair.next});
    CellSearch search(size, std::move(crcs), reader);
    std::size_t taken = 0;  // of the pairs
    while (at < range.end && taken <= pairs.size() / 2 && checks != 0) {
      block.resize(
          static_cast<std::size_t>(std::min<std::uint64_t>(kMissingBytes + 2 * size - 1, range.end - at)));
      if (!reader.read(at, block.data(), block.size())) return reader.failure();
      std::uint64_t next_block = at + kMissingBytes;
      search.run(block, [&](std::size_t offset, std::uint32_t crc, std::uint32_t next) -> std::size_t {
        if (checks == 0 || !reader.charge(WorkMeter::kStep)) return block.size();
        --checks;
        const std::span<Pair> equal = equal_pairs(pairs, crc, next);
        if (equal.empty() || equal.front().cell == kTaken) return 0;
        if (!reader.charge(equal.size() * WorkMeter::kStep)) return block.size();
        if (equal.size() == 1)
          of_pairs.push_back(static_cast<std::int64_t>(at + offset) -
                             static_cast<std::int64_t>(
                                 window_.offset + (std::uint64_t{equal[0].cell} << window_.shape.cell_bits)));
        take_pairs(equal, block.data() + offset);
        taken += equal.size();
        // The fewer are looked for, the fewer places are examined in vain.
        if (taken <= pairs.size() / 2) return 0;
        next_block = at + offset + 1;
        return block.size();
      });
      at = next_block;
    }
    pairs = missing_pairs(reader);
  }
  add_by_number(std::move(of_pairs), shifts);
  return reader.failure();
}

// What is missing is looked for by all cells of the window. They may have been found elsewhere already: what
// is still missing, parity included, can be at the same shift. Equal cells are taken for those that are
// nearest to where the bytes before them were: any of them has the right contents, and the next one.
Status WindowRepair::find_shifts(std::size_t index, RepairCopy& copy, Equal equal,
                                 std::vector<std::int64_t>& shifts) {
  const SearchRange range = charge_range(index, copy);
  return range.empty() ? copy.reader.failure() : find_shifts(copy, range, equal, shifts);
}

Status WindowRepair::find_shifts(RepairCopy& copy, const SearchRange& range, Equal equal,
                                 std::vector<std::int64_t>& found) {
  CopyReader& reader = copy.reader;
  const WindowShape& shape = window_.shape;
  const std::uint64_t from = range.begin;
  const std::uint64_t to = range.end;
  const CellsByCrc wanted = wanted_cells(reader);
  if (wanted.empty()) return reader.failure();
  std::vector<std::uint32_t> crcs;
  crcs.reserve(wanted.size());
  for (const auto& [crc, cell] : wanted) crcs.push_back(crc);
  CellSearch search(shape.cell(), std::move(crcs), reader);
  std::vector<std::int64_t> of_equal;
  std::vector<std::int64_t> of_others;
  std::vector<std::uint32_t> possible;
  std::int64_t last = range.first_shift;
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

#include "protect/window_repair.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "digest.h"
#include "little_endian.h"
#include "protect/cell_search.h"
#include "protect/galois.h"
#include "protect/window_code.h"

namespace paxect::core {
namespace {

constexpr std::uint64_t kRunCells = 64;   // that are read at once
constexpr std::size_t kMaxVariants = 24;  // of a list piece
constexpr unsigned kMaxAttempts = 1024;   // to load one: 8 copies of it in 64 copies of the container, twice
constexpr std::size_t kMaxFoundShifts = 32;      // by a search of one copy
constexpr std::uint64_t kSearchBytes = 1 << 20;  // that are searched at once
// Cells of one CRC-32 that are searched for: more of them have equal contents, or hostile lists.
constexpr std::ptrdiff_t kMaxEqual = 4;
// A place that has the CRC-32 of a wanted cell and turns out to be none costs the check of another cell. Such
// checks may read so many times as much as is searched.
constexpr std::uint64_t kMaxChecks = 4;

// The place in a copy of what is at `offset` in the container; false when that is not in the copy.
bool in_copy(const CopyReader& reader, std::uint64_t offset, std::int64_t shift, std::uint64_t size,
             std::uint64_t& at) {
  if (shift < 0 && offset < static_cast<std::uint64_t>(-shift)) return false;
  at = offset + static_cast<std::uint64_t>(shift);
  return at <= reader.size() && size <= reader.size() - at;
}

using WantedCells = std::vector<std::pair<std::uint32_t, std::uint64_t>>;  // CRC-32, cell

// Sorts the cells, each once, without those whose CRC-32 more than kMaxEqual of them share.
void keep_rare(WantedCells& wanted) {
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  auto kept = wanted.begin();
  for (auto it = wanted.begin(); it != wanted.end();) {
    auto end = std::find_if(it, wanted.end(), [&](const auto& each) { return each.first != it->first; });
    if (end - it <= kMaxEqual) kept = std::move(it, end, kept);
    it = end;
  }
  wanted.erase(kept, wanted.end());
}

}  // namespace

struct WindowRepair::Run {
  std::uint64_t first = 0;  // cell
  std::uint64_t cells = 0;
  std::uint64_t offset = 0;  // of the first cell in the container
};

Status WindowRepair::run(const ProtectionMap& map, const WindowPlan& plan, std::span<RepairCopy> copies,
                         WindowDamage& damage) {
  map_ = &map;
  plan_ = plan;
  window_ = plan.window;
  const WindowShape& shape = window_.shape;
  auto data_size = static_cast<std::size_t>(shape.data_cells() << shape.cell_bits);
  auto parity_size = static_cast<std::size_t>(shape.parity_size());
  if (!data_.reserve(data_size) || !parity_.reserve(parity_size) ||
      !scratch_.reserve(kSearchBytes + 2 * shape.cell()))
    return failure(PAXECT_ERROR_MEMORY,
                   "out of memory for a window of " + std::to_string(data_size + parity_size) + " bytes");
  std::memset(data_.data(), 0, data_size);
  cells_.assign(static_cast<std::size_t>(shape.all_cells()), Cell::kMissing);
  Status status = load_lists(copies);
  for (std::size_t i = 0; status.ok() && i < copies.size(); ++i) {
    for (std::int64_t shift : map.shifts(i, window_.offset, plan_.next.end)) take(copies[i].reader, shift);
    status = copies[i].reader.failure();
  }
  for (std::size_t i = 0; status.ok() && i < copies.size() && !all_enough(); ++i) {
    search(i, copies[i]);
    status = copies[i].reader.failure();
  }
  if (!status.ok()) return status;
  describe(damage);
  restore(damage);
  return {};
}

// From where records were found, and from where they would be if their headers were not damaged: an entry of
// a list is compared with the cell, so a wrong one does no harm.
Status WindowRepair::load_lists(std::span<RepairCopy> copies) {
  const WindowShape& shape = window_.shape;
  pieces_.assign(static_cast<std::size_t>(shape.pieces()), {});
  for (RepairCopy& copy : copies)
    for (const FoundList& found : copy.records.of_window(window_.number))
      if (found.header.tag == map_->tag() && found.header.window == window_)
        load_piece(copy.reader, found.header.first / kPieceEntries, found.at + kListHeaderSize);
  const ExtensionLayout& own = plan_.own;
  const ExtensionLayout& next = plan_.next;
  for (std::size_t i = 0; i < copies.size(); ++i)
    for (unsigned list = 0; list < shape.list_copies(); ++list) {
      std::uint64_t at = list == 0   ? own.own_list
                         : list == 1 ? next.list
                                     : next.lists + (list - 2) * shape.list_size();
      std::int64_t shift = map_->shifts(i, at, at + shape.list_size()).front();
      for (std::uint64_t piece = 0; piece < shape.pieces(); at += shape.piece_size(piece), ++piece) {
        std::uint64_t place = 0;
        if (in_copy(copies[i].reader, at + kListHeaderSize, shift, 4 * shape.piece_entries(piece), place))
          load_piece(copies[i].reader, piece, place);
      }
    }
  return {};
}

void WindowRepair::load_piece(CopyReader& reader, std::uint64_t piece, std::uint64_t at) {
  auto& [variants, attempts] = pieces_[static_cast<std::size_t>(piece)];
  std::vector<std::uint8_t> entries(4 * window_.shape.piece_entries(piece));
  if (at > reader.size() || entries.size() > reader.size() - at) return;
  if (variants.size() == kMaxVariants || ++attempts > kMaxAttempts) return;
  if (!reader.read(at, entries.data(), entries.size())) return;
  if (std::find(variants.begin(), variants.end(), entries) == variants.end())
    variants.push_back(std::move(entries));
}

bool WindowRepair::matches(std::uint64_t cell, std::uint32_t crc) const {
  for (const std::vector<std::uint8_t>& entries : pieces_[cell / kPieceEntries].variants)
    if (load<std::uint32_t>(&entries[4 * (cell % kPieceEntries)]) == crc) return true;
  return false;
}

std::uint8_t* WindowRepair::place(std::uint64_t cell) {
  std::uint64_t data_cells = window_.shape.data_cells();
  return cell < data_cells ? data_.data() + (cell << window_.shape.cell_bits)
                           : parity_.data() + ((cell - data_cells) << window_.shape.cell_bits);
}

// The last data cell may be shorter than a cell.
std::uint64_t WindowRepair::stored_size(std::uint64_t cell) const {
  const WindowShape& shape = window_.shape;
  std::uint64_t size = shape.cell();
  return cell + 1 == shape.data_cells() ? shape.length - (cell << shape.cell_bits) : size;
}

// Takes the cells that are still missing from where they are in a copy with this shift.
void WindowRepair::take(CopyReader& reader, std::int64_t shift) {
  const WindowShape& shape = window_.shape;
  std::uint64_t parity_offset = plan_.next.parity;
  for (std::uint64_t cell = 0; cell < cells_.size();) {
    if (cells_[cell] == Cell::kFound) {
      ++cell;
      continue;
    }
    bool is_data = cell < shape.data_cells();
    std::uint64_t limit = is_data ? shape.data_cells() : cells_.size();
    std::uint64_t end = cell + 1;
    while (end < std::min(limit, cell + kRunCells) && cells_[end] != Cell::kFound) ++end;
    std::uint64_t offset = is_data ? window_.offset + (cell << shape.cell_bits)
                                   : parity_offset + ((cell - shape.data_cells()) << shape.cell_bits);
    take_run(reader, shift, {cell, end - cell, offset});
    cell = end;
  }
}

void WindowRepair::take_run(CopyReader& reader, std::int64_t shift, Run run) {
  const WindowShape& shape = window_.shape;
  // Only cells that the copy has whole: the ends of the run may be outside.
  std::uint64_t at = 0;
  while (run.cells != 0 && !in_copy(reader, run.offset, shift, stored_size(run.first), at)) {
    run.first += 1;
    run.offset += shape.cell();
    run.cells -= 1;
  }
  if (run.cells == 0) return;
  std::uint64_t size = 0;
  std::uint64_t whole = 0;
  for (; whole < run.cells && size + stored_size(run.first + whole) <= reader.size() - at; ++whole)
    size += stored_size(run.first + whole);
  if (!reader.read(at, scratch_.data(), static_cast<std::size_t>(size))) return;
  std::memset(scratch_.data() + size, 0, shape.cell());
  for (std::uint64_t i = 0; i < whole; ++i)
    take_cell(run.first + i, scratch_.data() + (i << shape.cell_bits));
}

// Requires: `bytes` has a whole cell, filled up with zeros if less of it is stored.
void WindowRepair::take_cell(std::uint64_t cell, const std::uint8_t* bytes) {
  std::size_t size = window_.shape.cell();
  if (cells_[cell] == Cell::kFound) return;
  if (!listed(cell)) {
    // No CRC-32 of it is left: the first bytes at its place are taken, which count only if they are needed.
    if (cells_[cell] == Cell::kMissing) std::memcpy(place(cell), bytes, size);
    cells_[cell] = Cell::kUnconfirmed;
    return;
  }
  if (!matches(cell, crc32(bytes, size))) return;
  std::memcpy(place(cell), bytes, size);
  cells_[cell] = Cell::kFound;
}

// Bytes were inserted or removed at several places of the window. Cells between two of them are at a shift
// that no record shows: they are looked for by their CRC-32. Two neighbours have to be found, since one alone
// is sometimes a coincidence. They may have been found elsewhere already: what is still missing, parity
// included, can be at the same shift.
void WindowRepair::search(std::size_t index, RepairCopy& copy) {
  CopyReader& reader = copy.reader;
  const WindowShape& shape = window_.shape;
  WantedCells wanted;
  CellSearch search(shape.cell());
  for (std::uint64_t cell = 0; cell < shape.data_cells(); ++cell) {
    if (stored_size(cell) != shape.cell()) continue;
    for (const std::vector<std::uint8_t>& entries : pieces_[cell / kPieceEntries].variants)
      wanted.emplace_back(load<std::uint32_t>(&entries[4 * (cell % kPieceEntries)]), cell);
  }
  keep_rare(wanted);
  if (wanted.empty()) return;
  for (const auto& [crc, cell] : wanted) search.want(crc);
  std::vector<std::int64_t> shifts = map_->shifts(index, window_.offset, plan_.own.end);
  std::vector<std::int64_t> found;
  auto [least, most] = std::minmax_element(shifts.begin(), shifts.end());
  auto bound = [&](std::uint64_t offset, std::int64_t shift) {
    std::int64_t at = static_cast<std::int64_t>(offset) + shift;
    return std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(at, 0)), reader.size());
  };
  std::uint64_t from = bound(window_.offset, *least);
  std::uint64_t to = bound(window_.end(), *most);
  if (to <= from || to - from > copy.search_budget) return;
  copy.search_budget -= to - from;
  std::vector<std::uint8_t> block;
  std::uint64_t checks = kMaxChecks * (to - from) / shape.cell();
  for (std::uint64_t at = from; at < to && found.size() < kMaxFoundShifts && checks != 0;
       at += kSearchBytes) {
    auto size = static_cast<std::size_t>(std::min(kSearchBytes + 2 * shape.cell() - 1, to - at));
    block.resize(size);
    if (!reader.read(at, block.data(), size)) return;
    search.run(block, [&](std::size_t offset, std::uint32_t crc) -> std::size_t {
      if (checks == 0 || !reader.charge(2 * shape.cell())) return size - offset;
      --checks;
      bool has_next = size - offset >= 2 * shape.cell();
      std::uint32_t next = has_next ? crc32(block.data() + offset + shape.cell(), shape.cell()) : 0;
      auto first = std::lower_bound(wanted.begin(), wanted.end(), std::make_pair(crc, std::uint64_t{0}));
      for (auto it = first; has_next && it != wanted.end() && it->first == crc; ++it) {
        if (it->second + 1 >= shape.data_cells() || !matches(it->second + 1, next)) continue;
        auto place = static_cast<std::int64_t>(window_.offset + (it->second << shape.cell_bits));
        std::int64_t shift = static_cast<std::int64_t>(at + offset) - place;
        if (found.size() < kMaxFoundShifts && std::find(found.begin(), found.end(), shift) == found.end())
          found.push_back(shift);
        return 2 * shape.cell();
      }
      return 1;
    });
  }
  for (std::int64_t shift : found) take(reader, shift);
}

// The cells of a code word by what is known of them.
struct WindowRepair::WordState {
  unsigned missing = 0;      // data
  unsigned unconfirmed = 0;  // data
  unsigned parity = 0;       // found
  unsigned unconfirmed_parity = 0;
};

WindowRepair::WordState WindowRepair::state_of(std::uint32_t word) const {
  const WindowShape& shape = window_.shape;
  WordState state;
  for (std::uint64_t cell = word; cell < shape.data_cells(); cell += shape.words) {
    if (cells_[cell] == Cell::kMissing) ++state.missing;
    if (cells_[cell] == Cell::kUnconfirmed) ++state.unconfirmed;
  }
  for (unsigned row = 0; row < shape.parity; ++row) {
    Cell cell = cells_[parity_cell(row, word)];
    if (cell == Cell::kFound) ++state.parity;
    if (cell == Cell::kUnconfirmed) ++state.unconfirmed_parity;
  }
  return state;
}

bool WindowRepair::enough(std::uint32_t word) const {
  WordState state = state_of(word);
  return state.missing <= state.parity + state.unconfirmed_parity;
}

bool WindowRepair::all_enough() const {
  for (std::uint32_t word = 0; word < window_.shape.words; ++word)
    if (!enough(word)) return false;
  return true;
}

void WindowRepair::describe(WindowDamage& damage) const {
  const WindowShape& shape = window_.shape;
  damage = {
      .number = window_.number, .offset = window_.offset, .length = shape.length, .cells = cells_.size()};
  damage.parity = shape.parity;
  for (std::uint64_t cell = 0; cell < cells_.size(); ++cell) {
    if (cells_[cell] != Cell::kMissing) continue;
    damage.damaged += 1;
    if (cell >= shape.data_cells()) continue;
    if (damage.damaged_data == 0) damage.begin = window_.offset + (cell << shape.cell_bits);
    damage.damaged_data += 1;
    damage.end = std::min(window_.end(), window_.offset + ((cell + 1) << shape.cell_bits));
  }
}

void WindowRepair::restore(WindowDamage& damage) {
  damage.spare = window_.shape.parity;
  for (std::uint32_t word = 0; word < window_.shape.words; ++word) {
    unsigned spare = 0;
    damage.lacking += restore_word(word, spare, damage.unproven);
    damage.spare = std::min(damage.spare, spare);
  }
}

// The number of cells that cannot be restored. Cells without a CRC-32 are computed like missing ones as long
// as there is parity enough, and else taken as they are: the SHA-256 of the data decides.
std::uint64_t WindowRepair::restore_word(std::uint32_t word, unsigned& spare, std::uint64_t& unproven) {
  WordState state = state_of(word);
  bool trust = state.missing + state.unconfirmed > state.parity;
  auto usable = [&](Cell cell) { return cell == Cell::kFound || (trust && cell == Cell::kUnconfirmed); };
  std::vector<unsigned> lost;
  std::vector<unsigned> kept;
  for (unsigned column = 0; column < window_.shape.word_cells(word); ++column)
    (usable(cells_[data_cell(column, word)]) ? kept : lost).push_back(column);
  std::vector<unsigned> rows;
  for (unsigned row = 0; row < window_.shape.parity; ++row)
    if (usable(cells_[parity_cell(row, word)])) rows.push_back(row);
  if (rows.size() < lost.size()) return lost.size() - rows.size();
  spare = static_cast<unsigned>(rows.size() - lost.size());
  // One parity cell more than was needed, with its checksum, shows any wrong cell of the code word.
  if (trust && state.unconfirmed != 0 && state.parity <= lost.size()) unproven += state.unconfirmed;
  rows.resize(lost.size());
  if (!lost.empty()) compute(word, lost, kept, rows);
  for (unsigned column : lost) cells_[data_cell(column, word)] = Cell::kFound;
  return 0;
}

// The parity minus what the kept cells have contributed to it is what the lost cells have. Requires: as many
// rows as lost cells.
void WindowRepair::compute(std::uint32_t word, const std::vector<unsigned>& lost,
                           const std::vector<unsigned>& kept, const std::vector<unsigned>& rows) {
  std::size_t size = window_.shape.cell();
  auto count = static_cast<unsigned>(lost.size());
  std::vector<std::uint8_t> sums(count * size);
  std::vector<std::uint8_t*> sum;
  std::vector<std::uint8_t*> out;
  for (unsigned i = 0; i < count; ++i) {
    sum.push_back(sums.data() + i * size);
    out.push_back(place(data_cell(lost[i], word)));
  }
  std::vector<const std::uint8_t*> in;
  in.reserve(kept.size());
  for (unsigned column : kept) in.push_back(place(data_cell(column, word)));
  if (!kept.empty())
    galois::Multiplier(count, static_cast<unsigned>(kept.size()), code_matrix(rows, kept).data())
        .apply(size, in.data(), sum.data());
  for (unsigned i = 0; i < count; ++i) {
    const std::uint8_t* parity = place(parity_cell(rows[i], word));
    for (std::size_t byte = 0; byte < size; ++byte) sum[i][byte] ^= parity[byte];
  }
  galois::Multiplier(count, count, galois::inverse(rows, lost).data()).apply(size, sum.data(), out.data());
}

Status WindowRepair::fill(RepairCopy& copy, std::int64_t shift) {
  const WindowShape& shape = window_.shape;
  for (std::uint64_t cell = 0; cell < shape.data_cells(); ++cell) {
    std::uint64_t at = 0;
    auto size = static_cast<std::size_t>(stored_size(cell));
    if (cells_[cell] != Cell::kMissing ||
        !in_copy(copy.reader, window_.offset + (cell << shape.cell_bits), shift, size, at))
      continue;
    if (!copy.reader.read(at, place(cell), size)) return copy.reader.failure();
  }
  return {};
}

bool WindowRepair::contradicts(std::span<const std::uint8_t> parity) const {
  const WindowShape& shape = window_.shape;
  for (std::uint64_t cell = 0; cell < shape.parity_cells(); ++cell) {
    std::size_t at = static_cast<std::size_t>(cell << shape.cell_bits);
    if (cells_[static_cast<std::size_t>(shape.data_cells() + cell)] == Cell::kFound &&
        std::memcmp(parity.data() + at, parity_.data() + at, shape.cell()) != 0)
      return true;
  }
  return false;
}

}  // namespace paxect::core

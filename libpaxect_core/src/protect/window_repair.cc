#include "protect/window_repair.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "digest.h"
#include "protect/galois.h"
#include "protect/window_code.h"

namespace paxect::core {
namespace {

constexpr std::uint64_t kRunCells = 64;  // that are read at once

}  // namespace

struct WindowRepair::Run {
  std::uint64_t first = 0;  // cell
  std::uint64_t cells = 0;
  std::uint64_t offset = 0;  // of the first cell in the container
};

Status WindowRepair::run(const ProtectionMap& map, const WindowPlan& plan, std::span<RepairCopy> copies,
                         WindowDamage& damage) {
  bool is_enough = false;
  Status status = gather(map, plan, copies, is_enough);
  if (status.ok() && !is_enough) status = search(copies);
  return status.ok() ? restore(damage) : status;
}

Status WindowRepair::gather(const ProtectionMap& map, const WindowPlan& plan, std::span<RepairCopy> copies,
                            bool& is_enough) {
  map_ = &map;
  charged_ = &copies.front().reader;
  plan_ = plan;
  window_ = plan.window;
  const WindowShape& shape = window_.shape;
  auto data_size = static_cast<std::size_t>(shape.data_cells() << shape.cell_bits);
  auto parity_size = static_cast<std::size_t>(shape.parity_size());
  if (!data_.reserve(data_size) || !parity_.reserve(parity_size))
    return failure(PAXECT_ERROR_MEMORY,
                   "out of memory for a window of " + std::to_string(data_size + parity_size) + " bytes");
  cells_.assign(static_cast<std::size_t>(shape.all_cells()), Cell::kMissing);
  lists_.load(map, plan, copies);
  agreement_ = Agreement::kMost;
  has_less_ = {};
  Status status = take_proven(copies);
  bool has_any = false;
  if (status.ok()) status = take_unproven(copies, 0, has_any);
  is_enough = status.ok() && all_enough();
  return status;
}

// By the CRC-32 that most copies of the list have. A copy of the list that is wrong can confirm bytes that
// are wrong with it, as those of an older container do that show through, so that it counts only where cells
// are lacking without it.
Status WindowRepair::take_proven(std::span<RepairCopy> copies) {
  for (const Take what : {Take::kMajority, Take::kProvenData, Take::kProven}) {
    if (what != Take::kMajority && !find_lacking()) break;
    for (std::size_t i = 0; i < copies.size(); ++i) {
      for (std::int64_t shift : charged_shifts(*map_, i, copies[i], window_.offset, plan_.next.end))
        take(copies[i], shift, what);
      if (!copies[i].reader.failure().ok()) return copies[i].reader.failure();
    }
  }
  return {};
}

bool WindowRepair::find_lacking() {
  is_lacking_.resize(window_.shape.words);
  for (std::uint32_t word = 0; word < window_.shape.words; ++word) is_lacking_[word] = !enough(word);
  return std::find(is_lacking_.begin(), is_lacking_.end(), true) != is_lacking_.end();
}

Status WindowRepair::search(std::span<RepairCopy> copies) {
  for (std::size_t i = 0; i < copies.size() && !all_enough(); ++i) {
    const SearchRange range = charge_range(i, copies[i]);
    if (!copies[i].reader.failure().ok()) return copies[i].reader.failure();
    if (range.empty()) continue;
    std::vector<std::int64_t> shifts;
    if (Status status = take_moved(copies[i], range, shifts); !status.ok()) return status;
    if (all_enough()) break;
    if (Status status = find_shifts(copies[i], range, Equal::kNearest, shifts); !status.ok()) return status;
    // A list in which bytes were inserted or removed has the CRC-32s of cells at the places of others, and a
    // search finds them there.
    for (const Take what : {Take::kMajority, Take::kProven})
      if (what == Take::kMajority || find_lacking())
        for (const std::int64_t shift : shifts) take(copies[i], shift, what);
    if (!copies[i].reader.failure().ok()) return copies[i].reader.failure();
  }
  if (!all_enough()) take_equal();
  // What a search read and did not find is not where these cells are.
  bool has_any = false;
  return take_unproven(copies, 0, has_any);
}

Status WindowRepair::restore_again(std::span<RepairCopy> copies, Agreement agreement, WindowDamage& damage) {
  agreement_ = agreement;
  std::fill(cells_.begin(), cells_.end(), Cell::kMissing);
  Status status = take_proven(copies);
  bool has_bytes = false;
  if (status.ok()) status = take_unproven(copies, 0, has_bytes);
  if (status.ok() && !all_enough()) status = search(copies);
  return status.ok() ? restore(damage) : status;
}

Status WindowRepair::restore(WindowDamage& damage) {
  describe(damage);
  if (Status status = restore_words(false, damage); !status.ok()) return status;
  for (std::uint64_t cell = 0; cell < window_.shape.data_cells(); ++cell)
    if (cells_[cell] == Cell::kMissing) std::memset(place(cell), 0, window_.shape.cell());
  return {};
}

bool WindowRepair::retry(std::span<RepairCopy> copies, const Trust& trust, WindowDamage& damage,
                         Status& status) {
  bool has_any = false;
  status = take_unproven(copies, trust.copy, has_any);
  if (!status.ok() || !has_any) return false;
  WindowDamage now = damage;
  now.lacking = now.unproven = 0;
  status = restore_words(trust.contradicted, now);
  if (!status.ok() || now.lacking != 0) return false;
  damage = now;
  return true;
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

// The bytes of the copies where nothing better is known, those of `first` before others. `has_any`: it has
// some.
Status WindowRepair::take_unproven(std::span<RepairCopy> copies, std::size_t first, bool& has_any) {
  for (Cell& cell : cells_)
    if (cell != Cell::kFound) cell = Cell::kMissing;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    const std::size_t index = (first + i) % copies.size();
    for (std::int64_t shift : charged_shifts(*map_, index, copies[index], window_.offset, plan_.next.end))
      take(copies[index], shift, Take::kAny);
    if (!copies[index].reader.failure().ok()) return copies[index].reader.failure();
    auto is_taken = [](Cell cell) { return cell == Cell::kContradicted || cell == Cell::kUnconfirmed; };
    if (i == 0) has_any = std::any_of(cells_.begin(), cells_.end(), is_taken);
  }
  return {};
}

// Takes the cells that are still wanted from where they are in a copy with this shift.
void WindowRepair::take(RepairCopy& copy, std::int64_t shift, Take what) {
  const WindowShape& shape = window_.shape;
  std::uint64_t parity_offset = plan_.next.parity;
  for (std::uint64_t cell = 0; cell < cells_.size();) {
    if (!is_wanted(cell, what)) {
      ++cell;
      continue;
    }
    bool is_data = cell < shape.data_cells();
    std::uint64_t limit = is_data ? shape.data_cells() : cells_.size();
    std::uint64_t end = cell + 1;
    while (end < std::min(limit, cell + kRunCells) && is_wanted(end, what)) ++end;
    std::uint64_t offset = is_data ? window_.offset + (cell << shape.cell_bits)
                                   : parity_offset + ((cell - shape.data_cells()) << shape.cell_bits);
    take_run(copy, shift, what, {cell, end - cell, offset});
    cell = end;
  }
}

void WindowRepair::take_run(RepairCopy& copy, std::int64_t shift, Take what, Run run) {
  CopyReader& reader = copy.reader;
  const WindowShape& shape = window_.shape;
  // Only cells that the copy has whole: the ends of the run may be outside.
  std::uint64_t at = 0;
  while (run.cells != 0 && !copy.find(run.offset, shift, stored_size(run.first), at)) {
    run.first += 1;
    run.offset += shape.cell();
    run.cells -= 1;
  }
  if (run.cells == 0) return;
  std::uint64_t size = 0;
  std::uint64_t whole = 0;
  for (; whole < run.cells && size + stored_size(run.first + whole) <= reader.size() - at; ++whole)
    size += stored_size(run.first + whole);
  // To where they belong: what a wanted cell has there is nothing yet, or is taken again from what is there.
  std::uint8_t* bytes = place(run.first);
  if (whole == 0 || !reader.read(at, bytes, static_cast<std::size_t>(size))) return;
  std::memset(bytes + size, 0, static_cast<std::size_t>((whole << shape.cell_bits) - size));
  for (std::uint64_t i = 0; i < whole; ++i) take_cell(run.first + i, what);
}

// Its place has the bytes of a copy, filled up with zeros if less than a cell is stored.
void WindowRepair::take_cell(std::uint64_t cell, Take what) {
  if (what == Take::kAny) {
    cells_[cell] = lists_.is_garbage(cell) ? Cell::kUnconfirmed : Cell::kContradicted;
  } else {
    const std::uint32_t crc = crc32(place(cell), window_.shape.cell());
    if (what == Take::kMajority ? !agree(cell, crc) : !lists_.matches(cell, crc)) return;
    cells_[cell] = Cell::kFound;
    lists_.confirm(cell);
  }
}

bool WindowRepair::agree(std::uint64_t cell, std::uint32_t crc) {
  if (!lists_.is_most(cell, crc)) return false;
  Agreement agreement = Agreement::kMost;
  if (lists_.is_only(cell, crc))
    agreement = Agreement::kAll;
  else if (lists_.majority(cell) == crc)
    agreement = Agreement::kMore;
  if (agreement < agreement_) return false;
  for (auto each = static_cast<std::size_t>(agreement) + 1; each < has_less_.size(); ++each)
    has_less_[each] = true;
  return true;
}

// The cells of a code word by what is known of them.
struct WindowRepair::WordState {
  unsigned missing = 0;       // data, contradicted ones included
  unsigned contradicted = 0;  // data
  unsigned unconfirmed = 0;   // data
  unsigned parity = 0;        // found
  unsigned unconfirmed_parity = 0;
};

WindowRepair::WordState WindowRepair::state_of(std::uint32_t word) const {
  const WindowShape& shape = window_.shape;
  WordState state;
  for (std::uint64_t cell = word; cell < shape.data_cells(); cell += shape.words) {
    const Cell known = cells_[cell];
    if (known == Cell::kMissing || known == Cell::kContradicted) ++state.missing;
    if (known == Cell::kContradicted) ++state.contradicted;
    if (known == Cell::kUnconfirmed) ++state.unconfirmed;
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
    if (cells_[cell] == Cell::kFound || cells_[cell] == Cell::kUnconfirmed) continue;
    damage.damaged += 1;
    if (cell >= shape.data_cells()) continue;
    if (damage.damaged_data == 0) damage.begin = window_.offset + (cell << shape.cell_bits);
    damage.damaged_data += 1;
    damage.end = std::min(window_.end(), window_.offset + ((cell + 1) << shape.cell_bits));
  }
}

// Each code word is charged as if it was read: a window may be as long as all copies.
Status WindowRepair::restore_words(bool trust_contradicted, WindowDamage& damage) {
  unproven_.clear();
  damage.spare = window_.shape.parity;
  for (std::uint32_t word = 0; word < window_.shape.words; ++word) {
    if (!charged_->charge(std::uint64_t{window_.shape.word_cells(word)} << window_.shape.cell_bits))
      return charged_->failure();
    unsigned spare = 0;
    damage.lacking += restore_word(word, trust_contradicted, spare, damage.unproven);
    damage.spare = std::min(damage.spare, spare);
  }
  return {};
}

// The number of cells that cannot be restored. Cells that no CRC-32 confirms are computed like missing ones
// as long as there is parity enough, and else taken as they are.
std::uint64_t WindowRepair::restore_word(std::uint32_t word, bool trust_contradicted, unsigned& spare,
                                         std::uint64_t& unproven) {
  const WordState state = state_of(word);
  const bool trust = state.missing + state.unconfirmed > state.parity;
  const bool trust_all = trust && trust_contradicted && state.missing > state.parity;
  auto usable = [&](Cell cell) {
    return cell == Cell::kFound || (trust && cell == Cell::kUnconfirmed) ||
           (trust_all && cell == Cell::kContradicted);
  };
  std::vector<unsigned> lost;
  std::vector<unsigned> kept;
  for (unsigned column = 0; column < window_.shape.word_cells(word); ++column)
    (usable(cells_[data_cell(column, word)]) ? kept : lost).push_back(column);
  std::vector<unsigned> rows;
  for (const bool proven : {true, false})
    for (unsigned row = 0; row < window_.shape.parity; ++row) {
      const Cell cell = cells_[parity_cell(row, word)];
      if (usable(cell) && (cell == Cell::kFound) == proven) rows.push_back(row);
    }
  if (rows.size() < lost.size()) return lost.size() - rows.size();
  spare = static_cast<unsigned>(rows.size() - lost.size());
  rows.resize(lost.size());
  if (!lost.empty()) compute(word, lost, kept, rows);
  for (unsigned column : lost) cells_[data_cell(column, word)] = Cell::kComputed;
  if (!trust) return 0;
  // A wrong cell that was used makes every cell wrong that is computed from it. So one that has its CRC-32
  // proves the code word: a computed cell, or a parity cell that was not needed, which contradicts()
  // compares.
  auto has_checksum = [&](unsigned column) {
    const std::size_t cell = data_cell(column, word);
    return lists_.matches(cell, crc32(place(cell), window_.shape.cell()));
  };
  if (state.parity > lost.size() || std::any_of(lost.begin(), lost.end(), has_checksum)) return 0;
  unproven += state.unconfirmed + lost.size() + (trust_all ? state.contradicted : 0);
  unproven_.push_back({.word = word, .needed = {}});
  for (unsigned row : rows) unproven_.back().needed.set(row);
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
    if ((cells_[cell] != Cell::kMissing && cells_[cell] != Cell::kContradicted) ||
        !copy.find(window_.offset + (cell << shape.cell_bits), shift, size, at))
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

// The lists of a window can be garbage while nothing else of it is damaged. If two cells of a code word are
// wrong in one byte each, a parity cell agrees by coincidence in one of 256 cases, so one alone proves
// nothing.
bool WindowRepair::is_confirmed_by(std::span<const std::uint8_t> parity) const {
  constexpr unsigned kEnough = 2;
  return std::all_of(unproven_.begin(), unproven_.end(), [&](const UnprovenWord& each) {
    unsigned equal = 0;
    unsigned different = 0;
    for (unsigned row = 0; row < window_.shape.parity; ++row) {
      if (each.needed[row] || cells_[parity_cell(row, each.word)] == Cell::kMissing) continue;
      const bool same = std::memcmp(row_of(parity.data(), row, each.word),
                                    row_of(parity_.data(), row, each.word), window_.shape.cell()) == 0;
      ++(same ? equal : different);
    }
    return equal >= kEnough && equal > different;
  });
}

void WindowRepair::count_again(std::span<const std::uint8_t> parity, WindowDamage& damage) {
  for (std::uint32_t word = 0; word < window_.shape.words; ++word) {
    for (unsigned column = 0; column < window_.shape.word_cells(word); ++column) {
      Cell& cell = cells_[data_cell(column, word)];
      if (cell == Cell::kContradicted) cell = Cell::kFound;  // used as it was
    }
    for (unsigned row = 0; row < window_.shape.parity; ++row) {
      Cell& cell = cells_[parity_cell(row, word)];
      const bool same =
          cell != Cell::kMissing && std::memcmp(row_of(parity.data(), row, word),
                                                row_of(parity_.data(), row, word), window_.shape.cell()) == 0;
      if (same) cell = Cell::kFound;
    }
  }
  WindowDamage counted;
  describe(counted);
  counted.spare = damage.spare;
  counted.unproven = damage.unproven;
  damage = counted;
}

}  // namespace paxect::core

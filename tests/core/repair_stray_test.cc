// Pieces of a container that were written over other bytes of it, as by a misdirected write: their records
// say what is true elsewhere.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "repairing.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr std::size_t kFooter = 44;
constexpr std::size_t kTrailer = 112;
constexpr std::size_t kSector = 4096;

// Where the records of protection are.
std::vector<std::size_t> records_of(const std::string& container) {
  std::vector<std::size_t> records;
  for (std::size_t at = 0; (at = container.find("\xd1PXheal\x1a", at)) != std::string::npos; ++at)
    records.push_back(at);
  return records;
}

std::size_t number_at(const std::string& bytes, std::size_t at, std::size_t size) {
  std::size_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// A container of one window, and where each of its cells is, by the first record.
class Cells {
 public:
  explicit Cells(const std::string& container) : container_(container), window_(windows_of(container).at(0)) {
    constexpr std::size_t kHeader = 64;
    std::size_t first_parity = 0;
    for (const std::size_t at : records_of(container)) {
      if (container[at + 12] != 1) continue;
      const std::size_t size = kHeader + 4 * number_at(container, at + 58, 2);
      lists_[container[at + 15]].push_back({at, size});
      if (container[at + 15] == 1)
        first_parity = at + (size + window_.cell - 1) / window_.cell * window_.cell;
      words_ = number_at(container, at + 52, 4);
    }
    const std::size_t data_cells = (window_.length + window_.cell - 1) / window_.cell;
    for (std::size_t i = 0; i < data_cells; ++i)
      cells_.push_back(
          {i * window_.cell, std::min(window_.cell, window_.length - i * window_.cell), i % words_});
    for (std::size_t i = 0; i < words_ * window_.parity; ++i)
      cells_.push_back({first_parity + i * window_.cell, window_.cell, i % words_});
  }

  // Whether FORMAT.md promises the repair: no code word lost more cells than it has parity cells, and a copy
  // of the list, a trailer or the footer are whole and in place.
  bool can_lose(const std::string& damaged) const {
    auto is_whole = [&](std::size_t at, std::size_t size) {
      return damaged.compare(at, size, container_, at, size) == 0;
    };
    std::vector<std::size_t> lost(words_);
    for (const Cell& cell : cells_)
      if (!is_whole(cell.at, cell.size)) ++lost[cell.word];
    if (*std::max_element(lost.begin(), lost.end()) > window_.parity) return false;
    const bool has_list = std::any_of(lists_.begin(), lists_.end(), [&](const auto& list) {
      return std::all_of(list.second.begin(), list.second.end(),
                         [&](const Piece& piece) { return is_whole(piece.at, piece.size); });
    });
    bool has_digest = is_whole(container_.size() - kFooter, kFooter);
    for (const std::size_t at : records_of(container_))
      has_digest = has_digest || (container_[at + 12] == 2 && is_whole(at, kTrailer));
    return has_list && has_digest;
  }

 private:
  struct Cell {
    std::size_t at;
    std::size_t size;
    std::size_t word;
  };
  struct Piece {
    std::size_t at;
    std::size_t size;
  };
  const std::string& container_;
  Window window_;
  std::size_t words_ = 0;
  std::vector<Cell> cells_;
  std::map<char, std::vector<Piece>> lists_;
};

// The last one may be shorter: as much of the other one takes its place.
std::string with_swapped_sectors(std::string container, std::size_t first, std::size_t second) {
  const std::size_t size = std::min(kSector, container.size() - kSector * std::max(first, second));
  const std::string moved = container.substr(first * kSector, size);
  container.replace(first * kSector, size, container, second * kSector, size);
  return container.replace(second * kSector, size, moved);
}

// The first sector, the last one, those with a record, and of the others every `step`-th.
std::vector<std::size_t> sectors_to_swap(const std::string& container, std::size_t step) {
  const std::size_t last = (container.size() - 1) / kSector;
  std::set<std::size_t> chosen{0, last};
  for (const std::size_t at : records_of(container)) {
    chosen.insert(at / kSector);
    chosen.insert((at + kTrailer - 1) / kSector);
  }
  for (std::size_t i = 0; i < last; i += step) chosen.insert(i);
  return {chosen.begin(), chosen.end()};
}

std::string written_over(std::string container, std::size_t at, const std::string& piece) {
  return container.replace(at, piece.size(), piece);
}

}  // namespace

TEST_CASE("repair: an end of the container that was written over other bytes of it is not its end") {
  const std::int64_t percent = GENERATE(7, 50);
  const std::string container = protect(kSamples[medium], percent);
  const Window window = windows_of(container).at(0);
  const std::size_t last = container.size() - kFooter - kTrailer;
  for (const std::size_t from : {container.size() - window.cell, last})
    for (const std::size_t at :
         {window.cell + 10, 20 * window.cell, window.length / 2, window.length + window.cell}) {
      INFO(percent << " %, the bytes from " << from << " at " << at);
      check_restored(written_over(container, at, container.substr(from)), container);
    }
}

TEST_CASE("repair: no record that was written over other bytes moves the container that it is of") {
  const std::string container = protect(kSamples[medium], 25);
  const Window window = windows_of(container).at(0);
  for (const std::size_t record : records_of(container)) {
    const std::size_t from = std::min(record, container.size() - window.cell);
    for (const std::size_t at : {window.cell + 10, window.length / 2, window.length - 2 * window.cell}) {
      INFO("the bytes from " << from << " at " << at);
      check_restored(written_over(container, at, container.substr(from, window.cell)), container);
    }
  }
}

TEST_CASE("repair: a piece of a list that was written elsewhere does not hide the one at its place") {
  constexpr std::size_t kHeader = 64;
  constexpr std::size_t kFirst = 40;  // of the cells whose entries are lost in the other lists
  constexpr std::size_t kLost = 41;
  const std::string container = protect(kSamples[medium], 7);
  const Window window = windows_of(container).at(0);
  std::vector<std::size_t> lists;
  for (const std::size_t at : records_of(container))
    if (container[at + 12] == 1) lists.push_back(at);
  REQUIRE(lists.size() == 3);  // of one piece each
  Random random(46);
  std::string damaged = container;
  for (const std::size_t at : {lists[0], lists[1]})
    damaged = overwritten(damaged, at + kHeader + 4 * kFirst, 4 * kLost, random);
  damaged = overwritten(damaged, lists[2] + 20, 1, random);
  for (const std::size_t cell : {std::size_t{101}, std::size_t{104}})
    damaged = overwritten(damaged, cell * window.cell + 7, 1, random);
  const std::string stray = container.substr(lists[2] + 200 - window.cell, window.cell);
  check_restored(damaged, container);
  check_restored(written_over(damaged, 20 * window.cell, stray), container);
  // As many as are used of each piece, before the one at its place.
  damaged = written_over(damaged, 20 * window.cell, stray);
  check_restored(written_over(damaged, 23 * window.cell, stray), container);
}

TEST_CASE("repair: two sectors of a container that changed places are damage of their cells") {
  struct Case {
    std::size_t size;
    std::int64_t frame;
    std::int64_t percent;
    std::size_t step;
  };
  const Case each = GENERATE(Case{60'000, 4096, 25, 1}, Case{400'000, 1 << 20, 10, 3},
                             Case{1'000'000, 1 << 20, 6, 16}, Case{3'000'000, 1 << 20, 6, 128});
  const std::string container = encode(
      noise(each.size, 7),
      {{PAXECT_PARAM_PROTECT, each.percent}, {PAXECT_PARAM_FRAME_SIZE, each.frame}, {PAXECT_PARAM_LEVEL, 1}});
  const Cells cells(container);
  const std::vector<std::size_t> sectors = sectors_to_swap(container, each.step);
  std::size_t count = 0;
  for (const std::size_t first : {std::size_t{0}, sectors.back()})
    for (const std::size_t second : sectors) {
      const std::string damaged = with_swapped_sectors(container, first, second);
      if (first == second || !cells.can_lose(damaged)) continue;
      INFO(each.size << " bytes, sectors " << first << " and " << second << " of " << sectors.back() + 1);
      ++count;
      check_restored(damaged, container);
    }
  CHECK(count > sectors.size());
}

TEST_CASE("repair: sectors that changed places do not move a container with a byte inserted or its end cut") {
  const std::string container = protect(kSamples[medium], 10);
  const Cells cells(container);
  const std::vector<std::size_t> sectors = sectors_to_swap(container, 5);
  const std::size_t middle = windows_of(container).at(0).length / 2;
  std::size_t inserted = 0;
  std::size_t cut = 0;
  Random random(49);
  for (const std::size_t first : {std::size_t{0}, sectors.back()})
    for (const std::size_t second : sectors) {
      INFO("sectors " << first << " and " << second << " of " << sectors.back() + 1);
      const std::string swapped = with_swapped_sectors(container, first, second);
      if (first == second) continue;
      if (cells.can_lose(overwritten(swapped, middle, 1, random))) {
        ++inserted;
        check_restored(swapped.substr(0, middle) + "x" + swapped.substr(middle), container);
      }
      if (cells.can_lose(overwritten(swapped, swapped.size() - kSector, kSector, random))) {
        ++cut;
        check_restored(swapped.substr(0, swapped.size() - kSector), container);
      }
    }
  CHECK(inserted > sectors.size());
  CHECK(cut > sectors.size() / 2);
}

TEST_CASE("repair: what a piece that was moved to the end displaces does not end the container") {
  const std::string container = protect(kSamples[small], 50);
  const Window window = windows_of(container).at(0);
  const std::size_t at = window.length - 2 * kSector;
  for (const std::size_t size : {window.cell, kSector}) {
    INFO(size << " bytes");
    const std::string piece = container.substr(at, size);
    check_restored(container.substr(0, at) + container.substr(at + size) + piece, container);
    // The end, moved before other bytes.
    const std::string end = container.substr(container.size() - size);
    const std::string rest = container.substr(at, container.size() - size - at);
    check_restored(container.substr(0, at) + end + rest, container);
  }
}

TEST_CASE("repair: two containers behind each other are refused that have a part of the records each") {
  const std::string container = protect(kSamples[medium], 25);
  const std::vector<std::size_t> records = records_of(container);
  Random random(50);
  for (std::size_t count = 1; count < records.size(); ++count) {
    INFO(count << " of " << records.size() << " records in the first one");
    std::string both = container + container;
    for (std::size_t i = 0; i < records.size(); ++i)
      both = overwritten(both, records[i] + (i < count ? container.size() : 0) + 20, 1, random);
    CHECK(repair({both}).status == PAXECT_ERROR_NO_PROTECTION);
    // The second one cut, and the first one without its beginning.
    CHECK(repair({both.substr(0, both.size() - 1000)}).status == PAXECT_ERROR_NO_PROTECTION);
    CHECK(repair({both.substr(both.size() / 4)}).status == PAXECT_ERROR_NO_PROTECTION);
  }
}

TEST_CASE("repair: a container behind the beginning of another one is refused in a copy of its own size") {
  const std::string inner = protect(kSamples[medium], 25);
  const std::string beginning = encode(inner, {{PAXECT_PARAM_LEVEL, 1}}).substr(0, 47);
  CHECK(repair({beginning + inner.substr(0, inner.size() - beginning.size())}).status ==
        PAXECT_ERROR_NO_PROTECTION);
}

TEST_CASE("repair: of two containers behind each other, neither passes for the end of the other") {
  const std::string container = protect(kSamples[medium], 25);
  const std::string both = container + container;
  CHECK(repair({both}).status == PAXECT_ERROR_NO_PROTECTION);
  Random random(47);
  const std::vector<std::size_t> records = records_of(container);
  REQUIRE(records.size() > 4);
  for (const std::size_t record : records) {
    INFO("without the record at " << record);
    CHECK(repair({overwritten(both, record + 20, 1, random)}).status == PAXECT_ERROR_NO_PROTECTION);
    CHECK(repair({overwritten(both, container.size() + record + 20, 1, random)}).status ==
          PAXECT_ERROR_NO_PROTECTION);
  }
}

TEST_CASE("repair: where no two copies of a list agree, the search finds how far cells were moved") {
  const std::string container = protect(kSamples[large], 7);
  const std::vector<Window> windows = windows_of(container);
  const Window& window = windows.at(0);
  std::vector<std::size_t> lists;
  for (const std::size_t at : records_of(container))
    if (container[at + 12] == 1) lists.push_back(at);
  Random random(48);
  std::string damaged = container;
  // Of the copies of the list but the last, all bytes: two of them are left with other contents each.
  for (std::size_t i = 0; i + 1 < lists.size(); ++i)
    damaged = overwritten(damaged, lists[i], 64 + 4 * 100, random);
  damaged.insert(100 * window.cell + 5, "ab");
  damaged.insert(window.length / 2 + 7, "cd");
  check_restored(damaged, container);
}

}  // namespace paxect::test

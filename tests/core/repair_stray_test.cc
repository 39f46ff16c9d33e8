// Pieces of a container that were written over other bytes of it, as by a misdirected write: their records
// say what is true elsewhere.
#include <algorithm>
#include <string>
#include <vector>

#include "repairing.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr std::size_t kFooter = 44;
constexpr std::size_t kTrailer = 112;

// Where the records of protection are.
std::vector<std::size_t> records_of(const std::string& container) {
  std::vector<std::size_t> records;
  for (std::size_t at = 0; (at = container.find("\xd1PXheal\x1a", at)) != std::string::npos; ++at)
    records.push_back(at);
  return records;
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

// Copies of a list that are wrong together with the cells that they describe: older data that shows through,
// erased cells of a memory, other windows and other containers. What they agree about is damage all the same.
#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "repairing.h"
#include "salvaging.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr std::size_t kListHeader = 64;

struct List {
  std::size_t at = 0;  // of the first record
  std::size_t copy = 0;
};

std::vector<std::size_t> records_of(const std::string& container) {
  std::vector<std::size_t> records;
  for (std::size_t at = 0; (at = container.find("\xd1PXheal\x1a", at)) != std::string::npos; ++at)
    records.push_back(at);
  return records;
}

// The copies of the list of window `number`.
std::vector<List> lists_of(const std::string& container, std::size_t number) {
  std::vector<List> lists;
  for (const std::size_t at : records_of(container)) {
    const auto copy = static_cast<std::size_t>(container[at + 15]);
    const bool is_list = container[at + 12] == 1 && static_cast<unsigned char>(container[at + 32]) == number;
    if (is_list && std::none_of(lists.begin(), lists.end(), [&](const List& l) { return l.copy == copy; }))
      lists.push_back({at, copy});
  }
  return lists;
}

std::string with_bytes_of(std::string container, const std::string& other, std::size_t begin,
                          std::size_t end) {
  return container.replace(begin, end - begin, other, begin, end - begin);
}

}  // namespace

TEST_CASE("repair: older data that shows through is damage, also with the list that describes it") {
  const Sample sample = GENERATE(kSamples[medium], kSamples[large]);
  const std::int64_t percent = GENERATE(6, 25, 50);
  const auto container_of = [&](std::uint32_t seed) {
    return encode(
        noise(sample.size, seed),
        {{PAXECT_PARAM_PROTECT, percent}, {PAXECT_PARAM_FRAME_SIZE, sample.frame}, {PAXECT_PARAM_LEVEL, -7}});
  };
  const std::string container = container_of(51);
  const std::string older = container_of(52);
  REQUIRE(container.size() == older.size());
  const Window window = windows_of(container).at(0);
  // A few cells less than the promise, which one that ends in the parity may not use up.
  const std::size_t piece = covered(container) * static_cast<std::size_t>(percent) / 100 * 9 / 10;
  std::vector<std::size_t> places;
  for (const std::size_t record : records_of(container))
    for (const std::size_t before : {std::size_t{0}, 2 * window.cell, piece / 2})
      places.push_back(std::min(record - std::min(record, before), container.size() - piece));
  Random random(53);
  for (int i = 0; i < rounds(20); ++i) places.push_back(random.below(container.size() - piece));
  for (const std::size_t at : places) {
    INFO(sample.name << ", " << percent << " %, " << piece << " bytes at " << at);
    check_restored(with_bytes_of(container, older, at, at + piece), container);
  }
}

// A cell of four bytes, filled up with zeros, has the CRC-32 that an erased entry has: both are 0xff.
TEST_CASE("repair: an erased last cell is damage, whatever erased entries of its list say") {
  const std::int64_t percent = GENERATE(2, 10, 50);
  std::string container;
  Window window;
  for (std::size_t size = 20'000; window.cell == 0 || window.length % window.cell != 4; ++size) {
    container = encode(noise(size, 54), {{PAXECT_PARAM_PROTECT, percent}, {PAXECT_PARAM_LEVEL, -7}});
    window = windows_of(container).at(0);
  }
  const std::vector<List> lists = lists_of(container, 0);
  REQUIRE(lists.size() >= 3);
  std::string damaged = container;
  damaged.replace(window.length - 4, 4, "\xff\xff\xff\xff");
  for (std::size_t i = 0; i + 1 < lists.size(); ++i) {
    INFO(percent << " %, erased in " << i + 1 << " of " << lists.size() << " lists");
    damaged.replace(lists[i].at + kListHeader + window.length / window.cell * 4, 4, "\xff\xff\xff\xff");
    check_restored(damaged, container);
  }
}

TEST_CASE("repair: a list that was exchanged with that of another window confirms no cell") {
  const std::string container =
      encode(noise(40 << 20, 55),
             {{PAXECT_PARAM_PROTECT, 2}, {PAXECT_PARAM_LEVEL, -7}, {PAXECT_PARAM_FRAME_SIZE, 1 << 20}});
  const auto second = [&](std::size_t number) {
    for (const List& list : lists_of(container, number))
      if (list.copy == 1) return list.at;
    return std::size_t{0};
  };
  const std::size_t size = std::size_t{20} << 10;  // all of the list, and a cell of the parity behind it
  const std::size_t first = second(0);
  const std::size_t other = second(1);
  REQUIRE(first != 0);
  REQUIRE(other != 0);
  std::string damaged = container;
  damaged.replace(first, size, container, other, size);
  damaged.replace(other, size, container, first, size);
  check_restored(damaged, container);
}

TEST_CASE("repair: a copy of other data without its records does not outweigh a whole one, in any order") {
  const std::int64_t percent = GENERATE(2, 6, 25);
  const auto container_of = [&](std::uint32_t seed) {
    return encode(noise(90'000, seed), {{PAXECT_PARAM_PROTECT, percent}, {PAXECT_PARAM_LEVEL, -7}});
  };
  const std::string container = container_of(56);
  std::string other = container_of(57);
  REQUIRE(other.size() == container.size());
  for (const std::size_t record : records_of(other)) other = zeroed(other, record, kListHeader);
  other = zeroed(other, 0, 24);
  for (const std::vector<std::string>& copies :
       {std::vector{container, other}, std::vector{other, container}, std::vector{other, container, other}}) {
    const Repaired result = repair(copies);
    INFO(percent << " %: " << result.message);
    CHECK(result.status == PAXECT_OK);
    CHECK((result.container == container));
  }
}

}  // namespace paxect::test

#include "protect/record_support.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "digest.h"
#include "little_endian.h"

namespace paxect::core {
namespace {

constexpr std::size_t kMaxTags = 8;      // more are made to be expensive: then nothing is compared
constexpr std::size_t kMaxSamples = 64;  // cells of a tag
constexpr std::size_t kMinSamples = 16;  // less shows nothing

// Of the cells that were compared with the lists of a tag, those that have their CRC-32.
struct Support {
  ProtectionTag tag{};
  std::uint64_t begin = 0;  // of the container in the copy, modulo 2^64, as the first record shows it
  std::size_t cells = 0;
  std::size_t equal = 0;

  bool is_contradicted() const { return cells >= kMinSamples && 4 * equal < cells; }
  bool is_confirmed() const { return cells >= kMinSamples && 2 * equal >= cells; }
};

// One cell of those that a list piece describes, where it is if the bytes between were not moved.
void compare_cell(const FoundList& found, std::uint64_t entry, CopyReader& copy, Support& support) {
  const Window& window = found.header.window;
  const std::uint64_t cell = found.header.first + entry;
  const std::size_t size = window.shape.cell();
  if ((cell + 1) << window.shape.cell_bits > window.shape.length) return;  // parity, or shorter than a cell
  // How far the record is from the cell in the container.
  const std::uint64_t before = found.header.offset - (window.offset + (cell << window.shape.cell_bits));
  std::array<std::uint8_t, 4> wanted{};
  std::vector<std::uint8_t> bytes(size);
  ++support.cells;
  const std::uint64_t at = found.at + kListHeaderSize + 4 * entry;
  if (before > found.at || found.at - before > copy.size() - size || at > copy.size() - wanted.size()) return;
  if (!copy.read(at, wanted.data(), wanted.size()) || !copy.read(found.at - before, bytes.data(), size))
    return;
  if (crc32(bytes.data(), size) == load<std::uint32_t>(wanted.data())) ++support.equal;
}

Support find_support(std::span<const FoundList> lists, CopyReader& copy) {
  Support support{.tag = lists.front().header.tag, .begin = lists.front().at - lists.front().header.offset};
  // Records and entries in even distances, so that the cells are those of all windows.
  const std::size_t records = std::min(lists.size(), kMaxSamples / 4);
  for (std::size_t i = 0; i < records; ++i) {
    const FoundList& found = lists[i * lists.size() / records];
    const std::size_t entries = found.header.entries;
    const std::size_t samples = std::min(entries, kMaxSamples / records);
    if (found.header.offset < found.header.window.end() || copy.size() < found.header.window.shape.cell())
      continue;
    for (std::size_t k = 0; k < samples && copy.pass(); ++k)
      compare_cell(found, k * entries / samples, copy, support);
  }
  return support;
}

}  // namespace

void remove_unsupported(Records& records, CopyReader& copy) {
  std::vector<std::span<const FoundList>> of_tags;
  for (auto begin = records.lists.begin(); begin != records.lists.end();) {
    if (of_tags.size() == kMaxTags) return;
    of_tags.push_back(records.of_tag(begin->header.tag));
    begin += static_cast<std::ptrdiff_t>(of_tags.back().size());
  }
  if (of_tags.size() < 2) return;
  std::vector<Support> all;
  all.reserve(of_tags.size());
  for (const std::span<const FoundList> lists : of_tags) all.push_back(find_support(lists, copy));
  if (!copy.failure().ok()) return;
  auto is_replaced = [&](const Support& older) {
    return older.is_contradicted() && std::any_of(all.begin(), all.end(), [&](const Support& newer) {
             return newer.is_confirmed() && newer.begin == older.begin;
           });
  };
  auto is_unsupported = [&](const ProtectionTag& tag) {
    return std::any_of(all.begin(), all.end(),
                       [&](const Support& each) { return each.tag == tag && is_replaced(each); });
  };
  std::erase_if(records.lists, [&](const FoundList& found) { return is_unsupported(found.header.tag); });
  std::erase_if(records.trailers,
                [&](const FoundTrailer& found) { return is_unsupported(found.trailer.tag); });
}

}  // namespace paxect::core

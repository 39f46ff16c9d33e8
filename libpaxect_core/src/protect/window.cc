#include "protect/window.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "format.h"

namespace paxect::core {
namespace {

// A container is a file, and the offsets of files are below 2^63: nothing near that is a window.
constexpr std::uint64_t kMaxLength = std::uint64_t{1} << 48;

constexpr std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

unsigned choose_cell_bits(std::uint64_t length, bool only) {
  if (!only) return kMaxCellBits;
  auto bits = static_cast<unsigned>(std::bit_width(length / kMaxDataCells));  // of the power of two below it
  return std::clamp(bits == 0 ? 0 : bits - 1, kMinCellBits, kMaxCellBits);
}

}  // namespace

std::size_t WindowShape::piece_entries(std::uint64_t piece) const {
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(kPieceEntries, all_cells() - piece * kPieceEntries));
}

std::uint64_t WindowShape::list_size() const {
  std::uint64_t last = pieces() - 1;
  return last * round_up(kListHeaderSize + 4 * kPieceEntries, cell()) + piece_size(last);
}

bool WindowShape::possible() const {
  if (percent < kMinProtect || percent > kMaxProtect || cell_bits < kMinCellBits || cell_bits > kMaxCellBits)
    return false;
  if (length == 0 || length > kMaxLength || words == 0 || words > data_cells()) return false;
  if (all_cells() > std::numeric_limits<std::uint32_t>::max()) return false;
  return parity >= 1 && parity <= kMaxParityCells && word_cells(0) <= kMaxDataCells;
}

WindowShape choose_shape(std::uint64_t length, unsigned percent, bool only) {
  WindowShape shape;
  shape.length = length;
  shape.percent = static_cast<std::uint8_t>(percent);
  shape.cell_bits = static_cast<std::uint8_t>(choose_cell_bits(length, only));
  std::uint64_t cells = shape.data_cells();
  std::uint64_t words = ceil_div(cells, kMaxDataCells);
  if (!only) words = std::min(cells, std::max<std::uint64_t>(words, kFullWindowWords));
  shape.words = static_cast<std::uint32_t>(words);
  // One cell more than the percentage, since a piece of the file begins and ends inside a cell.
  std::uint64_t counted = only ? cells : std::max(cells, kFullWindowCells);
  std::uint64_t lost = ceil_div(counted * percent, 100) + 1;
  std::uint64_t spread = only ? words : std::max<std::uint64_t>(words, kFullWindowWords);
  std::uint64_t most = ceil_div(cells, words) + 2;
  shape.parity = static_cast<std::uint8_t>(std::min(ceil_div(lost, spread), most));
  return shape;
}

bool window_is_full(std::uint64_t length, std::uint64_t size) {
  return ceil_div(length + size, std::uint64_t{1} << kMaxCellBits) > kFullWindowCells;
}

ExtensionLayout lay_out(std::uint64_t offset, const Window* own, const Window* earlier) {
  std::uint64_t unit = (own != nullptr ? own : earlier)->shape.cell();
  bool trailers = own == nullptr || own->last;
  ExtensionLayout layout;
  layout.offset = offset;
  std::uint64_t at = offset + kFrameHeaderSize + kExtensionPrefixSize;
  if (trailers) {
    layout.first_trailer = at;
    at += kTrailerSize;
  }
  at = layout.own_list = round_up(at, unit);
  if (own != nullptr) at += own->shape.list_size();
  layout.list = layout.parity = layout.lists = at;
  if (earlier != nullptr) {
    layout.parity = layout.list + earlier->shape.list_size();
    layout.lists = layout.parity + earlier->shape.parity_size();
    at = layout.lists + (earlier->shape.list_copies() - 2) * earlier->shape.list_size();
  }
  if (trailers) {
    layout.second_trailer = at;
    at += kTrailerSize;
  }
  layout.end = own == nullptr ? at : round_up(at, unit);
  return layout;
}

}  // namespace paxect::core

#include "restorable.h"

#include <algorithm>

#include "format.h"
#include "protect/window.h"

namespace paxect::tool {
namespace {

// A piece that ends in the parity of a window and begins in its data: both parts can begin and end inside a
// cell and inside a row of cells, so that it costs a code word up to one cell more than its length does.
std::uint64_t piece_over_parity(const core::Window& window, const core::ExtensionLayout& behind) {
  const core::WindowShape& shape = window.shape;
  const std::uint64_t padding = shape.data_cells() * shape.cell() - shape.length;
  const std::uint64_t gap = behind.parity - window.end();
  const std::uint64_t rows = std::uint64_t{shape.parity} - 1u;
  return std::max(gap, gap + rows * shape.words * shape.cell() - padding);
}

}  // namespace

std::optional<std::uint64_t> restorable_piece(const paxect_container_info& info,
                                              const std::vector<ExtensionPlace>& extensions) {
  if (info.protection < core::kMinProtect || info.protection > core::kMaxProtect || extensions.size() < 2)
    return std::nullopt;
  std::vector<core::Window> windows;
  std::uint64_t offset = 0;
  const std::size_t count = extensions.size() - 1;
  for (std::size_t i = 0; i < count; ++i) {
    const ExtensionPlace& behind = extensions[i];
    if (behind.offset <= offset) return std::nullopt;
    const core::WindowShape shape = core::choose_shape(behind.offset - offset, info.protection, count == 1);
    if (!shape.possible()) return std::nullopt;
    windows.push_back(
        {.shape = shape, .offset = offset, .number = static_cast<std::uint32_t>(i), .last = i + 1 == count});
    offset = behind.end;
  }
  // Of what the protection covers, which the footer is not part of.
  constexpr std::uint64_t kMaxCovered = core::kFullWindowCells << core::kMaxCellBits;
  const std::uint64_t covered = info.container_size - info.protection_size - core::kFooterSize;
  std::uint64_t piece = std::max<std::uint64_t>(1, std::min(covered, kMaxCovered) * info.protection / 100);
  for (std::size_t i = 0; i <= count; ++i) {
    const core::Window* own = i < count ? &windows[i] : nullptr;
    const core::Window* earlier = i > 0 ? &windows[i - 1] : nullptr;
    const core::ExtensionLayout layout = core::lay_out(extensions[i].offset, own, earlier);
    if (layout.end != extensions[i].end) return std::nullopt;
    if (earlier != nullptr) piece = std::min(piece, piece_over_parity(*earlier, layout));
  }
  return piece;
}

}  // namespace paxect::tool

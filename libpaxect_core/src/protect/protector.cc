#include "protect/protector.h"

#include <algorithm>
#include <cstring>

#include "protect/extension_writer.h"
#include "saturating.h"

namespace paxect::core {
namespace {

constexpr std::size_t kFullWindow = std::size_t{kFullWindowCells} << kMaxCellBits;

}  // namespace

namespace {

Status with_remedy(Status status) {
  if (status.code == PAXECT_ERROR_MEMORY) status.message += ": use smaller frames or less protection";
  return status;
}

}  // namespace

void Protector::begin(unsigned percent) {
  percent_ = percent;
  filled_ = 0;
  has_frame_ = false;
  offset_ = 0;
  windows_ = 0;
}

Status Protector::collect(std::span<const std::uint8_t> bytes) {
  std::size_t needed = round_up(filled_ + bytes.size(), std::size_t{1} << kMaxCellBits);
  std::size_t wanted = std::max(needed, std::min(2 * bytes_.capacity(), kFullWindow));
  if (needed > bytes_.capacity() && !bytes_.reserve(wanted, filled_))
    return failure(PAXECT_ERROR_MEMORY, "out of memory for a window of " + std::to_string(wanted) +
                                            " bytes: use smaller frames, or no protection");
  std::memcpy(bytes_.data() + filled_, bytes.data(), bytes.size());
  filled_ += bytes.size();
  return {};
}

Status Protector::add_header(std::span<const std::uint8_t, kHeaderSize> bytes) { return collect(bytes); }

Status Protector::add_frame(std::span<const std::uint8_t> frame) {
  Status status;
  if (windows_ == 0) {
    status = collect(frame);
  } else {
    // A window that is longer than a full one is a single frame.
    if (!has_frame_)
      status = with_remedy(
          code(windows_).begin(choose_shape(std::max(frame.size(), kFullWindow), percent_, false)));
    if (status.ok()) code(windows_).add(frame);
    filled_ += frame.size();
  }
  has_frame_ = true;
  return status;
}

Status Protector::before_frame(std::span<const std::uint8_t> frame, const Callbacks& callbacks,
                               std::uint64_t& written) {
  written = 0;
  if (!has_frame_ || !window_is_full(filled_, frame.size())) return {};
  Status status = close_window(false);
  if (status.ok()) status = write(&code(windows_ - 1), before_last(), nullptr, callbacks, written);
  return status;
}

const WindowCode* Protector::before_last() const { return windows_ < 2 ? nullptr : &codes_[windows_ % 2]; }

Status Protector::close_window(bool last) {
  Window window{.shape = choose_shape(filled_, percent_, last && windows_ == 0),
                .offset = offset_,
                .number = windows_,
                .last = last};
  if (windows_ == 0) {
    Status status = with_remedy(code(0).compute(window, bytes_.data()));
    if (!status.ok()) return status;
    tag_ = code(0).tag();
  } else {
    code(windows_).finish(window);
  }
  windows_ += 1;
  offset_ += filled_;
  filled_ = 0;
  has_frame_ = false;
  return {};
}

Status Protector::write(const WindowCode* own, const WindowCode* earlier, const Trailer* trailer,
                        const Callbacks& callbacks, std::uint64_t& written) {
  std::uint64_t size = 0;
  Status status = write_extension(callbacks, tag_, offset_, own, earlier, trailer, size);
  offset_ += size;
  written += size;
  return status;
}

Status Protector::finish(const Header& header, const Footer& footer, const Callbacks& callbacks,
                         std::uint64_t& written) {
  written = 0;
  Status status = close_window(true);
  if (!status.ok()) return status;
  const WindowCode* own = &code(windows_ - 1);
  const WindowCode* before = before_last();
  const Window& window = own->window();
  ExtensionLayout first = lay_out(offset_, &window, before == nullptr ? nullptr : &before->window());
  ExtensionLayout second = lay_out(first.end, nullptr, &window);
  Trailer trailer;
  trailer.percent = window.shape.percent;
  trailer.cell_bits = window.shape.cell_bits;
  trailer.windows = windows_;
  trailer.container_size = second.end + kFooterSize;
  write_header(header, trailer.header);
  write_footer(footer, trailer.footer);
  status = write(own, before, &trailer, callbacks, written);
  if (status.ok()) status = write(nullptr, own, &trailer, callbacks, written);
  return status;
}

// Every two windows together are longer than a full one. The shares are those of windows of any length; the
// rest is that of a full window, or what cells and records are rounded up to.
std::uint64_t Protector::bound(unsigned percent, std::uint64_t stored) {
  constexpr std::uint64_t kCell = std::uint64_t{1} << kMaxCellBits;
  constexpr std::uint64_t kSmallCells = 640;  // of a window with smaller cells, parity included
  WindowShape full = choose_shape(kFullWindow, percent, false);
  std::uint64_t share = saturating_add(stored / 100 * percent, stored / 32);
  std::uint64_t small = full.list_copies() * (kListHeaderSize + 4 * kSmallCells + kCell) + 32 * kCell;
  std::uint64_t large = full.parity_size() + full.list_copies() * full.list_size() + 8 * kCell;
  std::uint64_t windows = stored <= kFullWindow ? 0 : 2 * (stored / kFullWindow) + 2;
  return saturating_add(share, saturating_add(small, saturating_multiply(windows, large)));
}

std::uint64_t Protector::memory(unsigned percent, std::uint64_t frame) {
  std::uint64_t window = std::max<std::uint64_t>(kFullWindow, kHeaderSize + frame);
  WindowShape shape = choose_shape(window, percent, false);
  std::uint64_t growing = kFullWindow / 2 + 2 * (std::uint64_t{1} << kMaxCellBits);  // an earlier buffer
  std::uint64_t cells = std::uint64_t{2} << kMaxCellBits;
  std::uint64_t tables = 2 * 33 * std::uint64_t{kMaxDataCells} * shape.parity;  // of two multipliers
  return window + growing + cells + 2 * (shape.parity_size() + 4 * shape.all_cells()) + tables;
}

}  // namespace paxect::core

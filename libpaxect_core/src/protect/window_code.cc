#include "protect/window_code.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "digest.h"
#include "little_endian.h"

namespace paxect::core {

std::vector<std::uint8_t> code_matrix(std::span<const unsigned> rows, std::span<const unsigned> columns) {
  std::vector<std::uint8_t> factors;
  factors.reserve(rows.size() * columns.size());
  for (unsigned row : rows)
    for (unsigned column : columns) factors.push_back(galois::coefficient(row, column));
  return factors;
}

Status WindowCode::begin(const WindowShape& longest) {
  window_.shape = longest;
  cells_ = 0;
  filled_ = 0;
  const auto parity_size = static_cast<std::size_t>(longest.parity_size());
  if (!list_.reserve(static_cast<std::size_t>(4 * longest.all_cells())) || !parity_.reserve(parity_size) ||
      !cell_.reserve(longest.cell()))
    return failure(PAXECT_ERROR_MEMORY,
                   "out of memory for the parity of " + std::to_string(longest.length) + " bytes");
  std::memset(parity_.data(), 0, parity_size);
  if (multiplier_ && rows_ == longest.parity && columns_ >= longest.word_cells(0)) return {};
  multiplier_.reset();  // what follows may throw
  rows_ = longest.parity;
  columns_ = longest.word_cells(0);
  std::vector<unsigned> rows(rows_);
  std::iota(rows.begin(), rows.end(), 0u);
  std::vector<unsigned> columns(columns_);
  std::iota(columns.begin(), columns.end(), 0u);
  multiplier_.emplace(rows_, columns_, code_matrix(rows, columns).data());
  return {};
}

void WindowCode::add(std::span<const std::uint8_t> bytes) {
  const std::size_t size = window_.shape.cell();
  while (!bytes.empty()) {
    if (filled_ == 0 && bytes.size() >= size) {
      add_cell(bytes.data());
      bytes = bytes.subspan(size);
      continue;
    }
    const std::size_t part = std::min(size - filled_, bytes.size());
    std::memcpy(cell_.data() + filled_, bytes.data(), part);
    bytes = bytes.subspan(part);
    filled_ += part;
    if (filled_ != size) break;
    add_cell(cell_.data());
    filled_ = 0;
  }
}

void WindowCode::add_cell(const std::uint8_t* bytes) {
  const WindowShape& shape = window_.shape;
  const auto word = static_cast<std::size_t>(cells_ % shape.words);
  std::array<std::uint8_t*, kMaxParityCells> out;
  for (unsigned row = 0; row < shape.parity; ++row)
    out[row] = parity_.data() + ((std::size_t{row} * shape.words + word) << shape.cell_bits);
  store(crc32(bytes, shape.cell()), list_.data() + 4 * cells_);
  multiplier_->add(static_cast<unsigned>(cells_ / shape.words), shape.cell(), bytes, out.data());
  ++cells_;
}

void WindowCode::finish(const Window& window) {
  if (filled_ != 0) {
    std::memset(cell_.data() + filled_, 0, window_.shape.cell() - filled_);
    add_cell(cell_.data());
  }
  const std::uint32_t words = window_.shape.words;
  window_ = window;
  const WindowShape& shape = window.shape;
  const auto row_size = static_cast<std::size_t>(shape.words) << shape.cell_bits;
  for (unsigned row = 1; words != shape.words && row < shape.parity; ++row)
    std::memmove(parity_.data() + row * row_size,
                 parity_.data() + ((std::size_t{row} * words) << shape.cell_bits), row_size);
  for (std::uint64_t cell = 0; cell < shape.parity_cells(); ++cell)
    store(crc32(parity_.data() + (cell << shape.cell_bits), shape.cell()),
          list_.data() + 4 * (shape.data_cells() + cell));
}

Status WindowCode::compute(const Window& window, const std::uint8_t* bytes) {
  Status status = begin(window.shape);
  if (!status.ok()) return status;
  add({bytes, static_cast<std::size_t>(window.shape.length)});
  finish(window);
  return status;
}

ProtectionTag WindowCode::tag() const {
  Sha256 digest;
  digest.reset();
  digest.update(list_.data(), static_cast<std::size_t>(4 * window_.shape.data_cells()));
  Digest full = digest.finish();
  ProtectionTag tag;
  std::copy_n(full.begin(), tag.size(), tag.begin());
  return tag;
}

}  // namespace paxect::core

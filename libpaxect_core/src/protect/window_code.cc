#include "protect/window_code.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "digest.h"
#include "little_endian.h"

namespace paxect::core {
namespace {

// Cells of a code word are a multiple of 4096 bytes apart in a window, so that a processor's cache can hold
// only a few of them at a time. They are copied to where they are so much more apart than they are long: 5
// times as fast.
constexpr std::size_t kSkew = 128;

}  // namespace

std::vector<std::uint8_t> code_matrix(std::span<const unsigned> rows, std::span<const unsigned> columns) {
  std::vector<std::uint8_t> factors;
  factors.reserve(rows.size() * columns.size());
  for (unsigned row : rows)
    for (unsigned column : columns) factors.push_back(galois::coefficient(row, column));
  return factors;
}

Status WindowCode::compute(const Window& window, const std::uint8_t* bytes) {
  window_ = window;
  const WindowShape& shape = window.shape;
  if (!list_.reserve(static_cast<std::size_t>(4 * shape.all_cells())) ||
      !parity_.reserve(static_cast<std::size_t>(shape.parity_size())) ||
      !word_.reserve((kMaxDataCells + kMaxParityCells) * (shape.cell() + kSkew)))
    return failure(PAXECT_ERROR_MEMORY, "out of memory for the parity of " + std::to_string(shape.length) +
                                            " bytes: use smaller frames or less protection");
  std::vector<unsigned> rows(shape.parity);
  std::iota(rows.begin(), rows.end(), 0u);
  // Words differ in their data cells by one at most: two multipliers serve all of them.
  std::vector<unsigned> columns(shape.word_cells(0));
  std::iota(columns.begin(), columns.end(), 0u);
  galois::Multiplier longer(shape.parity, static_cast<unsigned>(columns.size()),
                            code_matrix(rows, columns).data());
  std::uint32_t word = 0;
  for (; word < shape.words && shape.word_cells(word) == columns.size(); ++word)
    compute_word(word, bytes, longer);
  if (word == shape.words) return {};
  columns.pop_back();
  galois::Multiplier shorter(shape.parity, static_cast<unsigned>(columns.size()),
                             code_matrix(rows, columns).data());
  for (; word < shape.words; ++word) compute_word(word, bytes, shorter);
  return {};
}

void WindowCode::compute_word(std::uint32_t word, const std::uint8_t* bytes,
                              const galois::Multiplier& multiplier) {
  const WindowShape& shape = window_.shape;
  const std::size_t size = shape.cell();
  std::array<const std::uint8_t*, kMaxDataCells> in;
  std::array<std::uint8_t*, kMaxParityCells> out;
  std::uint8_t* next = word_.data();
  unsigned cells = shape.word_cells(word);
  for (unsigned i = 0; i < cells; ++i, next += size + kSkew) {
    std::uint64_t cell = std::uint64_t{i} * shape.words + word;
    std::memcpy(next, bytes + (cell << shape.cell_bits), size);
    store(crc32(next, size), list_.data() + 4 * cell);
    in[i] = next;
  }
  for (unsigned row = 0; row < shape.parity; ++row, next += size + kSkew) out[row] = next;
  multiplier.apply(size, in.data(), out.data());
  for (unsigned row = 0; row < shape.parity; ++row) {
    std::uint64_t cell = std::uint64_t{row} * shape.words + word;
    std::memcpy(parity_.data() + (cell << shape.cell_bits), out[row], size);
    store(crc32(out[row], size), list_.data() + 4 * (shape.data_cells() + cell));
  }
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

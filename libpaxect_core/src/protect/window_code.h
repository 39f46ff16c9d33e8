// The redundancy of one window: the CRC-32 of each of its cells, and its parity. One thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "memory.h"
#include "protect/galois.h"
#include "protect/records.h"
#include "protect/window.h"
#include "status.h"

namespace paxect::core {

class WindowCode {
 public:
  explicit WindowCode(const Allocator& allocator) : list_(allocator), parity_(allocator), word_(allocator) {}

  // Computes both. `bytes`: those of the window, filled up to whole cells with zeros. Errors: MEMORY.
  Status compute(const Window& window, const std::uint8_t* bytes);

  const Window& window() const { return window_; }
  // 4 bytes for each cell: the data cells, then the parity cells.
  const std::uint8_t* list() const { return list_.data(); }
  std::span<const std::uint8_t> parity() const {
    return {parity_.data(), static_cast<std::size_t>(window_.shape.parity_size())};
  }
  // What tells this container's records from those of others: a hash of the first window's data cells.
  ProtectionTag tag() const;

 private:
  void compute_word(std::uint32_t word, const std::uint8_t* bytes, const galois::Multiplier& multiplier);

  Window window_;
  Buffer list_;
  Buffer parity_;
  Buffer word_;  // the cells of a code word, close together
};

// The factors of the parity cells `rows` for the data cells `columns`, row by row.
std::vector<std::uint8_t> code_matrix(std::span<const unsigned> rows, std::span<const unsigned> columns);

}  // namespace paxect::core

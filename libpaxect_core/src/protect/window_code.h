// The redundancy of one window: the CRC-32 of each of its cells, and its parity. Each cell is added to the
// parity when it is known, while it is in the processor's cache; the cells are not kept. One thread at a
// time.
#pragma once

#include <cstdint>
#include <optional>
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
  explicit WindowCode(const Allocator& allocator) : list_(allocator), parity_(allocator), cell_(allocator) {}

  // Begins a window of this shape, or a shorter one whose shape is known when it ends. Errors: MEMORY.
  Status begin(const WindowShape& longest);
  // The next bytes of it. Requires: no more in all than the shape's.
  void add(std::span<const std::uint8_t> bytes);
  // Requires: the window has the bytes that were added, and its cells are in the code words that begin() was
  // given: it has the same number of them, or one for each cell.
  void finish(const Window& window);
  // All of these, for a window whose bytes are in memory. Errors: MEMORY.
  Status compute(const Window& window, const std::uint8_t* bytes);

  // After finish().
  const Window& window() const { return window_; }
  // 4 bytes for each cell: the data cells, then the parity cells.
  const std::uint8_t* list() const { return list_.data(); }
  std::span<const std::uint8_t> parity() const {
    return {parity_.data(), static_cast<std::size_t>(window_.shape.parity_size())};
  }
  // What tells this container's records from those of others: a hash of the first window's data cells.
  ProtectionTag tag() const;

 private:
  void add_cell(const std::uint8_t* bytes);

  Window window_;            // its shape: that of begin() until finish()
  std::uint64_t cells_ = 0;  // that were added
  std::optional<galois::Multiplier> multiplier_;
  unsigned rows_ = 0;     // of it
  unsigned columns_ = 0;  // of it
  Buffer list_;
  Buffer parity_;
  Buffer cell_;  // whose first bytes were added
  std::size_t filled_ = 0;
};

// The factors of the parity cells `rows` for the data cells `columns`, row by row.
std::vector<std::uint8_t> code_matrix(std::span<const unsigned> rows, std::span<const unsigned> columns);

}  // namespace paxect::core

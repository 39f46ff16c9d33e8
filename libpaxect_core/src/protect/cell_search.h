// Finds cells that were moved by an insertion or a removal, by a CRC-32 that slides over the bytes. A value.
// Memory: up to 6 bytes for each wanted CRC-32.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "salvage/copy_reader.h"

namespace paxect::core {

class CellSearch {
 public:
  // `size`: of a cell, at least 1. `wanted`: CRC-32s of cells. The work is charged to `charged`; when that
  // stops, nothing is found.
  CellSearch(std::size_t size, std::vector<std::uint32_t> wanted, CopyReader& charged);

  // Calls `found` with each offset in `bytes` at which two cells with wanted CRC-32s follow each other, in
  // order. It returns the number of bytes to pass over; 0: the next offset may be the next.
  using Found = std::function<std::size_t(std::size_t offset, std::uint32_t crc, std::uint32_t next)>;
  void run(std::span<const std::uint8_t> bytes, const Found& found);

 private:
  bool may_be_wanted(std::uint32_t value) const { return filter_[value & filter_mask_]; }
  bool is_wanted(std::uint32_t value);

  std::size_t size_;
  std::uint32_t zeros_;                     // the CRC-32 of a cell of zeros
  std::array<std::uint32_t, 256> enter_{};  // what a byte that enters changes
  std::array<std::uint32_t, 256> leave_{};  // what one that leaves changes
  CopyReader* charged_;
  std::vector<std::uint32_t> wanted_;  // without the part that all cells have in common; sorted
  std::uint32_t filter_mask_ = 0xffff;
  std::vector<bool> filter_;           // by the low bits of the wanted ones
  std::vector<std::uint32_t> before_;  // of the cells at the last `size_` offsets
};

}  // namespace paxect::core

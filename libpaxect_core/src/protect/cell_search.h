// Finds cells that were moved by an insertion or a removal, by a CRC-32 that slides over the bytes. A value.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace paxect::core {

class CellSearch {
 public:
  // `size`: of a cell, at least 1. `count`: of the calls of want() that follow.
  CellSearch(std::size_t size, std::size_t count);

  void want(std::uint32_t crc);
  // Calls `found` with each offset in `bytes` at which two cells with wanted CRC-32s follow each other, in
  // order. It returns the number of bytes to pass over; 0: the next offset may be the next.
  using Found = std::function<std::size_t(std::size_t offset, std::uint32_t crc, std::uint32_t next)>;
  void run(std::span<const std::uint8_t> bytes, const Found& found);

 private:
  bool is_wanted(std::uint32_t value) const;

  std::size_t size_;
  std::uint32_t zeros_;                     // the CRC-32 of a cell of zeros
  std::array<std::uint32_t, 256> enter_{};  // what a byte that enters changes
  std::array<std::uint32_t, 256> leave_{};  // what one that leaves changes
  std::vector<std::uint32_t> wanted_;       // without the part that all cells have in common; sorted by run
  std::vector<bool> filter_;                // by the low bits of the wanted ones
  std::vector<std::uint32_t> before_;       // of the cells at the last `size_` offsets
};

}  // namespace paxect::core

// Arithmetic of GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11d), and the Cauchy code of
// FORMAT.md, Protection. ISA-L multiplies where the build found it, else the plain loop; both give the same
// bytes. One thread at a time uses a Multiplier; the functions have no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace paxect::core::galois {

// The factor of data cell `column` (0 to 127) in parity cell `row` (0 to 126) of a code word.
std::uint8_t coefficient(unsigned row, unsigned column);

std::uint8_t multiply(std::uint8_t a, std::uint8_t b);

// The inverse of the square matrix of coefficients with these rows and columns, row by row: what turns the
// sums of the missing cells back into these cells. Every such matrix has one. Requires: equal sizes, no
// duplicates.
std::vector<std::uint8_t> inverse(const std::vector<unsigned>& rows, const std::vector<unsigned>& columns);

// Multiplies vectors of cells by a fixed matrix.
class Multiplier {
 public:
  // `factors`: rows x columns, row by row. Requires: neither is 0.
  Multiplier(unsigned rows, unsigned columns, const std::uint8_t* factors);
  // out[row] = the sum over the columns of factor x in[column]; each cell has `size` bytes, at least 64.
  void apply(std::size_t size, const std::uint8_t* const* in, std::uint8_t* const* out) const;
  // The part of one column: out[row] += factor x in.
  void add(unsigned column, std::size_t size, const std::uint8_t* in, std::uint8_t* const* out) const;

 private:
  unsigned rows_;
  unsigned columns_;
  std::vector<std::uint8_t>
      tables_;  // 32 bytes for each factor, as ec_init_tables makes them; or the factors
};

// The plain loop, whichever one Multiplier uses: to += factor x from.
void add_plain(std::uint8_t factor, std::size_t size, const std::uint8_t* from, std::uint8_t* to);

}  // namespace paxect::core::galois

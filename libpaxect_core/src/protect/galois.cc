#include "protect/galois.h"

#include <array>
#include <cstring>

#ifdef PAXECT_HAVE_ISAL
#include <isa-l/erasure_code.h>
#endif

namespace paxect::core::galois {
namespace {

constexpr unsigned kPolynomial = 0x11d;
constexpr unsigned kOrder = 255;  // of the multiplicative group, which 2 generates
constexpr unsigned kFirstRow = 128;

struct Logarithms {
  std::array<std::uint8_t, 2 * kOrder> power{};  // of 2; twice, so that a sum of two logarithms is an index
  std::array<std::uint8_t, 256> log{};           // of 1 to 255
};

constexpr Logarithms make_logarithms() {
  Logarithms made;
  unsigned value = 1;
  for (unsigned i = 0; i < kOrder; ++i) {
    made.power[i] = made.power[i + kOrder] = static_cast<std::uint8_t>(value);
    made.log[value] = static_cast<std::uint8_t>(i);
    value <<= 1;
    if (value > 255) value ^= kPolynomial;
  }
  return made;
}

constexpr Logarithms kTable = make_logarithms();

unsigned log_of(unsigned value) { return kTable.log[value]; }
std::uint8_t invert(unsigned value) { return kTable.power[kOrder - log_of(value)]; }

unsigned point(unsigned row) { return kFirstRow + row; }

}  // namespace

std::uint8_t multiply(std::uint8_t a, std::uint8_t b) {
  return a == 0 || b == 0 ? std::uint8_t{0} : kTable.power[log_of(a) + log_of(b)];
}

std::uint8_t coefficient(unsigned row, unsigned column) { return invert(point(row) ^ column); }

// The closed form of a Cauchy matrix's inverse, in logarithms: quadratic in the size, where elimination would
// be cubic. Sum and difference are the same here.
std::vector<std::uint8_t> inverse(const std::vector<unsigned>& rows, const std::vector<unsigned>& columns) {
  std::size_t size = rows.size();
  std::vector<unsigned> row_log(size);
  std::vector<unsigned> column_log(size);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t other = 0; other < size; ++other) {
      row_log[i] += log_of(point(rows[i]) ^ columns[other]);
      column_log[i] += log_of(point(rows[other]) ^ columns[i]);
      if (other == i) continue;
      row_log[i] += kOrder - log_of(rows[i] ^ rows[other]);
      column_log[i] += kOrder - log_of(columns[i] ^ columns[other]);
    }
  }
  std::vector<std::uint8_t> result(size * size);
  for (std::size_t column = 0; column < size; ++column)
    for (std::size_t row = 0; row < size; ++row)
      result[column * size + row] = kTable.power[(row_log[row] + column_log[column] + kOrder -
                                                  log_of(point(rows[row]) ^ columns[column])) %
                                                 kOrder];
  return result;
}

void add_plain(std::uint8_t factor, std::size_t size, const std::uint8_t* from, std::uint8_t* to) {
  std::array<std::uint8_t, 256> products;
  for (unsigned value = 0; value < products.size(); ++value)
    products[value] = multiply(factor, static_cast<std::uint8_t>(value));
  for (std::size_t i = 0; i < size; ++i) to[i] ^= products[from[i]];
}

#ifdef PAXECT_HAVE_ISAL

namespace {
constexpr std::size_t kTableSize = 32;
}

Multiplier::Multiplier(unsigned rows, unsigned columns, const std::uint8_t* factors)
    : rows_(rows), columns_(columns), tables_(kTableSize * rows * columns) {
  std::vector<std::uint8_t> copy(factors, factors + std::size_t{rows} * columns);  // ISA-L's is not const
  ec_init_tables(static_cast<int>(columns), static_cast<int>(rows), copy.data(), tables_.data());
}

void Multiplier::apply(std::size_t size, const std::uint8_t* const* in, std::uint8_t* const* out) const {
  ec_encode_data(static_cast<int>(size), static_cast<int>(columns_), static_cast<int>(rows_),
                 const_cast<std::uint8_t*>(tables_.data()), const_cast<std::uint8_t**>(in),
                 const_cast<std::uint8_t**>(out));
}

void Multiplier::add(unsigned column, std::size_t size, const std::uint8_t* in,
                     std::uint8_t* const* out) const {
  ec_encode_data_update(static_cast<int>(size), static_cast<int>(columns_), static_cast<int>(rows_),
                        static_cast<int>(column), const_cast<std::uint8_t*>(tables_.data()),
                        const_cast<std::uint8_t*>(in), const_cast<std::uint8_t**>(out));
}

#else

Multiplier::Multiplier(unsigned rows, unsigned columns, const std::uint8_t* factors)
    : rows_(rows), columns_(columns), tables_(factors, factors + std::size_t{rows} * columns) {}

void Multiplier::apply(std::size_t size, const std::uint8_t* const* in, std::uint8_t* const* out) const {
  for (unsigned row = 0; row < rows_; ++row) std::memset(out[row], 0, size);
  for (unsigned column = 0; column < columns_; ++column) add(column, size, in[column], out);
}

void Multiplier::add(unsigned column, std::size_t size, const std::uint8_t* in,
                     std::uint8_t* const* out) const {
  for (unsigned row = 0; row < rows_; ++row)
    add_plain(tables_[std::size_t{row} * columns_ + column], size, in, out[row]);
}

#endif

}  // namespace paxect::core::galois

#include "protect/cell_search.h"

#include <algorithm>

#include "digest.h"

namespace paxect::core {
namespace {

constexpr std::uint32_t kPolynomial = 0xedb88320;
constexpr std::uint32_t kFilterMask = 0xffff;

}  // namespace

// A CRC-32 without its initial value is linear: a byte that leaves is taken back by adding what it has become
// after `size` more bytes.
CellSearch::CellSearch(std::size_t size, std::size_t count)
    : size_(size),
      zeros_(crc32(std::vector<std::uint8_t>(size).data(), size)),
      filter_(kFilterMask + 1),
      before_(size) {
  wanted_.reserve(count);
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? value >> 1 ^ kPolynomial : value >> 1;
    enter_[byte] = value;
  }
  for (unsigned bit = 0; bit < 8; ++bit) {
    std::uint32_t value = enter_[1u << bit];
    for (std::size_t i = 0; i < size; ++i) value = value >> 8 ^ enter_[value & 0xff];
    leave_[1u << bit] = value;
  }
  for (unsigned byte = 1; byte < 256; ++byte)
    leave_[byte] = leave_[byte & (byte - 1)] ^ leave_[byte & (~byte + 1)];
}

void CellSearch::want(std::uint32_t crc) {
  wanted_.push_back(crc ^ zeros_);
  filter_[wanted_.back() & kFilterMask] = true;
}

bool CellSearch::is_wanted(std::uint32_t value) const {
  return filter_[value & kFilterMask] && std::binary_search(wanted_.begin(), wanted_.end(), value);
}

void CellSearch::run(std::span<const std::uint8_t> bytes, const Found& found) {
  std::sort(wanted_.begin(), wanted_.end());
  for (std::size_t begin = 0; begin < bytes.size() && bytes.size() - begin >= 2 * size_;) {
    std::uint32_t value = 0;
    for (std::size_t i = begin; i < begin + size_; ++i)
      value = value >> 8 ^ enter_[(value ^ bytes[i]) & 0xff];
    std::size_t passed = 0;
    for (std::size_t at = begin, slot = 0;; ++at) {  // of the second cell
      if (at - begin >= size_ && filter_[value & kFilterMask] && is_wanted(before_[slot]) && is_wanted(value))
        passed = found(at - size_, before_[slot] ^ zeros_, value ^ zeros_);
      if (passed != 0) {
        begin = at - size_ + std::min(passed, bytes.size());
        break;
      }
      before_[slot] = value;
      slot = slot + 1 == size_ ? 0 : slot + 1;
      if (at + size_ == bytes.size()) return;
      value = value >> 8 ^ enter_[(value ^ bytes[at + size_]) & 0xff];
      value ^= leave_[bytes[at]];
    }
  }
}

}  // namespace paxect::core

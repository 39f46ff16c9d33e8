#include "protect/cell_search.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "digest.h"

namespace paxect::core {
namespace {

constexpr std::uint32_t kPolynomial = 0xedb88320;
constexpr std::uint32_t kMaxMask = std::numeric_limits<std::uint32_t>::max();
// Of the filter for each wanted value, so that at most one place in eight passes it by coincidence.
constexpr std::size_t kFilterBits = 8;

}  // namespace

// A CRC-32 without its initial value is linear: a byte that leaves is taken back by adding what it has become
// after `size` more bytes.
CellSearch::CellSearch(std::size_t size, std::vector<std::uint32_t> wanted, CopyReader& charged)
    : size_(size),
      zeros_(crc32(std::vector<std::uint8_t>(size).data(), size)),
      charged_(&charged),
      wanted_(std::move(wanted)),
      before_(size) {
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
  for (std::uint32_t& value : wanted_) value ^= zeros_;
  if (!sort_in_place(std::span(wanted_), std::less<>(), charged)) wanted_.clear();
  wanted_.erase(std::unique(wanted_.begin(), wanted_.end()), wanted_.end());
  while (filter_mask_ / kFilterBits < wanted_.size() && filter_mask_ != kMaxMask)
    filter_mask_ = 2 * filter_mask_ + 1;
  filter_.resize(std::size_t{filter_mask_} + 1);
  for (const std::uint32_t value : wanted_) filter_[value & filter_mask_] = true;
}

bool CellSearch::is_wanted(std::uint32_t value) {
  return may_be_wanted(value) && charged_->charge(WorkMeter::kStep) &&
         std::binary_search(wanted_.begin(), wanted_.end(), value);
}

void CellSearch::run(std::span<const std::uint8_t> bytes, const Found& found) {
  for (std::size_t begin = 0; begin < bytes.size() && bytes.size() - begin >= 2 * size_;) {
    std::uint32_t value = 0;
    for (std::size_t i = begin; i < begin + size_; ++i)
      value = value >> 8 ^ enter_[(value ^ bytes[i]) & 0xff];
    std::size_t passed = 0;
    for (std::size_t at = begin, slot = 0;; ++at) {  // of the second cell
      if (at - begin >= size_ && may_be_wanted(value) && is_wanted(before_[slot]) && is_wanted(value))
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

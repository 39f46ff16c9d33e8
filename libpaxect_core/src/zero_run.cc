#include "zero_run.h"

#include <cstring>

namespace paxect::core {
namespace {

bool zero_block(const std::uint8_t* block) {
  std::uint64_t first;
  std::memcpy(&first, block, sizeof first);
  return first == 0 && std::memcmp(block, block + sizeof first, kHoleBlock - sizeof first) == 0;
}

}  // namespace

ZeroRun find_zero_run(const std::uint8_t* data, std::size_t size, std::uint64_t offset,
                      std::size_t smallest) {
  std::size_t at = (kHoleBlock - offset % kHoleBlock) % kHoleBlock;
  std::size_t run = at;  // where the run that `at` may be in begins
  for (; at + kHoleBlock <= size; at += kHoleBlock) {
    if (zero_block(data + at)) continue;
    if (at - run >= smallest) return {run, at - run};
    run = at + kHoleBlock;
  }
  if (at > run && (at == size || at - run >= smallest)) return {run, at - run};
  return {size, 0};
}

}  // namespace paxect::core

#include "memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace paxect::core {
namespace {

// A declared length up to this is allocated at once. A frame of the default size needs as much.
constexpr std::size_t kTrustedSize = (1u << 20) + (1u << 16);

}  // namespace

void* Allocator::allocate(std::size_t size) const {
  if (functions_.allocate == nullptr) return std::malloc(size);
  return functions_.allocate(functions_.opaque, size);
}

void Allocator::release(void* memory) const {
  if (memory == nullptr) return;
  if (functions_.release == nullptr)
    std::free(memory);
  else
    functions_.release(functions_.opaque, memory);
}

Buffer::Buffer(Buffer&& other) noexcept
    : allocator_(other.allocator_),
      data_(std::exchange(other.data_, nullptr)),
      capacity_(std::exchange(other.capacity_, 0)) {}

bool Buffer::reserve(std::size_t size, std::size_t keep) {
  if (size <= capacity_) return true;
  if (keep == 0) {
    allocator_.release(std::exchange(data_, nullptr));
    capacity_ = 0;
  }
  auto* grown = static_cast<std::uint8_t*>(allocator_.allocate(size));
  if (grown == nullptr) return false;
  if (keep != 0) std::memcpy(grown, data_, keep);
  allocator_.release(data_);
  data_ = grown;
  capacity_ = size;
  return true;
}

std::size_t grown_capacity(std::size_t needed, std::size_t total) {
  if (total <= kTrustedSize) return total;
  return std::min(total, std::max({needed, kTrustedSize, needed > total / 2 ? total : 2 * needed}));
}

}  // namespace paxect::core

// Memory from the caller's allocator. An Allocator is a value; several threads may use it. One thread at a
// time uses a Buffer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "paxect/core.h"

namespace paxect::core {

class Allocator {
 public:
  Allocator() = default;  // malloc and free
  explicit Allocator(const paxect_allocator& functions) : functions_(functions) {}

  void* allocate(std::size_t size) const;
  void release(void* memory) const;

 private:
  paxect_allocator functions_{};
};

// Bytes that grow on demand and are released by the destructor.
class Buffer {
 public:
  explicit Buffer(const Allocator& allocator) : allocator_(allocator) {}
  ~Buffer() { allocator_.release(data_); }
  Buffer(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::uint8_t* data() { return data_; }
  const std::uint8_t* data() const { return data_; }
  std::size_t capacity() const { return capacity_; }

  // Makes room for `size` bytes and keeps the first `keep` of them. False when memory runs out; the buffer is
  // unchanged then, or empty if `keep` is 0.
  bool reserve(std::size_t size, std::size_t keep = 0);

 private:
  Allocator allocator_;
  std::uint8_t* data_ = nullptr;
  std::size_t capacity_ = 0;
};

// The next capacity for data of which `needed` bytes have arrived and `total` bytes are declared: about
// `total` is not allocated before half of it has arrived.
std::size_t grown_capacity(std::size_t needed, std::size_t total);

}  // namespace paxect::core

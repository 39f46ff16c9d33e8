// Reads one damaged copy at any offset through two windows of fixed size: a big one for searching, a small
// one for looking at single places. What the medium cannot deliver (EIO) counts as damage, not as a failure:
// it reads as zeros. Any other error sticks: from then on everything reads as empty, and trouble() says why.
// One thread at a time; the file offset of the descriptor does not move.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "memory.h"
#include "status.h"

namespace paxect::core {

class CopyReader {
 public:
  static constexpr std::uint64_t kNowhere = std::numeric_limits<std::uint64_t>::max();

  CopyReader(const Allocator& allocator, int fd, std::uint64_t size)
      : fd_(fd), size_(size), search_{Buffer(allocator)}, look_{Buffer(allocator)} {}

  std::uint64_t size() const { return size_; }
  const Status& trouble() const { return trouble_; }

  // Up to `size` bytes at `offset`, at most kLookSize; fewer where the file ends. Valid until the next call.
  std::span<const std::uint8_t> look(std::uint64_t offset, std::size_t size);
  // All of them, which lie inside the file; false when there is trouble.
  bool read(std::uint64_t offset, std::uint8_t* out, std::size_t size);
  // The first place at or after `from` where a zstd frame may begin; kNowhere when there is none.
  std::uint64_t find_zstd_magic(std::uint64_t from);

  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t unreadable() const { return unreadable_; }  // bytes, as far as they were met

  static constexpr std::size_t kLookSize = 4096;
  static constexpr std::size_t kSearchSize = 1 << 20;

 private:
  struct Window {
    Buffer bytes;
    std::uint64_t offset = 0;
    std::size_t size = 0;

    bool holds(std::uint64_t from, std::size_t count) const {
      return from >= offset && from - offset <= size && count <= size - (from - offset);
    }
  };

  bool fill(Window& window, std::uint64_t offset, std::size_t capacity);
  bool read_piece(std::uint64_t offset, std::uint8_t* out, std::size_t size, bool& bad);

  int fd_;
  std::uint64_t size_;
  Window search_;
  Window look_;
  Status trouble_;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t unreadable_ = 0;
  std::uint64_t unreadable_end_ = 0;  // what lies before it was counted
};

}  // namespace paxect::core

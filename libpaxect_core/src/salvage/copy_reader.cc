#include "salvage/copy_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "salvage/zstd_extent.h"

namespace paxect::core {
namespace {

constexpr std::size_t kSector = 4096;  // what is given up at once when it cannot be read

}  // namespace

// `bad` when the medium fails; false on any other error.
bool CopyReader::read_piece(std::uint64_t offset, std::uint8_t* out, std::size_t size, bool& bad) {
  while (size != 0) {
    ssize_t got = pread(fd_, out, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EIO) {
      bad = true;
      return true;
    }
    if (got <= 0) {
      trouble_ = got < 0 ? system_failure(PAXECT_ERROR_READ, "copy", "cannot read", errno)
                         : failure(PAXECT_ERROR_READ, "copy: became shorter while it was read");
      trouble_.offset = offset;
      return false;
    }
    bytes_read_ += static_cast<std::uint64_t>(got);
    out += got;
    offset += static_cast<std::uint64_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool CopyReader::read(std::uint64_t offset, std::uint8_t* out, std::size_t size) {
  if (!trouble_.ok()) return false;
  bool bad = false;
  if (!read_piece(offset, out, size, bad)) return false;
  if (!bad) return true;
  for (std::size_t step; size != 0; offset += step, out += step, size -= step) {
    step = std::min(size, kSector - static_cast<std::size_t>(offset % kSector));
    bad = false;
    if (!read_piece(offset, out, step, bad)) return false;
    if (!bad) continue;
    std::memset(out, 0, step);
    if (offset >= unreadable_end_) unreadable_ += step;
    unreadable_end_ = std::max(unreadable_end_, offset + step);
  }
  return true;
}

bool CopyReader::fill(Window& window, std::uint64_t offset, std::size_t capacity) {
  window.size = 0;
  if (!window.bytes.reserve(capacity)) {
    trouble_ = failure(PAXECT_ERROR_MEMORY, "out of memory for reading a copy");
    return false;
  }
  auto size = static_cast<std::size_t>(std::min<std::uint64_t>(capacity, size_ - offset));
  if (!read(offset, window.bytes.data(), size)) return false;
  window.offset = offset;
  window.size = size;
  return true;
}

std::span<const std::uint8_t> CopyReader::look(std::uint64_t offset, std::size_t size) {
  if (offset >= size_ || !trouble_.ok()) return {};
  size = static_cast<std::size_t>(std::min<std::uint64_t>({size, kLookSize, size_ - offset}));
  Window* window = search_.holds(offset, size) ? &search_ : &look_;
  if (!window->holds(offset, size) && !fill(*window, offset, kLookSize)) return {};
  return {window->bytes.data() + (offset - window->offset), size};
}

std::uint64_t CopyReader::find_zstd_magic(std::uint64_t from) {
  while (from < size_ && size_ - from >= kZstdMagic.size()) {
    if (!search_.holds(from, kZstdMagic.size()) && !fill(search_, from, kSearchSize)) return kNowhere;
    const std::uint8_t* begin = search_.bytes.data() + (from - search_.offset);
    const std::uint8_t* end = search_.bytes.data() + search_.size;
    const void* found =
        memmem(begin, static_cast<std::size_t>(end - begin), kZstdMagic.data(), kZstdMagic.size());
    if (found != nullptr)
      return search_.offset +
             static_cast<std::uint64_t>(static_cast<const std::uint8_t*>(found) - search_.bytes.data());
    from = search_.offset + search_.size - (kZstdMagic.size() - 1);
  }
  return kNowhere;
}

}  // namespace paxect::core

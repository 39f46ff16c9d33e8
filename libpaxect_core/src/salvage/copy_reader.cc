#include "salvage/copy_reader.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace paxect::core {
namespace {

constexpr std::size_t kSector = 4096;  // what is given up at once when it cannot be read

// memchr is several times as fast as memmem where the first byte of a magic is rare, as in compressed data.
const std::uint8_t* find_magic(std::span<const std::uint8_t, 4> magic, const std::uint8_t* begin,
                               const std::uint8_t* end) {
  constexpr std::ptrdiff_t kRare = 64;
  constexpr std::ptrdiff_t kFew = 64;
  std::ptrdiff_t hits = 0;
  for (const std::uint8_t* at = begin; end - at >= static_cast<std::ptrdiff_t>(magic.size()); ++at) {
    const auto size = static_cast<std::size_t>(end - at);
    if (++hits > kFew && at - begin < kRare * hits)
      return static_cast<const std::uint8_t*>(memmem(at, size, magic.data(), magic.size()));
    at = static_cast<const std::uint8_t*>(std::memchr(at, magic[0], size - magic.size() + 1));
    if (at == nullptr || std::equal(magic.begin(), magic.end(), at)) return at;
  }
  return nullptr;
}

}  // namespace

// Reads as much of it as the medium delivers and returns the number of bytes.
std::size_t CopyReader::read_piece(std::uint64_t offset, std::uint8_t* out, std::size_t size) {
  std::size_t done = 0;
  while (done != size) {
    ssize_t got = pread(fd_, out + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR && meter_->ask()) continue;
    if (got < 0) {
      error_ = errno;
      break;
    }
    if (got == 0) {  // the file is shorter than it was
      readable_end_ = std::min(readable_end_, offset + done);
      break;
    }
    done += static_cast<std::size_t>(got);
    delivers_ = true;
  }
  meter_->charge(done);
  return done;
}

// The same sector by sector, with zeros for each that is not delivered whole.
void CopyReader::read_sectors(std::uint64_t offset, std::uint8_t* out, std::size_t size) {
  for (std::size_t step; size != 0; offset += step, out += step, size -= step) {
    step = std::min(size, kSector - static_cast<std::size_t>(offset % kSector));
    bool wanted = offset < readable_end_ && meter_->status().ok();
    std::size_t got = wanted ? read_piece(offset, out, step) : 0;
    if (got == step) continue;
    std::memset(out + got, 0, step - got);
    if (offset + got >= readable_end_) continue;  // counted by where the file ends
    meter_->ask();                                // a failing medium may take seconds for each sector
    if (offset >= unreadable_end_) unreadable_ += step;
    unreadable_end_ = std::max(unreadable_end_, offset + step);
  }
}

bool CopyReader::read(std::uint64_t offset, std::uint8_t* out, std::size_t size) {
  if (failure_.ok() && source_ != nullptr) {
    failure_ = source_->read(offset, out, size);
    if (failure_.ok() && !meter_->charge(size)) failure_ = meter_->status();
  } else if (failure_.ok()) {
    std::size_t got = offset < readable_end_ ? read_piece(offset, out, size) : 0;
    if (got != size) {
      std::size_t whole = got - std::min<std::size_t>(got, (offset + got) % kSector);
      read_sectors(offset + whole, out + whole, size - whole);
    }
    failure_ = meter_->status();
  }
  if (!failure_.ok()) std::memset(out, 0, size);
  return failure_.ok();
}

bool CopyReader::fill(Window& window, std::uint64_t offset, std::size_t capacity) {
  window.size = 0;
  if (!window.bytes.reserve(capacity)) {
    failure_ = core::failure(PAXECT_ERROR_MEMORY, "out of memory for reading a copy");
    return false;
  }
  auto size = static_cast<std::size_t>(std::min<std::uint64_t>(capacity, size_ - offset));
  if (!read(offset, window.bytes.data(), size)) return false;
  window.offset = offset;
  window.size = size;
  return true;
}

void CopyReader::prefetch(std::uint64_t offset) {
  if (failure_.ok() && offset < size_) fill(search_, offset, kSearchSize);
}

std::span<const std::uint8_t> CopyReader::look(std::uint64_t offset, std::size_t size) {
  static constexpr std::array<std::uint8_t, kLookSize> kZeros{};
  if (offset >= size_) return {};
  size = static_cast<std::size_t>(std::min<std::uint64_t>({size, kLookSize, size_ - offset}));
  if (!failure_.ok()) return {kZeros.data(), size};
  Window* window = search_.holds(offset, size) ? &search_ : &look_;
  if (!window->holds(offset, size) && !fill(*window, offset, kLookSize)) return {kZeros.data(), size};
  return {window->bytes.data() + (offset - window->offset), size};
}

// Where the data goes on when `from` lies in a hole of the file; kNowhere when it does not go on.
std::uint64_t CopyReader::skip_hole(std::uint64_t from) {
  if (!may_have_holes_) return from;
  off_t here = lseek(fd_, 0, SEEK_CUR);
  off_t data = here < 0 ? -1 : lseek(fd_, static_cast<off_t>(from), SEEK_DATA);
  int error = errno;
  if (here >= 0) lseek(fd_, here, SEEK_SET);
  if (data < 0 && here >= 0 && error == ENXIO) return kNowhere;
  if (data < 0) may_have_holes_ = false;
  return data < 0 ? from : static_cast<std::uint64_t>(data);
}

std::uint64_t CopyReader::find(std::span<const std::uint8_t, 4> magic, std::uint64_t from,
                               std::uint64_t stop) {
  std::uint64_t end = size_;
  while (from < std::min(end, stop) && end - from >= magic.size()) {
    if (!search_.holds(from, magic.size())) {
      from = skip_hole(from);
      end = readable_end_;
      if (from >= std::min(end, stop) || end - from < magic.size()) break;
      std::uint64_t wanted = std::min<std::uint64_t>(stop - from, kSearchSize) + magic.size() - 1;
      if (!fill(search_, from, static_cast<std::size_t>(std::min<std::uint64_t>(wanted, kSearchSize)))) break;
      meter_->reached(from);
    }
    const std::uint8_t* begin = search_.bytes.data() + (from - search_.offset);
    const std::uint8_t* window_end = search_.bytes.data() + search_.size;
    const std::uint8_t* found = find_magic(magic, begin, window_end);
    if (found != nullptr) {
      std::uint64_t at = search_.offset + static_cast<std::uint64_t>(found - search_.bytes.data());
      return at < stop ? at : kNowhere;
    }
    from = search_.offset + search_.size - (magic.size() - 1);
  }
  return kNowhere;
}

std::optional<std::size_t> find_undelivered(std::span<const CopyReader* const> copies) {
  const auto fails = [](const CopyReader* copy) { return copy->error() != 0; };
  const auto is_empty = [](const CopyReader* copy) { return copy->size() == 0; };
  const bool all = std::all_of(copies.begin(), copies.end(),
                               [&](const CopyReader* copy) { return fails(copy) || is_empty(copy); });
  const auto first = std::find_if(copies.begin(), copies.end(), fails);
  if (!all || first == copies.end()) return {};
  return static_cast<std::size_t>(first - copies.begin());
}

}  // namespace paxect::core

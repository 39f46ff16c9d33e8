// Reads one damaged copy at any offset through two windows of fixed size: a large one for searching, a small
// one for single places. Bytes that the medium does not deliver (EIO and its like), and bytes that are gone
// because the file became shorter, are damage and not a failure: they read as zeros. Only a lack of memory
// and a caller who cancels end the work: from then on everything reads as zeros, and failure() says why. One
// thread at a time. Reads by pread; the search for holes moves the file offset and puts it back.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "memory.h"
#include "salvage/work_meter.h"
#include "salvage/zstd_extent.h"
#include "status.h"

namespace paxect::core {

// What stands for a file.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // All of these bytes, which are inside of it. A failure ends the work.
  virtual Status read(std::uint64_t offset, std::uint8_t* out, std::size_t size) = 0;
};

class CopyReader {
 public:
  static constexpr std::uint64_t kNowhere = std::numeric_limits<std::uint64_t>::max();

  // `meter` must live as long as the reader.
  CopyReader(const Allocator& allocator, int fd, std::uint64_t size, WorkMeter& meter)
      : fd_(fd),
        size_(size),
        readable_end_(size),
        meter_(&meter),
        search_{Buffer(allocator)},
        look_{Buffer(allocator)} {}

  // `source` must live as long as the reader.
  CopyReader(const Allocator& allocator, ByteSource& source, std::uint64_t size, WorkMeter& meter)
      : CopyReader(allocator, -1, size, meter) {
    source_ = &source;
    may_have_holes_ = false;
  }

  std::uint64_t size() const { return size_; }
  const Status& failure() const { return failure_; }
  // Charges work on bytes that were read; false when it is to stop, which is a failure.
  bool charge(std::uint64_t work) {
    if (failure_.ok() && !meter_->charge(work)) failure_ = meter_->status();
    return failure_.ok();
  }
  // Charges one record of a loop over records in memory.
  bool pass() { return charge(WorkMeter::kRecord); }

  // `size` bytes at `offset`, at most kLookSize; fewer only where the copy ends. Valid until the next call.
  std::span<const std::uint8_t> look(std::uint64_t offset, std::size_t size);
  // All of these bytes, which lie inside the copy; false after a failure.
  bool read(std::uint64_t offset, std::uint8_t* out, std::size_t size);
  // The first place at or after `from`, and before `stop`, where these bytes begin; kNowhere when there is
  // none. Reads nothing that is not needed for a place before `stop`.
  std::uint64_t find(std::span<const std::uint8_t, 4> magic, std::uint64_t from,
                     std::uint64_t stop = kNowhere);
  // Where a zstd frame may begin.
  std::uint64_t find_zstd_magic(std::uint64_t from) { return find(kZstdMagic, from); }
  // Reads ahead, so that look() at the kSearchSize bytes from `offset` on reads nothing.
  void prefetch(std::uint64_t offset);

  // Bytes that were not delivered, as far as they were asked for.
  std::uint64_t unreadable() const { return unreadable_ + (size_ - readable_end_); }
  // The errno of a medium that delivers nothing; 0 once it has delivered a byte.
  int error() const { return delivers_ ? 0 : error_; }

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
  std::size_t read_piece(std::uint64_t offset, std::uint8_t* out, std::size_t size);
  void read_sectors(std::uint64_t offset, std::uint8_t* out, std::size_t size);
  std::uint64_t skip_hole(std::uint64_t from);

  int fd_;
  ByteSource* source_ = nullptr;
  std::uint64_t size_;
  std::uint64_t readable_end_;  // the file ended here when it was read last
  WorkMeter* meter_;
  Window search_;
  Window look_;
  Status failure_;
  bool may_have_holes_ = true;
  bool delivers_ = false;
  int error_ = 0;  // of the last read that failed
  std::uint64_t unreadable_ = 0;
  std::uint64_t unreadable_end_ = 0;  // what lies before it was counted
};

// The first copy whose medium fails, if no copy delivers a byte. One that is empty has none to deliver.
std::optional<std::size_t> find_undelivered(std::span<const CopyReader* const> copies);

}  // namespace paxect::core

// The frames of a container in a regular file, found by going from one frame header to the next: nothing is
// decompressed, and only the first bytes of each payload are read. The checks are the decoder's, in its
// order. The length of each frame's data is stated twice, in the frame header and in the payload's zstd
// frame, and the two are compared: otherwise a damaged length would shift all data behind it. Belongs to one
// thread at a time; the file must not change in the meantime.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "format.h"
#include "memory.h"
#include "status.h"

namespace paxect::core {

// Header and footer of the container behind a descriptor of a regular file. The header was checked; the
// footer's fields are claims until a walk through all frames has confirmed its totals. Errors: those of
// paxect_read_info_fd.
struct ContainerEnds {
  Header header;
  Footer footer;
  std::uint64_t container_size = 0;
};
Status read_ends(int fd, ContainerEnds& ends, const std::string& name = "container");
// That the file still has the size that read_ends found. Errors: READ.
Status check_size_unchanged(int fd, const ContainerEnds& ends, const std::string& name);

struct FrameRecord {
  FrameHeader header;
  std::uint64_t number = 0;
  std::uint64_t offset = 0;       // of the frame header in the container
  std::uint64_t data_offset = 0;  // of its data in the original
  bool maybe_footer = false;      // the frame header reads like the footer of all that came before

  std::uint64_t payload_offset() const { return offset + kFrameHeaderSize; }
  std::uint64_t end() const { return payload_offset() + header.clen; }
  std::uint64_t data_end() const { return data_offset + header.ulen; }
  bool extension() const { return header.ulen == 0; }
};

class FrameWalker {
 public:
  explicit FrameWalker(const Allocator& allocator) : window_(allocator) {}

  // Moves to the first frame. `name` is for messages; both descriptor and name stay the caller's.
  void begin(int fd, const std::string& name, const ContainerEnds& ends);
  // The next frame. `more` is false when there is none, and the footer's totals were found to be right.
  Status next(FrameRecord& frame, bool& more);
  // Continues from a frame that next() gave for this container.
  void return_to(const FrameRecord& frame);

  static std::uint64_t memory();

 private:
  Status look(std::uint64_t offset, std::size_t size, std::span<const std::uint8_t>& bytes);
  Status check(const FrameRecord& frame);
  Status check_payload_start(const FrameRecord& frame);
  Status check_totals() const;
  Status fail(Status status) const;

  int fd_ = -1;
  const std::string* name_ = nullptr;
  const ContainerEnds* ends_ = nullptr;
  std::uint64_t footer_offset_ = 0;

  std::uint64_t offset_ = 0;  // of the next frame
  std::uint64_t frames_ = 0;
  std::uint64_t data_size_ = 0;

  Buffer window_;
  std::uint64_t window_offset_ = 0;
  std::size_t window_size_ = 0;
  std::size_t step_ = 0;  // how much the next read of the window takes
};

}  // namespace paxect::core

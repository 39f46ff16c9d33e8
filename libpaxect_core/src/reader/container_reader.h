// What lies behind a paxect_reader: one container after another, looked into by a walker, a range reader and
// a comparison. Belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "callbacks.h"
#include "descriptor.h"
#include "memory.h"
#include "parameters.h"
#include "protect/window.h"
#include "reader/comparison.h"
#include "reader/frame_marks.h"
#include "reader/frame_walker.h"
#include "reader/range_reader.h"
#include "status.h"

namespace paxect::core {

class ContainerReader {
 public:
  explicit ContainerReader(const Allocator& allocator)
      : walker_(allocator), ranges_(allocator), comparison_(allocator) {}

  // A reader keeps no results of a job but the open container.
  void clear() noexcept {}
  Status open(int fd);
  Status open(const std::string& path);
  bool is_open() const { return container_.fd >= 0; }
  // What header and footer say. The footer's totals are claims until verify() returned success.
  const ContainerEnds& ends() const { return container_.ends; }
  // Goes through the headers of all frames, once for each container that is opened, and compares the footer's
  // totals with what was found. Errors: those of paxect_reader_frames, without SINK.
  Status verify(const Callbacks& callbacks);

  // Requires: verify() returned success.
  const Protection& protection() const { return protection_; }

  Status frames(const Callbacks& callbacks, paxect_frame_callback callback, void* opaque);
  Status read(const Parameters& parameters, const Callbacks& callbacks, std::uint64_t offset,
              std::uint64_t length);
  Status read_to(const Parameters& parameters, const Callbacks& callbacks, std::uint64_t offset,
                 std::uint64_t length, const std::string& output);
  Status compare(const Callbacks& callbacks, const Original& original, paxect_difference_callback callback,
                 void* opaque);
  Status compare(const Callbacks& callbacks, const std::string& original, paxect_difference_callback callback,
                 void* opaque);

  static std::uint64_t memory(const Parameters& parameters, std::uint64_t frame_size);

 private:
  void close();
  Status note_protection(const FrameRecord& frame);
  Status open(int fd, const std::string& name);
  Status check_range(std::uint64_t offset, std::uint64_t& length) const;

  Descriptor owned_;
  OpenContainer container_;
  FrameWalker walker_;
  RangeReader ranges_;
  Comparison comparison_;
  bool from_standard_stream_ = false;  // or another descriptor that the path names
  bool verified_ = false;
  Protection protection_;
  FrameMarks marks_;  // of all frames, when verified_
};

}  // namespace paxect::core

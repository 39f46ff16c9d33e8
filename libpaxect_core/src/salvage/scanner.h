// Finds all frames of one damaged copy. It trusts nothing that it can check.
//
// The scan goes from frame to frame as long as each begins where the one before ends. Where this ends, there
// are two cases. If the bytes are a frame header whose length leads to the next frame or the footer, the
// frame is ruined but its place is known, and nothing inside it is mistaken for a frame. Otherwise the scan
// searches for the next zstd magic that begins a frame.
//
// Time is in proportion to the size of the copy and the data in it, whatever the copy holds: all work is
// charged to a WorkMeter. Where examining false traces exceeds its limit, only traces with a frame header
// that agrees with the payload are examined, and the search continues behind what they claim to span.
#pragma once

#include <cstdint>

#include "frame_codec.h"
#include "memory.h"
#include "salvage/copy_reader.h"
#include "salvage/layout.h"
#include "salvage/sighting.h"
#include "salvage/work_meter.h"
#include "salvage/zstd_extent.h"
#include "status.h"

namespace paxect::core {

class Scanner {
 public:
  // `meter` must live as long as the scanner, and is the one of the readers.
  Scanner(const Allocator& allocator, std::uint64_t max_frame, WorkMeter& meter)
      : max_frame_(max_frame), meter_(&meter), payload_(allocator), data_(allocator) {}

  // Errors: MEMORY, CANCELLED.
  Status scan(CopyReader& reader, CopyIndex& out);
  // After a scan: tries frames of which only the first bytes are damaged, where the layout and the frames
  // around one say where it begins and ends and how much data it holds; `restored` when there was one.
  // Errors: as scan.
  Status restore(CopyReader& reader, const Layout& layout, CopyIndex& index, bool& restored);
  // Decompresses a frame that a scan found; `data` is valid until the next call. READ when the copy is no
  // longer what it was, or its medium no longer delivers the frame. Errors: READ, MEMORY, CANCELLED.
  Status load(CopyReader& reader, const Sighting& sighting, std::span<const std::uint8_t>& data);

 private:
  bool examine(std::uint64_t payload, std::uint64_t floor, Sighting& found);
  bool examine_data(const ZstdStart& start, Sighting& found);
  bool examine_extension(Sighting& found);
  bool decode(Sighting& found);
  std::uint64_t measure(std::uint64_t payload, const ZstdStart& start);
  void pass_over(std::uint64_t payload, std::uint64_t span);
  bool worth_decoding(const Sighting& found, const ZstdStart& start, bool plain);
  bool room(Buffer& buffer, std::size_t size, const char* what);
  bool restore_at(std::uint64_t start, std::uint64_t end, std::uint64_t content, Sighting& found);
  bool read_header_only(std::uint64_t start, Sighting& found);
  bool sane(const FrameHeader& header) const;
  bool something_begins(std::uint64_t offset);
  bool supported(const Sighting& found);
  bool header_before(std::uint64_t offset, Header& header);
  bool likely_footer(std::uint64_t offset, Footer& footer);
  bool has_footer(std::uint64_t offset) const;
  bool take_footer(std::uint64_t offset);
  void find_last_footer();
  void find_rival(std::uint64_t end);
  void append(Sighting found, bool joined);
  enum class Step { kTaken, kRuins, kNothing };
  Step follow(std::uint64_t& at);
  std::uint64_t search(std::uint64_t floor, std::uint64_t from);

  bool going() const { return failure_.ok() && reader_->failure().ok() && meter_->status().ok(); }
  Status result() const;

  std::uint64_t max_frame_;
  WorkMeter* meter_;
  FrameDecompressor decompressor_;
  Buffer payload_;
  Buffer data_;

  // During a scan:
  CopyReader* reader_ = nullptr;
  CopyIndex* index_ = nullptr;
  std::uint64_t resume_ = 0;     // where to continue after a false trace
  std::uint64_t refused_ = 0;    // the payload that was examined and rejected last
  std::uint64_t data_size_ = 0;  // sum of the sizes that the sightings declare
  bool unbroken_ = true;         // each sighting begins where the one before ends, from the header on
  Status failure_;
};

}  // namespace paxect::core

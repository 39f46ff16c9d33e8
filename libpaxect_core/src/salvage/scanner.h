// Finds all frames of one damaged copy, trusting nothing that it can check.
//
// From frame to frame as long as each one begins where the one before ends. Where that breaks off: if what
// stands there reads like a frame header whose length leads to the next frame or the footer, the frame is
// ruined but its place is sure, and nothing inside it is mistaken for a frame; else the next zstd magic that
// turns out to be a frame is searched for.
//
// Time is linear in the size of the copy, whatever it holds: examining a trace that comes to nothing costs
// what it claims to span, and what overlapping spans may cost together has a limit. Beyond that limit, traces
// must be plain, and the search goes on behind them.
#pragma once

#include <cstdint>
#include <functional>

#include "frame_codec.h"
#include "memory.h"
#include "salvage/copy_reader.h"
#include "salvage/sighting.h"
#include "salvage/zstd_extent.h"
#include "status.h"

namespace paxect::core {

// Work done, to show that it stays in proportion.
struct ScanWork {
  std::uint64_t traces = 0;  // places examined
  std::uint64_t blocks = 0;  // zstd blocks passed over
  std::uint64_t data = 0;    // bytes decompressed, or that were to be
};

class Scanner {
 public:
  // `progress` is asked now and then with the offset reached; it may stop the scan.
  using Progress = std::function<Status(std::uint64_t offset)>;

  Scanner(const Allocator& allocator, std::uint64_t max_frame)
      : max_frame_(max_frame), payload_(allocator), data_(allocator) {}

  // Errors: READ, MEMORY, and what `progress` says.
  Status scan(CopyReader& reader, const Progress& progress, CopyIndex& out);
  // Decompresses a frame that a scan found; `data` is valid until the next call. Errors: READ, MEMORY, and
  // those of the frame, when the copy is not what it was.
  Status load(CopyReader& reader, const Sighting& sighting, std::span<const std::uint8_t>& data);

  const ScanWork& work() const { return work_; }

 private:
  bool examine(std::uint64_t payload, std::uint64_t floor, Sighting& found);
  bool examine_data(const ZstdStart& start, Sighting& found);
  bool examine_extension(Sighting& found);
  bool decode(Sighting& found);
  std::uint64_t measure(std::uint64_t payload, const ZstdStart& start);
  void charge(std::uint64_t payload, std::uint64_t span, std::uint64_t cost);
  bool read_header_only(std::uint64_t start, Sighting& found);
  bool sane(const FrameHeader& header) const;
  bool something_begins(std::uint64_t offset);
  bool supported(const Sighting& found);
  bool header_before(std::uint64_t offset, Header& header);
  bool maybe_footer(std::uint64_t offset, Footer& footer);
  bool take_footer(std::uint64_t offset);
  void find_last_footer();
  void find_header();
  void append(Sighting found, bool joined);
  enum class Step { kTaken, kRuins, kNothing };
  Step follow(std::uint64_t& at);
  std::uint64_t search(std::uint64_t floor, std::uint64_t from);

  std::uint64_t max_frame_;
  FrameDecompressor decompressor_;
  Buffer payload_;
  Buffer data_;
  ScanWork work_;

  // During a scan:
  CopyReader* reader_ = nullptr;
  CopyIndex* index_ = nullptr;
  std::uint64_t examined_ = 0;     // end of what any trace claimed so far
  std::uint64_t overlapping_ = 0;  // cost of traces that lie in what was examined before
  std::uint64_t resume_ = 0;       // where to go on when a trace came to nothing
  std::uint64_t refused_ = 0;      // the payload that was examined last and came to nothing
  std::uint64_t data_size_ = 0;    // that the sightings declare
  bool unbroken_ = true;           // each sighting begins where the one before ends, from the header on
  Status trouble_;
};

}  // namespace paxect::core

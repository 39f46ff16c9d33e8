// Runs of frames: the data frames of a copy that follow each other, with nothing missing between them as far
// as the copy shows. A run ends where the frames are not joined, where the round of channels continues at
// another channel, also if a single last frame does so, and behind each frame that the CRC-32 does not
// confirm: bytes that were removed inside of such a frame, and whole frames behind it, may by coincidence
// leave no other trace. Functions of values; no thread rules.
#pragma once

#include <cstdint>
#include <vector>

#include "salvage/layout.h"
#include "salvage/sighting.h"
#include "salvage/work_meter.h"

namespace paxect::core {

// What separates a run from the one before.
enum class Break : std::uint8_t {
  kBytes,    // bytes between them, or an end that is not known
  kChannel,  // the round of channels: frames are missing
  kSilent,   // nothing but the possibility described above
};

struct Run {
  std::size_t first = 0;  // in FrameRuns::taken
  std::size_t last = 0;   // one after the last
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  Break before = Break::kBytes;
  bool end_likely = true;     // known, or the payload's blocks lead to the same place as the frame header
  bool cut = false;           // part of its first frame header is missing
  bool anchored = false;      // its channels are certain
  bool indicated = false;     // more of its frames indicate `channel` than any other
  std::uint32_t channel = 0;  // of its first frame. Requires: anchored or indicated

  std::uint64_t count() const { return last - first; }
};

struct FrameRuns {
  std::vector<std::size_t> taken;  // the sightings that take a slot
  std::vector<Run> runs;
  std::uint64_t bytes = 0;       // that the frames take in the copy
  std::uint64_t extensions = 0;  // extension frames
};

// Requires: misfits are marked. Ends early when `meter` stops.
FrameRuns find_runs(const Layout& layout, const CopyIndex& copy, WorkMeter& meter);

}  // namespace paxect::core

#include "salvage/runs.h"

#include <algorithm>
#include <array>

namespace paxect::core {
namespace {

constexpr std::size_t kNone = SIZE_MAX;
// That exactly as many bytes as a payload has are left of it and of what was removed behind it, is one chance
// in so many at most for longer payloads.
constexpr std::uint32_t kNoCoincidence = 1 << 16;

class RunFinder {
 public:
  RunFinder(const Layout& layout, const CopyIndex& copy, WorkMeter& meter)
      : channels_(layout.channels), certain_(layout.channels_certain), copy_(copy), meter_(meter) {}

  FrameRuns run() {
    take();
    breaks_.assign(found_.taken.size(), kNone);
    for (std::size_t begin = 0; begin < found_.taken.size();) {
      std::size_t end = begin + 1;
      while (end < found_.taken.size() && joined(end) && meter_.pass()) ++end;
      mark(begin, Break::kBytes);
      if (channels_ > 1) find_shifts(begin, end);
      begin = end;
    }
    make_runs();
    return std::move(found_);
  }

 private:
  void take();
  bool joined(std::size_t i) const;
  // Whether bytes may have been removed inside of this frame, and whole frames behind it.
  static bool hides(const Sighting& frame) {
    return frame.finding != Finding::kConfirmed && frame.clen < kNoCoincidence;
  }
  void find_shifts(std::size_t begin, std::size_t end);
  void split_tail(std::size_t begin, std::size_t end);
  void make_runs();
  void find_channel(Run& run);
  void mark(std::size_t i, Break kind) { breaks_[i] = static_cast<std::size_t>(kind); }
  const Sighting& at(std::size_t i) const { return copy_.sightings[found_.taken[i]]; }
  bool sound(std::size_t i) const { return at(i).sound && at(i).channel < channels_; }
  // Equal for all frames of which none is missing between them.
  std::uint64_t phase(std::size_t i) const { return (at(i).channel + channels_ - i % channels_) % channels_; }

  std::uint64_t channels_;
  bool certain_;  // else `channels_` is an estimate: it shows breaks, but no number of missing frames
  const CopyIndex& copy_;
  WorkMeter& meter_;
  FrameRuns found_;
  std::vector<std::size_t> breaks_;  // before each frame; kNone: none
};

void RunFinder::take() {
  for (std::size_t i = 0; i < copy_.sightings.size() && meter_.pass(); ++i) {
    const Sighting& sighting = copy_.sightings[i];
    if (sighting.finding == Finding::kExtension && !sighting.foreign) ++found_.extensions;
    if (!sighting.takes_slot()) continue;
    found_.taken.push_back(i);
    found_.bytes += sighting.clen + kFrameHeaderSize;
  }
}

// Whether the frame begins where the one before ends, extension frames aside.
bool RunFinder::joined(std::size_t i) const {
  for (std::size_t j = found_.taken[i - 1] + 1; j <= found_.taken[i]; ++j) {
    const Sighting& sighting = copy_.sightings[j];
    if (!sighting.joined || sighting.foreign || sighting.misfit || !copy_.sightings[j - 1].end_known)
      return false;
  }
  return true;
}

// Marks where the round of channels continues at another channel. Two frames on either side must agree, since
// one alone may have a damaged channel field; frames between them are on neither side for certain. Behind the
// last frame that agrees, one that does not may have frames missing before it.
void RunFinder::find_shifts(std::size_t begin, std::size_t end) {
  std::size_t landmark = kNone;  // the last frame whose channel agrees with the round
  bool contradicted = false;     // by a frame behind it
  for (std::size_t i = begin; i < end && meter_.pass(); ++i) {
    if (!sound(i)) continue;
    bool agrees = landmark != kNone && phase(i) == phase(landmark);
    if (!agrees && landmark != kNone) {
      contradicted = true;
      if (i + 1 == end || !sound(i + 1) || phase(i + 1) != phase(i)) continue;
      mark(landmark + 1, Break::kChannel);
      mark(i, Break::kChannel);
    }
    landmark = i;
    contradicted = false;
  }
  if (contradicted) split_tail(landmark + 1, end);
}

// The frames before the first of them that contradicts may be on either side of the gap.
void RunFinder::split_tail(std::size_t begin, std::size_t end) {
  mark(begin, Break::kChannel);
  for (std::size_t i = begin; i < end && meter_.pass(); ++i)
    if (sound(i)) mark(i, Break::kChannel);
}

void RunFinder::make_runs() {
  for (std::size_t i = 0; i < found_.taken.size() && meter_.pass(); ++i) {
    const Sighting& sighting = at(i);
    if (i != 0 && breaks_[i] == kNone && hides(at(i - 1))) mark(i, Break::kSilent);
    if (breaks_[i] != kNone) {
      Run run;
      run.first = i;
      run.begin = sighting.start;
      run.before = static_cast<Break>(breaks_[i]);
      run.cut = !sighting.has_header;
      found_.runs.push_back(run);
    }
    Run& run = found_.runs.back();
    run.last = i + 1;
    run.end = sighting.end();
    run.end_likely = sighting.end_known || sighting.end_likely;
  }
  for (Run& run : found_.runs) find_channel(run);
}

// By a majority of at least two of its frames: the channel field of a single one may be damaged.
void RunFinder::find_channel(Run& run) {
  if (channels_ == 1) {
    run.anchored = certain_;
    return;
  }
  std::array<std::uint64_t, kMaxChannels> votes{};
  std::uint64_t all = 0;
  for (std::size_t i = run.first; i < run.last && meter_.pass(); ++i) {
    if (!sound(i)) continue;
    ++votes[(at(i).channel + channels_ - (i - run.first) % channels_) % channels_];
    ++all;
  }
  auto best = std::max_element(votes.begin(), votes.end());
  run.indicated = *best * 2 > all;
  run.anchored = certain_ && *best > 1 && run.indicated;
  run.channel = static_cast<std::uint32_t>(best - votes.begin());
}

}  // namespace

FrameRuns find_runs(const Layout& layout, const CopyIndex& copy, WorkMeter& meter) {
  return RunFinder(layout, copy, meter).run();
}

}  // namespace paxect::core

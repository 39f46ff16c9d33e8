#include "salvage/placement.h"

#include <algorithm>
#include <array>
#include <limits>

#include "salvage/zstd_extent.h"

namespace paxect::core {
namespace {

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max() / 4;

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

// Consecutive sightings that take a slot: first to last-1.
struct Run {
  std::size_t first = 0;
  std::size_t last = 0;
  std::size_t landmark = kNone;  // a frame whose channel field is trusted
  std::size_t support = 0;       // frames that agree with it
  std::uint64_t begin = 0;       // in the copy
  std::uint64_t end = 0;
  bool end_known = true;
  bool end_likely = true;
  bool cut = false;           // part of its first frame header is missing: bytes were removed before it
  std::uint32_t channel = 0;  // of its first frame
  std::uint64_t slot = 0;
  bool placed = false;

  std::uint64_t count() const { return last - first; }
};

// Before the run of the same number; the last one is after all runs.
struct Gap {
  bool open = true;    // frames may be missing here
  bool cut = false;    // bytes were removed here
  bool vague = false;  // its start is uncertain: its bytes may belong to the frame before
  std::uint64_t bytes = 0;
  std::uint64_t remainder = 0;  // of the number of missing frames modulo the channels
  std::uint64_t min = 0;
  std::uint64_t max = 0;
  std::uint64_t missing = 0;
  bool known = true;

  // Frames are missing without a trace, so they may be missing in any other place as well.
  bool hidden() const { return missing != 0 && bytes == 0 && !cut && remainder == 0; }
};

class Placer {
 public:
  Placer(const Layout& layout, CopyIndex& copy) : layout_(layout), copy_(copy) {}

  Placement run() {
    mark_misfits();
    find_runs();
    find_gaps();
    if (layout_.footer_known)
      solve();
    else
      estimate();
    return number();
  }

 private:
  void mark_misfits();
  void find_runs();
  void find_channel(Run& run) const;
  bool sound(std::size_t i) const { return at(i).sound && at(i).channel < layout_.channels; }
  std::uint64_t phase(std::size_t i) const;
  bool shifts(std::size_t i, Run& run) const;
  void find_gaps();
  void bound(Gap& gap) const;
  void solve();
  bool narrow(std::uint64_t missing);
  void share(std::uint64_t missing);
  void estimate();
  std::uint64_t guess(const Gap& gap) const;
  Placement number();
  std::uint64_t min_frame() const { return kFrameHeaderSize + min_payload(layout_.frame_size); }
  std::uint64_t align(std::uint64_t number, const Gap& gap) const;
  const Sighting& at(std::size_t i) const { return copy_.sightings[taken_[i]]; }

  const Layout& layout_;
  CopyIndex& copy_;
  std::vector<std::size_t> taken_;  // the sightings that take a slot
  std::vector<Run> runs_;
  std::vector<Gap> gaps_;
  std::uint64_t usual_ = 1;  // bytes that a frame takes in the copy, on average
};

// Frames of another size than the layout's do not belong to this container, except for a shorter one at the
// end.
void Placer::mark_misfits() {
  auto& all = copy_.sightings;
  auto counts = [](const Sighting& s) { return s.finding != Finding::kExtension && !s.foreign; };
  std::size_t last = all.size();
  while (last != 0 && !counts(all[last - 1])) --last;
  for (std::size_t i = 0; i < all.size(); ++i) {
    Sighting& sighting = all[i];
    bool size_fits = sighting.ulen == layout_.frame_size;
    if (!size_fits && sighting.ulen < layout_.frame_size && i + 1 == last)
      size_fits = !layout_.footer_known ||
                  (layout_.frames() != 0 && sighting.ulen == layout_.length(layout_.frames() - 1));
    // Its header has another size, but it leads from one frame to the next: the size field is damaged.
    if (sighting.finding == Finding::kRuined && sighting.joined && sighting.end_known) size_fits = true;
    sighting.misfit = counts(sighting) && !size_fits;
    if (sighting.takes_slot()) taken_.push_back(i);
  }
}

std::uint64_t Placer::phase(std::size_t i) const {
  return (at(i).channel + layout_.channels - i % layout_.channels) % layout_.channels;
}

// Whether the round of channels continues at another channel from here on, so that frames are missing here.
// Two frames on either side must agree, since one alone may have a damaged channel field.
bool Placer::shifts(std::size_t i, Run& run) const {
  if (layout_.channels == 1 || !sound(i)) return false;
  if (run.landmark == kNone || phase(run.landmark) == phase(i)) {
    if (run.landmark == kNone) run.landmark = i;
    ++run.support;
    return false;
  }
  if (i + 1 == taken_.size() || !at(i + 1).joined || !sound(i + 1) || phase(i + 1) != phase(i)) return false;
  if (run.support > 1 || (run.first == 0 && at(0).channel == 0)) return true;
  run.landmark = i;
  run.support = 1;
  return false;
}

void Placer::find_runs() {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    const Sighting& sighting = at(i);
    bytes += sighting.clen + kFrameHeaderSize;
    bool joined = i != 0;
    for (std::size_t j = i == 0 ? 0 : taken_[i - 1] + 1; joined && j <= taken_[i]; ++j)
      joined = copy_.sightings[j].joined && !copy_.sightings[j].foreign && !copy_.sightings[j].misfit &&
               copy_.sightings[j - 1].end_known;
    // A short frame is the last one. Frames that are missing without a trace are missing before it.
    bool early = layout_.footer_known && sighting.ulen < layout_.frame_size && i + 1 < layout_.frames();
    if (!joined || early || shifts(i, runs_.back())) {
      Run run;
      run.first = i;
      run.begin = sighting.start;
      run.cut = !sighting.has_header;
      shifts(i, run);  // its first frame is the first landmark
      runs_.push_back(run);
    }
    runs_.back().last = i + 1;
    runs_.back().end = sighting.end();
    runs_.back().end_known = sighting.end_known;
    runs_.back().end_likely = sighting.end_known || sighting.end_likely;
  }
  if (!taken_.empty()) usual_ = std::max(min_frame(), bytes / taken_.size());
  for (Run& run : runs_) find_channel(run);
}

// The channel of a run's first frame, by a majority of its frames.
void Placer::find_channel(Run& run) const {
  std::array<std::uint64_t, kMaxChannels> votes{};
  for (std::size_t i = run.first; i < run.last; ++i) {
    if (!sound(i)) continue;
    ++votes[(at(i).channel + layout_.channels - (i - run.first) % layout_.channels) % layout_.channels];
  }
  run.channel = static_cast<std::uint32_t>(std::max_element(votes.begin(), votes.end()) - votes.begin());
}

void Placer::find_gaps() {
  gaps_.resize(runs_.size() + 1);
  std::uint64_t channels = layout_.channels;
  std::uint64_t channel = 0;  // of the next frame
  std::uint64_t end = kHeaderSize;
  if (copy_.header_found) end = copy_.header_offset + kHeaderSize;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    Gap& gap = gaps_[i];
    const Run& run = runs_[i];
    gap.remainder = (run.channel + channels - channel) % channels;
    gap.bytes = run.begin > end ? run.begin - end : 0;
    gap.open = run.begin != end || i != 0;
    gap.cut = run.cut || run.begin < end;
    gap.vague = i != 0 && !runs_[i - 1].end_likely;
    bound(gap);
    channel = (run.channel + run.count()) % channels;
    end = run.end;
  }
  Gap& last = gaps_.back();
  const FooterSighting* footer = copy_.footer();
  bool at_footer = footer != nullptr && footer->offset == end;
  std::uint64_t stop = footer != nullptr && footer->offset >= end ? footer->offset : copy_.size;
  if (runs_.empty() && copy_.size < end) end = copy_.size;
  last.bytes = stop > end ? stop - end : 0;
  last.open = !at_footer;
  last.vague = !runs_.empty() && !runs_.back().end_likely;
  if (layout_.footer_known) last.remainder = (layout_.frames() + channels - channel) % channels;
  bound(last);
}

void Placer::bound(Gap& gap) const {
  if (!gap.open) return;
  std::uint64_t fit = gap.bytes / min_frame();
  gap.min = align(fit != 0 && !gap.vague ? 1 : 0, gap);
  gap.max = gap.cut ? kUnlimited : std::max(fit, gap.min);
}

// The smallest number from here on that has the gap's remainder.
std::uint64_t Placer::align(std::uint64_t number, const Gap& gap) const {
  std::uint64_t channels = layout_.channels;
  return number + (gap.remainder + channels - number % channels) % channels;
}

void Placer::solve() {
  std::uint64_t missing = layout_.frames() > taken_.size() ? layout_.frames() - taken_.size() : 0;
  if (narrow(missing)) return;
  for (Gap& gap : gaps_)
    if (gap.open) gap.max = kUnlimited;  // more is missing than fits into the gaps: bytes were removed
  if (narrow(missing)) return;
  bool open = std::any_of(gaps_.begin(), gaps_.end(), [](const Gap& gap) { return gap.open; });
  gaps_.back().open = gaps_.back().open || !open;  // whole frames are missing without a trace
  for (Gap& gap : gaps_) {
    gap.min = gap.remainder = 0;  // less is missing than the gaps suggest: bytes were inserted
    gap.max = gap.open ? kUnlimited : 0;
  }
  narrow(missing);
}

// Narrows each gap by the sum of all; false when no numbers satisfy it.
bool Placer::narrow(std::uint64_t missing) {
  std::uint64_t min_sum = 0;
  std::uint64_t max_sum = 0;    // of the gaps that have a limit
  std::uint64_t unlimited = 0;  // gaps that have none
  for (const Gap& gap : gaps_) {
    min_sum = std::min(kUnlimited, min_sum + gap.min);
    if (gap.max == kUnlimited)
      ++unlimited;
    else
      max_sum = std::min(kUnlimited, max_sum + gap.max);
  }
  if (missing < min_sum || (missing > max_sum && unlimited == 0)) return false;
  for (Gap& gap : gaps_) {
    bool bounded = gap.max != kUnlimited;
    std::uint64_t others_max = unlimited > (bounded ? 0 : 1) ? kUnlimited
                               : bounded                     ? max_sum - gap.max
                                                             : max_sum;
    std::uint64_t low = std::max(gap.min, missing > others_max ? missing - others_max : 0);
    std::uint64_t high = std::min(gap.max, missing - (min_sum - gap.min));
    if (gap.open) low = align(low, gap);
    gap.missing = low;
    gap.known = high < low + (gap.open ? layout_.channels : 1);
  }
  share(missing);
  return true;
}

// Distributes the remaining frames among the uncertain gaps by their size.
void Placer::share(std::uint64_t missing) {
  std::uint64_t given = 0;
  std::uint64_t weight = 0;
  for (const Gap& gap : gaps_) {
    given = std::min(kUnlimited, given + gap.missing);
    if (!gap.known) weight += gap.bytes + 1;
  }
  std::uint64_t rest = missing > given ? missing - given : 0;
  std::uint64_t left = rest;
  std::vector<Gap*> order;
  for (Gap& gap : gaps_)
    if (!gap.known) order.push_back(&gap);
  std::sort(order.begin(), order.end(), [](const Gap* a, const Gap* b) { return a->bytes > b->bytes; });
  auto give = [&](Gap& gap, std::uint64_t count) {
    count = std::min({count, left, gap.max > gap.missing ? gap.max - gap.missing : 0});
    count -= count % layout_.channels;
    gap.missing += count;
    left -= count;
  };
  for (Gap* gap : order) {
    auto part = static_cast<std::uint64_t>(static_cast<double>(rest) * static_cast<double>(gap->bytes + 1) /
                                           static_cast<double>(weight));
    give(*gap, part);
  }
  for (Gap* gap : order) give(*gap, left);
}

void Placer::estimate() {
  std::uint64_t room = layout_.capacity / layout_.frame_size;  // frames that the copies can have held
  room -= std::min<std::uint64_t>(room, taken_.size());
  for (Gap& gap : gaps_) {
    if (!gap.open) continue;
    gap.missing = std::clamp(align(guess(gap), gap), gap.min, std::max(gap.min, gap.max));
    if (gap.missing > room) gap.missing = 0;
    room -= gap.missing;
    gap.known = gap.max == 0;
  }
  gaps_.back().missing = 0;  // unknown; tail_lost reports it
}

std::uint64_t Placer::guess(const Gap& gap) const { return (gap.bytes + usual_ / 2) / usual_; }

Placement Placer::number() {
  Placement placement;
  std::uint64_t slot = 0;
  bool known = std::none_of(gaps_.begin(), gaps_.end(), [](const Gap& gap) { return gap.hidden(); });
  bool traced = known;
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    slot += gaps_[i].missing;
    known = known && gaps_[i].known;
    runs_[i].slot = slot;
    runs_[i].placed = known;
    slot += runs_[i].count();
  }
  const Gap& last = gaps_.back();
  placement.tail_lost =
      !layout_.footer_known && (last.bytes != 0 || (!runs_.empty() && !runs_.back().end_known));
  placement.frames = layout_.footer_known ? layout_.frames() : slot;
  placement.frames_known = layout_.footer_known;
  if (layout_.footer_known) {
    bool adds_up = slot + last.missing == layout_.frames();
    known = adds_up && last.known && traced;
    for (std::size_t i = runs_.size(); i-- != 0 && known; known = gaps_[i].known) runs_[i].placed = true;
    if (!adds_up && taken_.size() > layout_.frames())
      for (Run& run : runs_) run.placed = false;
  }
  placement.end_placed = runs_.empty() || runs_.back().placed;
  for (const Run& run : runs_)
    for (std::size_t i = run.first; i < run.last; ++i) {
      Sighting& sighting = copy_.sightings[taken_[i]];
      sighting.slot = run.slot + (i - run.first);
      sighting.placed = run.placed;
      if (layout_.footer_known && sighting.slot >= layout_.frames()) sighting.misfit = true;
    }
  return placement;
}

}  // namespace

Placement place(const Layout& layout, CopyIndex& copy) {
  if (layout.frame_size == 0) return {};
  return Placer(layout, copy).run();
}

}  // namespace paxect::core

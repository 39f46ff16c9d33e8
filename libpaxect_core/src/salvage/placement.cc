#include "salvage/placement.h"

#include <algorithm>
#include <limits>

#include "salvage/channel_check.h"
#include "salvage/runs.h"
#include "salvage/zstd_extent.h"

namespace paxect::core {
namespace {

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max() / 4;

// Before the run of the same number; the last one is after all runs.
struct Gap {
  bool open = true;   // frames may be missing here
  bool shown = true;  // and something shows it: bytes, a missing piece of a frame header, the channels
  bool cut = false;   // bytes were removed here
  std::uint64_t bytes = 0;
  std::uint64_t min = 0;  // frames that are missing at least
};

// Where a run may be, as the number of frames that were lost before it. The last one is the end of the data.
struct Bounds {
  std::uint64_t low = 0;
  std::uint64_t high = kUnlimited;
  std::uint64_t remainder = 0;  // of the number, modulo the step
  std::uint64_t step = 1;
  std::uint64_t guess = 0;

  std::uint64_t up(std::uint64_t number) const { return number + (step + remainder - number % step) % step; }
  // Requires: up(0) <= number.
  std::uint64_t down(std::uint64_t number) const {
    return number - (step + number % step - remainder) % step;
  }
  bool certain() const { return low == high; }
};

class Placer {
 public:
  Placer(const Layout& layout, CopyIndex& copy, WorkMeter& meter)
      : layout_(layout), copy_(copy), meter_(meter) {}

  Placement run() {
    mark_misfits();
    found_ = find_runs(layout_, copy_, meter_);
    if (!meter_.status().ok()) return {};
    find_gaps();
    solve();
    guess();
    return number();
  }

 private:
  void mark_misfits();
  void find_gaps();
  bool ends_early() const;
  std::uint64_t extensions_before(std::size_t taken) const;
  void bound_gap(Gap& gap, bool vague) const;
  void find_remainders(std::uint64_t step);
  void solve();
  bool narrow();
  bool raise(std::size_t i, std::uint64_t low);
  bool lower(std::size_t i, std::uint64_t high);
  void split_traceless();
  void guess();
  std::uint64_t estimate(const Gap& gap) const;
  std::uint64_t settle(std::size_t i, std::uint64_t at, std::uint64_t give) const;
  std::uint64_t follow_channel(std::size_t i, std::uint64_t number) const;
  Placement number();
  std::uint64_t fit(const Gap& gap) const { return gap.bytes / min_frame_; }

  const Layout& layout_;
  CopyIndex& copy_;
  WorkMeter& meter_;
  FrameRuns found_;
  std::vector<Gap> gaps_;
  std::vector<Bounds> bounds_;
  std::uint64_t min_frame_ = kFrameHeaderSize + min_payload(layout_.frame_size);
  std::uint64_t room_ = 0;              // frames that the copies can have held beside those found
  std::uint64_t missing_ = kUnlimited;  // in all gaps together; kUnlimited: not known
  bool counted_ = false;                // missing_ is certain
  bool traceless_ = false;              // frames are missing where nothing shows it
};

// Frames of another size than the layout's do not belong to this container, except for a shorter one at the
// end.
void Placer::mark_misfits() {
  auto& all = copy_.sightings;
  auto counts = [](const Sighting& s) { return s.finding != Finding::kExtension && !s.foreign; };
  std::size_t last = all.size();
  while (last != 0 && !counts(all[last - 1]) && meter_.pass()) --last;
  for (std::size_t i = 0; i < all.size() && meter_.pass(); ++i) {
    Sighting& sighting = all[i];
    bool size_fits = sighting.ulen == layout_.frame_size;
    if (!size_fits && sighting.ulen < layout_.frame_size && i + 1 == last)
      size_fits = !layout_.footer_known ||
                  (layout_.frames() != 0 && sighting.ulen == layout_.length(layout_.frames() - 1));
    // Its header has another size, but it leads from one frame to the next: the size field is damaged.
    if (sighting.finding == Finding::kRuined && sighting.joined && sighting.end_known) size_fits = true;
    sighting.misfit = counts(sighting) && !size_fits;
  }
}

void Placer::find_gaps() {
  const std::vector<Run>& runs = found_.runs;
  gaps_.resize(runs.size() + 1);
  std::uint64_t end = copy_.header_found ? copy_.header_offset + kHeaderSize : kHeaderSize;
  for (std::size_t i = 0; i < runs.size() && meter_.pass(); ++i) {
    Gap& gap = gaps_[i];
    const Run& run = runs[i];
    // A missing header alone does not show that frames are missing too.
    gap.cut = run.cut || (run.begin < end && (i != 0 || copy_.header_found));
    gap.bytes = run.begin > end ? run.begin - end : 0;
    gap.bytes -= std::min(gap.bytes, extensions_before(run.first));
    bool shifted = i == 0 && run.indicated && run.channel != 0;
    // Without its header, the copy may begin anywhere in the container.
    gap.open = i != 0 || gap.bytes != 0 || gap.cut || shifted || !copy_.header_found;
    gap.shown = gap.bytes != 0 || gap.cut || shifted || run.before == Break::kChannel;
    bound_gap(gap, i != 0 && !runs[i - 1].end_likely);
    end = run.end;
  }
  Gap& last = gaps_.back();
  const FooterSighting* footer = copy_.footer();
  std::uint64_t stop = footer != nullptr ? footer->offset : copy_.size;
  last.bytes = stop > end ? stop - end : 0;
  last.bytes -= std::min(last.bytes, extensions_before(found_.taken.size()));
  last.cut = stop < end;
  last.shown = footer == nullptr || last.bytes != 0 || last.cut || ends_early();
  const Sighting* frame = runs.empty() ? nullptr : &copy_.sightings[found_.taken.back()];
  last.open = last.shown || (frame != nullptr && frame->finding != Finding::kConfirmed);
  // A shorter frame can only be the last one.
  if (layout_.footer_known && frame != nullptr && frame->ulen < layout_.frame_size) last.open = false;
  bound_gap(last, !runs.empty() && !runs.back().end_likely);
}

// Bytes of the extension frames between the data frame before this one of those taken, and it.
std::uint64_t Placer::extensions_before(std::size_t taken) const {
  std::uint64_t bytes = 0;
  std::size_t end = taken < found_.taken.size() ? found_.taken[taken] : copy_.sightings.size();
  for (std::size_t i = taken == 0 ? 0 : found_.taken[taken - 1] + 1; i < end && meter_.pass(); ++i) {
    const Sighting& sighting = copy_.sightings[i];
    if (sighting.finding == Finding::kExtension && !sighting.foreign)
      bytes += sighting.end() - sighting.start;
  }
  return bytes;
}

// Whether the last frame found has another channel than the last one of the data, or is longer.
bool Placer::ends_early() const {
  if (!layout_.footer_known || layout_.frames() == 0 || found_.runs.empty()) return false;
  const Sighting& frame = copy_.sightings[found_.taken.back()];
  if (frame.finding == Finding::kConfirmed && frame.ulen > layout_.length(layout_.frames() - 1)) return true;
  if (!layout_.channels_certain) return false;
  const Run& run = found_.runs.back();
  return run.indicated &&
         (run.channel + run.count()) % layout_.channels != layout_.frames() % layout_.channels;
}

// `vague`: where it begins is uncertain, and its bytes may belong to the frame before.
void Placer::bound_gap(Gap& gap, bool vague) const { gap.min = fit(gap) != 0 && !vague ? 1 : 0; }

// What the channels of each run say about the number of frames that are missing before it.
void Placer::find_remainders(std::uint64_t step) {
  bounds_.assign(gaps_.size(), {});
  for (std::size_t i = 0; i < found_.runs.size() && meter_.pass(); ++i) {
    const Run& run = found_.runs[i];
    if (!run.anchored || step == 1) continue;
    bounds_[i].step = step;
    bounds_[i].remainder = (run.channel + step - run.first % step) % step;
  }
}

bool Placer::raise(std::size_t i, std::uint64_t low) {
  bounds_[i].low = std::max(bounds_[i].low, bounds_[i].up(std::min(low, kUnlimited)));
  return bounds_[i].low <= bounds_[i].high;
}

bool Placer::lower(std::size_t i, std::uint64_t high) {
  Bounds& bounds = bounds_[i];
  if (bounds.high == kUnlimited && high >= kUnlimited) return true;
  if (high < bounds.up(0)) return false;
  bounds.high = std::min(bounds.high, bounds.down(high));
  return bounds.low <= bounds.high;
}

// Narrows the bounds of each run by those of its neighbours; false when no numbers satisfy them.
bool Placer::narrow() {
  std::size_t end = gaps_.size() - 1;
  if (missing_ != kUnlimited && !(raise(end, missing_) && lower(end, missing_))) return false;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i <= end && meter_.pass(); ++i) {
      std::uint64_t low = i == 0 ? 0 : bounds_[i - 1].low;
      std::uint64_t high = i == 0 ? 0 : bounds_[i - 1].high;
      if (!raise(i, low + gaps_[i].min) || !lower(i, gaps_[i].open ? kUnlimited : high)) return false;
    }
    for (std::size_t i = end; i-- != 0 && meter_.pass();) {
      const Gap& gap = gaps_[i + 1];
      const Bounds& after = bounds_[i + 1];
      if (after.high < gap.min || !lower(i, after.high == kUnlimited ? kUnlimited : after.high - gap.min) ||
          !raise(i, gap.open ? 0 : after.low))
        return false;
    }
  }
  return true;
}

void Placer::solve() {
  std::uint64_t taken = found_.taken.size();
  room_ = layout_.capacity / layout_.frame_size;
  room_ -= std::min(room_, taken);
  if (layout_.footer_known) {
    missing_ = layout_.frames() > taken ? layout_.frames() - taken : 0;
    // Else there are extension frames that were lost, or one of the counts is damaged.
    counted_ =
        layout_.frames() >= taken && layout_.footer.total_frames == layout_.frames() + found_.extensions;
  }
  // The channels show a break, and their number is only an estimate by the frames: so is the place of the
  // break.
  bool broken = std::any_of(found_.runs.begin(), found_.runs.end(),
                            [](const Run& run) { return run.before == Break::kChannel; });
  if (broken && !(layout_.channels_certain && layout_.header_agrees)) counted_ = false;
  bool shown = std::any_of(gaps_.begin(), gaps_.end(), [](const Gap& gap) { return gap.open && gap.shown; });
  traceless_ = layout_.footer_known && missing_ != 0 && !shown;
  if (traceless_) split_traceless();
  find_remainders(layout_.channels_certain ? layout_.channels : 1);
  if (narrow()) return;
  for (Gap& gap : gaps_) gap.min = 0;  // fewer are missing than the gaps suggest: bytes were inserted
  find_remainders(layout_.channels_certain ? layout_.channels : 1);
  if (narrow()) return;
  // The channels contradict the sum: frames were moved or repeated, or are of another container.
  counted_ = false;
  find_remainders(1);
  gaps_.back().open = true;
  narrow();
}

// Frames are missing where nothing shows it. A shorter frame can only be the last one: they are put before
// it, else at the end; or at the beginning when the header is missing too.
void Placer::split_traceless() {
  std::vector<Run>& runs = found_.runs;
  if (!copy_.header_found && gaps_.front().open) {  // they are missing with the header, most likely
    gaps_.front().shown = gaps_.front().cut = true;
    return;
  }
  bool shorter = !runs.empty() && copy_.sightings[found_.taken.back()].ulen < layout_.frame_size;
  if (shorter && runs.back().count() > 1) {
    Run last = runs.back();
    last.first = --runs.back().last;
    last.anchored = last.anchored && layout_.channels == 1;
    runs.push_back(last);
    gaps_.insert(gaps_.end() - 1, Gap());
  }
  Gap& gap = shorter ? gaps_[gaps_.size() - 2] : gaps_.back();
  gap.open = gap.shown = gap.cut = true;
}

// The number of frames lost before each run: where it is not certain, by the bytes in the gaps.
void Placer::guess() {
  std::vector<std::uint64_t> weights(gaps_.size() + 1, 0);  // sums up to each gap
  std::vector<std::uint64_t> mins(gaps_.size() + 1, 0);
  for (std::size_t i = 0; i < gaps_.size() && meter_.pass(); ++i) {
    weights[i + 1] = weights[i] + (gaps_[i].open && gaps_[i].shown ? gaps_[i].bytes + 1 : 0);
    mins[i + 1] = mins[i] + gaps_[i].min;
  }
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < gaps_.size();) {
    std::size_t next = i;
    while (next + 1 < gaps_.size() && !bounds_[next].certain() && meter_.pass()) ++next;
    std::uint64_t target = bounds_[next].high;
    for (; i <= next && meter_.pass(); ++i) {
      std::uint64_t give = estimate(gaps_[i]);
      if (target != kUnlimited) {
        std::uint64_t rest = target - std::min(target, at + mins[next + 1] - mins[i]);
        double part = static_cast<double>(gaps_[i].open && gaps_[i].shown ? gaps_[i].bytes + 1 : 0) /
                      static_cast<double>(std::max<std::uint64_t>(1, weights[next + 1] - weights[i]));
        give = gaps_[i].min + static_cast<std::uint64_t>(static_cast<double>(rest) * part);
        if (!gaps_[i].cut) give = std::min(give, std::max(gaps_[i].min, fit(gaps_[i])));
      }
      std::uint64_t number = settle(i, at, give);
      if (missing_ == kUnlimited && number - at > room_) number = at;
      if (missing_ == kUnlimited) room_ -= number - at;
      at = bounds_[i].guess = number;
    }
  }
}

// Without a footer: as many as the bytes suggest.
std::uint64_t Placer::estimate(const Gap& gap) const {
  if (!gap.open || missing_ != kUnlimited) return 0;
  std::uint64_t usual = std::max(min_frame_, found_.taken.empty() ? 0 : found_.bytes / found_.taken.size());
  return std::max(gap.min, std::min((gap.bytes + usual / 2) / usual, fit(gap)));
}

// The number at this place that is nearest to `at` + `give` within its bounds.
std::uint64_t Placer::settle(std::size_t i, std::uint64_t at, std::uint64_t give) const {
  const Bounds& bounds = bounds_[i];
  if (!gaps_[i].open) return at;
  std::uint64_t number = bounds.up(std::max(at + give, bounds.low));
  number = follow_channel(i, number);
  return bounds.high == kUnlimited ? number : std::max(at, std::min(number, bounds.high));
}

// The least number from this on that suits the channel of the run, if its neighbours allow it. One frame is
// enough for an estimate.
std::uint64_t Placer::follow_channel(std::size_t i, std::uint64_t number) const {
  if (i >= found_.runs.size() || !found_.runs[i].indicated || bounds_[i].step != 1) return number;
  const Run& run = found_.runs[i];
  std::uint64_t channels = layout_.channels;
  std::uint64_t ahead = (run.channel + channels - (number + run.first) % channels) % channels;
  std::uint64_t high = bounds_[i].high;
  if (i + 1 < found_.runs.size() && found_.runs[i + 1].anchored)
    high = std::min(high, bounds_[i + 1].up(std::max(number, bounds_[i + 1].low)));
  return number + ahead <= high ? number + ahead : number;
}

Placement Placer::number() {
  std::vector<Run>& runs = found_.runs;
  Placement placement;
  bool prefix = true;  // no gap so far
  bool end_placed = true;
  bool end_known = runs.empty() || copy_.sightings[found_.taken.back()].end_known;
  for (std::size_t r = 0; r < runs.size(); ++r) {
    prefix = prefix && !gaps_[r].open;
    // Frames that are missing without a trace may be missing in any place.
    end_placed = !traceless_ && (prefix || (counted_ && bounds_[r].certain()));
    for (std::size_t i = runs[r].first; i < runs[r].last && meter_.pass(); ++i) {
      Sighting& sighting = copy_.sightings[found_.taken[i]];
      sighting.slot = bounds_[r].guess + i;
      sighting.placed = end_placed;
      sighting.parted = traceless_ || (i == runs[r].first && gaps_[r].open);
      if (layout_.footer_known && sighting.slot >= layout_.frames()) sighting.misfit = true;
    }
  }
  ChannelCheck({&copy_}, layout_, meter_).apply(copy_, meter_);
  std::uint64_t found = runs.empty() ? 0 : bounds_[runs.size() - 1].guess + found_.taken.size();
  placement.frames = layout_.footer_known ? layout_.frames() : found;
  placement.frames_known = layout_.footer_known;
  placement.end_placed = end_placed && (counted_ || !layout_.footer_known);
  placement.tail_lost = !layout_.footer_known && (gaps_.back().bytes != 0 || !end_known);
  return placement;
}

}  // namespace

Placement place(const Layout& layout, CopyIndex& copy, WorkMeter& meter) {
  if (layout.frame_size == 0) return {};
  return Placer(layout, copy, meter).run();
}

}  // namespace paxect::core

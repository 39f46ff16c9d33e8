#include "salvage/alignment.h"

#include <algorithm>
#include <tuple>

#include "salvage/zstd_extent.h"

namespace paxect::core {
namespace {

constexpr std::ptrdiff_t kLikesToSearch = 256;  // limits the work when all frames are alike

// A frame of certain contents, in some copy.
struct Landmark {
  std::uint32_t crc = 0;
  std::uint32_t ulen = 0;
  std::uint32_t clen = 0;
  std::uint32_t copy = 0;
  std::uint64_t start = 0;  // in its copy
  std::uint64_t slot = 0;
  bool placed = false;

  auto contents() const { return std::tie(crc, ulen, clen); }
};

using Landmarks = std::vector<Landmark>;

bool by_contents(const Landmark& a, const Landmark& b) { return a.contents() < b.contents(); }

Landmark landmark(const Sighting& sighting, std::size_t copy) {
  return {sighting.crc_data, sighting.ulen, sighting.clen,  static_cast<std::uint32_t>(copy),
          sighting.start,    sighting.slot, sighting.placed};
}

Landmarks find_landmarks(const std::vector<CopyIndex*>& copies, WorkMeter& meter) {
  Landmarks all;
  for (std::size_t copy = 0; copy < copies.size(); ++copy)
    for (const Sighting& sighting : copies[copy]->sightings)
      if (meter.pass() && sighting.takes_slot() && sighting.finding == Finding::kConfirmed)
        all.push_back(landmark(sighting, copy));
  auto before = [](const Landmark& a, const Landmark& b) {
    return std::tuple(a.contents(), a.copy, a.start) < std::tuple(b.contents(), b.copy, b.start);
  };
  if (!sort(all, before, meter)) all.clear();
  return all;
}

// Data that is the same byte over and over may stand in many places, of which all but one are lost.
bool is_plain(const Sighting& sighting) {
  constexpr std::uint64_t kPlain = 32;
  return sighting.clen <= min_payload(sighting.ulen) + kPlain;
}

// Whether contents that occur once in each copy are at the same offset in that copy: 1 if so, 0 if not, -1
// when these do not occur once there or the CRC-32 does not confirm them.
int shows_step(const Landmarks& landmarks, const Sighting& sighting, std::uint32_t copy) {
  if (sighting.finding != Finding::kConfirmed || is_plain(sighting)) return -1;
  auto [begin, end] =
      std::equal_range(landmarks.begin(), landmarks.end(), landmark(sighting, 0), by_contents);
  if (end - begin > kLikesToSearch) return -1;
  const Landmark* there = nullptr;
  for (auto mark = begin; mark != end; ++mark) {
    if (mark != begin && mark->copy == (mark - 1)->copy) return -1;
    if (mark->copy == copy) there = &*mark;
  }
  return there == nullptr ? -1 : there->start == sighting.start ? 1 : 0;
}

// Whether the nearest frames that show it, before and behind this one, are at the same offset in both copies.
bool in_step(const Landmarks& landmarks, const std::vector<Sighting*>& frames, std::size_t at,
             std::uint32_t copy, WorkMeter& meter) {
  constexpr std::size_t kMaxDistance = 15;
  int before = -1;
  int behind = -1;
  for (std::size_t i = 1; i <= std::min(at, kMaxDistance) && before < 0 && meter.charge(WorkMeter::kStep);
       ++i)
    before = shows_step(landmarks, *frames[at - i], copy);
  for (std::size_t i = 1;
       i <= std::min(frames.size() - at - 1, kMaxDistance) && behind < 0 && meter.charge(WorkMeter::kStep);
       ++i)
    behind = shows_step(landmarks, *frames[at + i], copy);
  return before != 0 && behind != 0 && (before == 1 || behind == 1);
}

// The slot of a frame by its likes in other copies: that of the only one there is in each, or of one at the
// same offset where the copies are in step.
bool find_slot(const Landmarks& landmarks, const std::vector<Sighting*>& frames, std::size_t at,
               std::uint64_t& slot, WorkMeter& meter) {
  const Sighting& sighting = *frames[at];
  if (sighting.finding != Finding::kConfirmed) return false;
  auto [begin, end] =
      std::equal_range(landmarks.begin(), landmarks.end(), landmark(sighting, 0), by_contents);
  if (end - begin > kLikesToSearch) return false;
  bool once = !is_plain(sighting);
  const Landmark* found = nullptr;
  for (auto mark = begin; mark != end; ++mark) {
    once = once && (mark == begin || mark->copy != (mark - 1)->copy);
    if (!mark->placed) continue;
    once = once && (found == nullptr || found->slot == mark->slot);
    if (found == nullptr || mark->start == sighting.start) found = &*mark;
  }
  if (found == nullptr) return false;
  if (!once && (found->start != sighting.start || !in_step(landmarks, frames, at, found->copy, meter)))
    return false;
  slot = found->slot;
  return true;
}

bool stands_at(const Landmarks& landmarks, const Sighting& sighting, std::uint64_t slot) {
  auto [begin, end] =
      std::equal_range(landmarks.begin(), landmarks.end(), landmark(sighting, 0), by_contents);
  return end - begin <= kLikesToSearch &&
         std::any_of(begin, end, [&](const Landmark& mark) { return mark.placed && mark.slot == slot; });
}

// The data frames of a copy, and whether each follows the one before: without a break, and a frame that the
// CRC-32 confirms, since inside of another one whole frames may be missing.
struct Taken {
  std::vector<Sighting*> frames;
  std::vector<bool> joined;
  std::vector<bool> marked;  // its place was found by its contents
};

Taken take(CopyIndex& copy, WorkMeter& meter) {
  Taken taken;
  bool joined = false;
  const Sighting* before = nullptr;
  for (Sighting& sighting : copy.sightings) {
    if (!meter.pass()) break;
    bool whole = before != nullptr && !before->foreign && !before->misfit &&
                 (before->finding == Finding::kConfirmed || before->finding == Finding::kExtension);
    joined = (before == nullptr || before->takes_slot() || joined) && whole && sighting.joined;
    before = &sighting;
    if (!sighting.takes_slot()) continue;
    taken.frames.push_back(&sighting);
    taken.joined.push_back(joined);
  }
  taken.marked.assign(taken.frames.size(), false);
  return taken;
}

// Carries a known place on to neighbours, as long as frames follow each other without a break. Where frames
// may be missing all the same, the next known place must show that none is.
void spread(const Landmarks& landmarks, Taken& taken, WorkMeter& meter) {
  constexpr std::size_t kNone = 0;
  std::vector<Sighting*>& frames = taken.frames;
  std::vector<std::size_t> next(frames.size() + 1, kNone);  // the next mark in the same run
  for (std::size_t i = frames.size(); i-- > 1 && meter.pass();)
    next[i] = !taken.joined[i] ? kNone : taken.marked[i] ? i : next[i + 1];
  for (std::size_t i = 1; i < frames.size() && meter.pass(); ++i) {
    if (frames[i]->placed || !frames[i - 1]->placed || !taken.joined[i]) continue;
    std::uint64_t slot = frames[i - 1]->slot + 1;
    std::size_t mark = next[i];
    if (frames[i]->parted && (mark == kNone || frames[mark]->slot != slot + (mark - i))) continue;
    if (mark != kNone && frames[mark]->slot != slot + (mark - i) && meter.charge(WorkMeter::kStep) &&
        !stands_at(landmarks, *frames[i], slot))
      continue;
    frames[i]->slot = slot;
    frames[i]->placed = true;
  }
  for (std::size_t i = frames.size(); i-- > 1 && meter.pass();) {
    if (frames[i - 1]->placed || !frames[i]->placed || !taken.joined[i] || frames[i]->parted) continue;
    if (frames[i]->slot == 0) continue;
    frames[i - 1]->slot = frames[i]->slot - 1;
    frames[i - 1]->placed = true;
  }
}

bool align(const Landmarks& landmarks, CopyIndex& copy, WorkMeter& meter) {
  Taken taken = take(copy, meter);
  bool any = false;
  for (std::size_t i = 0; i < taken.frames.size() && meter.pass(); ++i) {
    Sighting& frame = *taken.frames[i];
    std::uint64_t slot = 0;
    if (frame.placed || !meter.charge(WorkMeter::kStep) ||
        !find_slot(landmarks, taken.frames, i, slot, meter))
      continue;
    frame.slot = slot;
    frame.placed = true;
    taken.marked[i] = any = true;
  }
  if (any) spread(landmarks, taken, meter);
  return any;
}

}  // namespace

void align_copies(const std::vector<CopyIndex*>& copies, WorkMeter& meter) {
  for (std::size_t round = 0; round < copies.size(); ++round) {
    Landmarks landmarks = find_landmarks(copies, meter);
    bool any = false;
    for (CopyIndex* copy : copies) any = align(landmarks, *copy, meter) || any;
    if (!any || !meter.status().ok()) return;
  }
}

}  // namespace paxect::core

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

Landmarks find_landmarks(const std::vector<CopyIndex*>& copies) {
  Landmarks all;
  for (std::size_t copy = 0; copy < copies.size(); ++copy)
    for (const Sighting& sighting : copies[copy]->sightings)
      if (sighting.takes_slot() && sighting.finding == Finding::kConfirmed)
        all.push_back(landmark(sighting, copy));
  std::sort(all.begin(), all.end(), [](const Landmark& a, const Landmark& b) {
    return std::tuple(a.contents(), a.copy, a.start) < std::tuple(b.contents(), b.copy, b.start);
  });
  return all;
}

// Data that is the same byte over and over may stand in many places, of which all but one are lost.
bool is_plain(const Sighting& sighting) {
  constexpr std::uint64_t kPlain = 32;
  return sighting.clen <= min_payload(sighting.ulen) + kPlain;
}

// The slot of a sighting by its likes in other copies: that of the only one there is in each, or of one at
// the same offset.
bool find_slot(const Landmarks& landmarks, const Sighting& sighting, std::uint64_t& slot) {
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
  if (found == nullptr || (!once && found->start != sighting.start)) return false;
  slot = found->slot;
  return true;
}

bool stands_at(const Landmarks& landmarks, const Sighting& sighting, std::uint64_t slot) {
  auto [begin, end] =
      std::equal_range(landmarks.begin(), landmarks.end(), landmark(sighting, 0), by_contents);
  return end - begin <= kLikesToSearch &&
         std::any_of(begin, end, [&](const Landmark& mark) { return mark.placed && mark.slot == slot; });
}

using Taken = std::vector<Sighting*>;

// Carries a known place on to neighbours, as long as frames follow each other without a break.
void spread(const Landmarks& landmarks, Taken& taken, const std::vector<bool>& marked) {
  auto joined = [&](std::size_t i) { return taken[i]->joined && taken[i - 1]->end_known; };
  constexpr std::size_t kNone = 0;
  std::vector<std::size_t> next(taken.size() + 1, kNone);  // the next mark in the same run
  for (std::size_t i = taken.size(); i-- > 1;) next[i] = !joined(i) ? kNone : marked[i] ? i : next[i + 1];
  for (std::size_t i = 1; i < taken.size(); ++i) {
    if (taken[i]->placed || !taken[i - 1]->placed || !joined(i)) continue;
    std::uint64_t slot = taken[i - 1]->slot + 1;
    std::size_t mark = next[i];
    if (mark != kNone && taken[mark]->slot != slot + (mark - i) && !stands_at(landmarks, *taken[i], slot))
      continue;
    taken[i]->slot = slot;
    taken[i]->placed = true;
  }
  for (std::size_t i = taken.size(); i-- > 1;) {
    if (taken[i - 1]->placed || !taken[i]->placed || !joined(i) || taken[i]->slot == 0) continue;
    taken[i - 1]->slot = taken[i]->slot - 1;
    taken[i - 1]->placed = true;
  }
}

bool align(const Landmarks& landmarks, CopyIndex& copy) {
  Taken taken;
  for (Sighting& sighting : copy.sightings)
    if (sighting.takes_slot()) taken.push_back(&sighting);
  std::vector<bool> marked(taken.size(), false);
  bool any = false;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    std::uint64_t slot = 0;
    if (taken[i]->placed || !find_slot(landmarks, *taken[i], slot)) continue;
    taken[i]->slot = slot;
    taken[i]->placed = true;
    marked[i] = any = true;
  }
  if (any) spread(landmarks, taken, marked);
  return any;
}

}  // namespace

void align_copies(const std::vector<CopyIndex*>& copies, WorkMeter& meter) {
  for (std::size_t round = 0; round < copies.size(); ++round) {
    Landmarks landmarks = find_landmarks(copies);
    if (!meter.charge(WorkMeter::kStep * landmarks.size())) return;
    bool any = false;
    for (CopyIndex* copy : copies) any = align(landmarks, *copy) || any;
    if (!any) return;
  }
}

}  // namespace paxect::core

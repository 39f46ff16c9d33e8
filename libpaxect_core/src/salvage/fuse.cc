#include "salvage/fuse.h"

#include <algorithm>
#include <iterator>

namespace paxect::core {
namespace {

bool whole(const Sighting& sighting) { return sighting.finding == Finding::kConfirmed && !sighting.foreign; }

// Whether frames of both are at the same places: also where only one of them has a frame, since nothing was
// removed from or inserted into either of them. This shows in equal sizes; or the shorter one ends early, and
// the last frame that it has is in the other at the same place.
bool in_step(const CopyIndex& a, const CopyIndex& b, WorkMeter& meter) {
  bool last_same = false;  // the last frame of the shorter one so far
  auto i = a.sightings.begin();
  auto j = b.sightings.begin();
  for (;;) {
    while (i != a.sightings.end() && !whole(*i) && meter.pass()) ++i;
    while (j != b.sightings.end() && !whole(*j) && meter.pass()) ++j;
    if (!meter.charge(WorkMeter::kStep)) return false;
    bool only_a = j == b.sightings.end();
    if (i == a.sightings.end() && only_a) break;
    if (!only_a && i != a.sightings.end() && i->payload == j->payload) {
      if (i->crc_data != j->crc_data || i->clen != j->clen) return false;
      last_same = true;
      ++i;
      ++j;
      continue;
    }
    bool from_a = only_a || (i != a.sightings.end() && i->payload < j->payload);
    if (!only_a && i != a.sightings.end()) {
      const Sighting& before = from_a ? *i : *j;
      const Sighting& after = from_a ? *j : *i;
      if (before.end() > after.payload) return false;
    }
    if (from_a == (a.size < b.size)) last_same = false;
    ++(from_a ? i : j);
  }
  const CopyIndex& shorter = a.size < b.size ? a : b;
  return a.size == b.size || (last_same && shorter.footer() == nullptr);
}

int worth(const Sighting& sighting) {
  switch (sighting.finding) {
    case Finding::kConfirmed:
    case Finding::kExtension:
      return 4;
    case Finding::kUnconfirmed:
      return 3;
    case Finding::kRuined:
      return sighting.end_known ? 2 : 1;
  }
  return 0;
}

// The next best sighting of those that begin at the same place.
Sighting best_of(const std::vector<Sighting>& all, std::size_t& at) {
  Sighting best = all[at];
  Sighting sound = best;
  for (std::size_t first = at; at < all.size() && all[at].payload == all[first].payload; ++at) {
    if (worth(all[at]) > worth(best)) best = all[at];
    if (all[at].sound) sound = all[at];
  }
  if (!best.sound && sound.sound) {  // the header of another copy is better
    best.channel = sound.channel;
    best.sound = true;
  }
  return best;
}

}  // namespace

std::vector<std::vector<CopyIndex*>> groups_to_fuse(const std::vector<CopyIndex*>& copies, WorkMeter& meter) {
  std::vector<std::vector<CopyIndex*>> groups;
  for (CopyIndex* copy : copies) {
    auto fits = [&](const std::vector<CopyIndex*>& group) {
      return std::all_of(group.begin(), group.end(),
                         [&](const CopyIndex* member) { return in_step(*member, *copy, meter); });
    };
    auto group = std::find_if(groups.begin(), groups.end(), fits);
    if (group == groups.end())
      groups.push_back({copy});
    else
      group->push_back(copy);
  }
  return groups;
}

CopyIndex fuse(const std::vector<CopyIndex*>& group, WorkMeter& meter) {
  CopyIndex fused;
  std::vector<Sighting> all;
  for (const CopyIndex* copy : group) {
    fused.size = std::max(fused.size, copy->size);
    if (copy->header_found && (!fused.header_found || copy->header_offset < fused.header_offset)) {
      fused.header_found = true;
      fused.header_offset = copy->header_offset;
      fused.header = copy->header;
    }
    std::copy_if(copy->sightings.begin(), copy->sightings.end(), std::back_inserter(all),
                 [&](const Sighting& sighting) { return meter.pass() && !sighting.foreign; });
    const FooterSighting* footer = copy->footer();
    if (footer == nullptr || (fused.footer() != nullptr && fused.footer()->likely >= footer->likely))
      continue;
    fused.footers.assign(1, *footer);
    fused.own_footer = 0;
  }
  auto before = [](const Sighting& a, const Sighting& b) { return a.payload < b.payload; };
  if (!sort(all, before, meter)) return fused;
  for (std::size_t at = 0; at < all.size() && meter.charge(WorkMeter::kStep);) {
    Sighting next = best_of(all, at);
    auto& taken = fused.sightings;
    while (!taken.empty() && taken.back().end() > next.payload && worth(taken.back()) < 3 &&
           worth(next) >= 3 && !taken.back().end_known)
      taken.back().clen = static_cast<std::uint32_t>(next.start - std::min(next.start, taken.back().payload));
    if (!taken.empty() && taken.back().end() > next.payload) continue;
    std::uint64_t end = taken.empty() ? kHeaderSize : taken.back().end();
    if (next.payload >= end + kFrameHeaderSize) next.start = next.payload - kFrameHeaderSize;
    next.joined = next.start == end;
    taken.push_back(next);
  }
  return fused;
}

void take_places(const CopyIndex& fused, CopyIndex& copy, WorkMeter& meter) {
  auto at = fused.sightings.begin();
  for (Sighting& sighting : copy.sightings) {
    while (at != fused.sightings.end() && at->payload < sighting.payload && meter.pass()) ++at;
    if (!meter.pass()) return;
    bool found = at != fused.sightings.end() && at->payload == sighting.payload;
    sighting.misfit = !found || at->misfit;
    sighting.placed = found && at->placed;
    sighting.parted = !found || at->parted;
    sighting.slot = found ? at->slot : 0;
  }
}

}  // namespace paxect::core

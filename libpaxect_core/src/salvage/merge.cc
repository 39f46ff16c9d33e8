#include "salvage/merge.h"

#include <algorithm>
#include <compare>
#include <numeric>
#include <tuple>

#include "salvage/alignment.h"
#include "salvage/channel_check.h"
#include "salvage/fuse.h"

namespace paxect::core {
namespace {

bool comparable(const Sighting& sighting) {
  return sighting.finding == Finding::kConfirmed && sighting.placed && sighting.takes_slot();
}

// Counts the frames that are certain in both. Slots rise in both.
void count_equal(const CopyIndex& a, const CopyIndex& b, Likeness& likeness, WorkMeter& meter) {
  auto i = a.sightings.begin();
  auto j = b.sightings.begin();
  for (;;) {
    while (i != a.sightings.end() && !comparable(*i) && meter.pass()) ++i;
    while (j != b.sightings.end() && !comparable(*j) && meter.pass()) ++j;
    if (i == a.sightings.end() || j == b.sightings.end() || !meter.charge(WorkMeter::kStep)) return;
    if (i->slot == j->slot) {
      bool same = i->crc_data == j->crc_data && i->ulen == j->ulen;
      ++(same ? likeness.same : likeness.different);
      ++i;
      ++j;
    } else {
      ++(i->slot < j->slot ? i : j);
    }
  }
}

// Best first: certain contents, certain place, contents that more copies have.
struct Candidate {
  Choice choice;
  std::uint32_t crc_data = 0;
  std::uint32_t crc_field = 0;
  std::uint32_t ulen = 0;
  bool has_data = false;
  bool has_header = false;
  std::uint32_t votes = 0;

  auto rank() const { return std::tuple(!choice.placed, !choice.confirmed, ~votes, choice.copy); }
};

using Candidates = std::vector<Candidate>;

// Where the data of each sighting of a copy belongs: by its slot, or, in a complete copy, by the frames
// before it.
class Offsets {
 public:
  Offsets(const Plan& plan, const CopyIndex* sequence, WorkMeter& meter) : layout_(plan.layout) {
    if (sequence == nullptr) return;
    std::uint64_t offset = 0;
    for (const Sighting& sighting : sequence->sightings) {
      if (!meter.pass() || sighting.finding == Finding::kExtension || sighting.foreign) continue;
      entries_.push_back({sighting.payload, offset, sighting.ulen});
      offset += sighting.ulen;
    }
  }

  std::uint64_t count() const { return entries_.size(); }
  bool find(const Sighting& sighting, Choice& choice) const {
    if (entries_.empty()) return by_slot(sighting, choice);
    auto entry = std::lower_bound(entries_.begin(), entries_.end(), sighting.payload,
                                  [](const Entry& e, std::uint64_t payload) { return e.payload < payload; });
    if (entry == entries_.end() || entry->payload != sighting.payload || entry->ulen != sighting.ulen)
      return false;
    choice.slot = static_cast<std::uint64_t>(entry - entries_.begin());
    choice.offset = entry->offset;
    choice.placed = true;
    return !sighting.foreign && sighting.finding != Finding::kExtension;
  }

 private:
  struct Entry {
    std::uint64_t payload = 0;
    std::uint64_t offset = 0;
    std::uint32_t ulen = 0;
  };

  bool by_slot(const Sighting& sighting, Choice& choice) const {
    if (!sighting.takes_slot()) return false;
    if (layout_.footer_known &&
        (sighting.slot >= layout_.frames() || sighting.ulen != layout_.length(sighting.slot)))
      return false;
    choice.slot = sighting.slot;
    choice.offset = sighting.slot * layout_.frame_size;
    choice.placed = sighting.placed;
    return true;
  }

  const Layout& layout_;
  std::vector<Entry> entries_;  // empty: by slot
};

Candidates collect(const std::vector<CopyIndex>& copies, const std::vector<bool>& used,
                   const Offsets& offsets, WorkMeter& meter) {
  Candidates all;
  for (std::size_t c = 0; c < copies.size(); ++c) {
    if (!used[c]) continue;
    const auto& sightings = copies[c].sightings;
    for (std::size_t i = 0; i < sightings.size() && meter.charge(WorkMeter::kStep); ++i) {
      const Sighting& sighting = sightings[i];
      Candidate candidate;
      if (!offsets.find(sighting, candidate.choice)) continue;
      candidate.choice.copy = static_cast<std::uint32_t>(c);
      candidate.choice.sighting = static_cast<std::uint32_t>(i);
      candidate.choice.confirmed = sighting.finding == Finding::kConfirmed;
      candidate.crc_data = sighting.crc_data;
      candidate.crc_field = sighting.crc_field;
      candidate.ulen = sighting.ulen;
      candidate.has_data = sighting.has_data();
      candidate.has_header = sighting.has_header;
      all.push_back(candidate);
    }
  }
  auto before = [](const Candidate& a, const Candidate& b) {
    return std::tie(a.choice.slot, a.choice.copy, a.choice.sighting) <
           std::tie(b.choice.slot, b.choice.copy, b.choice.sighting);
  };
  if (!sort(all, before, meter)) all.clear();
  return all;
}

// Adds those for one slot that have data, best first. The CRC field of one copy can confirm the data of
// another, and contents in dispute confirm none.
void choose(Candidates::iterator begin, Candidates::iterator end, std::vector<Choice>& choices,
            WorkMeter& meter) {
  for (auto one = begin;
       one != end && meter.charge(WorkMeter::kRecord * static_cast<std::uint64_t>(end - begin)); ++one) {
    for (auto other = begin; other != end; ++other) {
      if (one->has_data && other->has_data && one->crc_data == other->crc_data) ++one->votes;
      bool witness = other->has_header && other->choice.copy != one->choice.copy && other->choice.placed;
      if (one->has_data && witness && other->crc_field == one->crc_data) one->choice.confirmed = true;
    }
  }
  end = std::remove_if(begin, end, [](const Candidate& candidate) { return !candidate.has_data; });
  if (begin == end) return;
  std::sort(begin, end, [](const Candidate& a, const Candidate& b) { return a.rank() < b.rank(); });
  bool dispute = std::any_of(begin, end, [&](const Candidate& one) {
    return one.choice.confirmed && one.choice.placed && begin->choice.placed &&
           one.crc_data != begin->crc_data;
  });
  for (auto one = begin; one != end; ++one) {
    if (one->ulen != begin->ulen) continue;
    choices.push_back(one->choice);
    choices.back().confirmed = one->choice.confirmed && !dispute;
  }
}

// The frames of a complete copy that do not all have the length of their slot: decoders take those too.
const CopyIndex* find_sequence(const std::vector<CopyIndex>& copies, const std::vector<bool>& used,
                               WorkMeter& meter) {
  for (std::size_t c = 0; c < copies.size(); ++c) {
    if (!used[c] || !copies[c].complete) continue;
    std::uint64_t slot = 0;
    bool regular = true;
    for (const Sighting& sighting : copies[c].sightings) {
      if (!meter.pass() || sighting.finding == Finding::kExtension || sighting.foreign) continue;
      regular = regular && sighting.takes_slot() && sighting.slot == slot;
      ++slot;
    }
    if (!regular) return &copies[c];
  }
  return nullptr;
}

// Bytes of data in a frame by what is left of it, when its data is not.
std::uint32_t remembered_length(const std::vector<CopyIndex>& copies, const std::vector<bool>& used,
                                const Plan& plan, std::uint64_t slot, WorkMeter& meter) {
  for (std::size_t c = 0; c < copies.size(); ++c) {
    if (!used[c]) continue;
    for (const Sighting& sighting : copies[c].sightings) {
      bool there = meter.pass() && sighting.takes_slot() && sighting.slot == slot && sighting.sound;
      if (there && sighting.ulen < plan.layout.frame_size) return sighting.ulen;
    }
  }
  return plan.layout.frame_size;
}

// Without a footer, the last frame says where the data ends, as far as it was found; no other can be shorter.
void find_end(const std::vector<CopyIndex>& copies, const std::vector<bool>& used, Plan& plan,
              WorkMeter& meter) {
  const Layout& layout = plan.layout;
  if (layout.footer_known) {
    plan.size = layout.footer.total_size;
    return;
  }
  if (!plan.choices.empty())
    plan.placement.frames = std::max(plan.placement.frames, plan.choices.back().slot + 1);
  auto length = [&](const Choice& choice) { return copies[choice.copy].sightings[choice.sighting].ulen; };
  std::erase_if(plan.choices, [&](const Choice& choice) {
    return meter.pass() && length(choice) != layout.frame_size && choice.slot + 1 != plan.placement.frames;
  });
  std::uint64_t frames = plan.placement.frames;
  if (frames == 0) return;
  bool last_found = !plan.choices.empty() && plan.choices.back().slot + 1 == frames;
  plan.size =
      (frames - 1) * layout.frame_size +
      (last_found ? length(plan.choices.back()) : remembered_length(copies, used, plan, frames - 1, meter));
}

struct Strength {
  std::size_t copies = 0;
  std::size_t whole = 0;
  auto operator<=>(const Strength&) const = default;
};

// A whole container, which may be an empty one.
bool is_whole(const CopyIndex& copy, WorkMeter& meter) {
  return (copy.complete || copy.intact) &&
         std::all_of(copy.sightings.begin(), copy.sightings.end(), [&](const Sighting& sighting) {
           return meter.pass() && (sighting.foreign || sighting.finding == Finding::kConfirmed ||
                                   sighting.finding == Finding::kExtension);
         });
}

bool found_anything(const CopyIndex& copy, WorkMeter& meter) {
  return copy.complete || copy.intact ||
         std::any_of(copy.sightings.begin(), copy.sightings.end(),
                     [&](const Sighting& sighting) { return meter.pass() && sighting.takes_slot(); });
}

// Adds copies in this order, each that contradicts none before it and is not excluded.
std::vector<bool> make_group(const std::vector<std::size_t>& order, const Likenesses& likenesses,
                             const std::vector<bool>& excluded) {
  std::vector<bool> group(order.size(), false);
  for (std::size_t i : order) {
    bool fits = !excluded[i];
    for (std::size_t j = 0; j < group.size(); ++j) fits = fits && !(group[j] && likenesses[i][j].apart);
    group[i] = fits;
  }
  return group;
}

// The copies that speak for the group and not for the other one.
Strength compare_strength(const std::vector<bool>& group, const std::vector<bool>& other,
                          const Likenesses& likenesses, const std::vector<bool>& whole) {
  Strength strength;
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (!group[i]) continue;
    bool agrees = false;
    bool agrees_with_other = false;
    bool contradicts = false;
    for (std::size_t j = 0; j < group.size(); ++j) {
      if (j == i) continue;
      agrees = agrees || (group[j] && likenesses[i][j].agree());
      agrees_with_other = agrees_with_other || (other[j] && likenesses[i][j].agree());
      contradicts = contradicts || (other[j] && likenesses[i][j].contradict());
    }
    if (!contradicts && !(agrees && !agrees_with_other)) continue;
    ++strength.copies;
    if (whole[i]) ++strength.whole;
  }
  return strength;
}

// Data between two lost ranges is at its place for certain, or it is not: the report can say it for all of it
// alone. So frames that follow each other in the output are certain when all of them are.
void level(std::vector<Choice>& choices, WorkMeter& meter) {
  for (std::size_t begin = 0; begin < choices.size();) {
    bool placed = choices[begin].placed;
    std::size_t end = begin + 1;
    for (; end < choices.size() && choices[end].slot - choices[end - 1].slot <= 1 && meter.pass(); ++end)
      placed = placed && (choices[end].placed || choices[end].slot == choices[end - 1].slot);
    for (; begin < end && meter.pass(); ++begin) choices[begin].placed = choices[begin].placed && placed;
    begin = end;
  }
}

// Gives every sighting its slot, by what the copies know together.
void place_copies(const std::vector<CopyIndex*>& members, Plan& plan, WorkMeter& meter) {
  bool first = true;
  for (const std::vector<CopyIndex*>& group : groups_to_fuse(members, meter)) {
    Placement placement;
    if (group.size() == 1) {
      placement = place(plan.layout, *group.front(), meter);
    } else {
      CopyIndex fused = fuse(group, meter);
      placement = place(plan.layout, fused, meter);
      for (CopyIndex* copy : group) take_places(fused, *copy, meter);
    }
    bool tail_lost = placement.tail_lost && (first || plan.placement.tail_lost);
    if (first || placement.frames > plan.placement.frames) plan.placement = placement;
    plan.placement.tail_lost = tail_lost;
    first = false;
  }
  if (members.size() > 1) align_copies(members, meter);
  ChannelCheck check({members.begin(), members.end()}, plan.layout, meter);
  for (CopyIndex* copy : members) check.apply(*copy, meter);
}

}  // namespace

Likeness compare(const CopyIndex& a, const Layout& of_a, const CopyIndex& b, const Layout& of_b,
                 WorkMeter& meter) {
  Likeness likeness;
  count_equal(a, b, likeness, meter);
  bool footers = of_a.footer_known && of_b.footer_known;
  bool sizes_differ = footers && of_a.footer.total_size != of_b.footer.total_size;
  bool digests_differ = footers && of_a.footer.digest != of_b.footer.digest;
  bool both_complete = a.complete && b.complete;
  likeness.same_footer = footers && !sizes_differ && !digests_differ;
  if (both_complete && sizes_differ)
    likeness.apart = true;
  else if (likeness.same + likeness.different != 0)
    likeness.apart = likeness.different > (sizes_differ || digests_differ ? 0 : likeness.same);
  else if (footers)
    likeness.apart = sizes_differ || digests_differ;
  else
    likeness.apart = likeness.headers_only =
        of_a.header_agrees && of_b.header_agrees &&
        (of_a.frame_size != of_b.frame_size || of_a.channels != of_b.channels);
  likeness.disputed = both_complete && digests_differ && !likeness.apart;
  return likeness;
}

Likenesses compare_all(const std::vector<CopyIndex>& copies, const std::vector<Layout>& layouts,
                       WorkMeter& meter) {
  Likenesses all(copies.size(), std::vector<Likeness>(copies.size()));
  for (std::size_t i = 0; i < copies.size(); ++i)
    for (std::size_t j = i + 1; j < copies.size(); ++j)
      all[i][j] = all[j][i] = compare(copies[i], layouts[i], copies[j], layouts[j], meter);
  return all;
}

Belonging find_belonging(const std::vector<CopyIndex>& copies, const Likenesses& likenesses,
                         WorkMeter& meter) {
  std::size_t count = copies.size();
  std::vector<std::size_t> agreeing(count, 0);
  std::vector<std::size_t> friends(count, 0);
  std::vector<bool> found(count, false);
  std::vector<bool> whole(count, false);
  std::vector<bool> has_records(count, false);  // of another container
  for (std::size_t i = 0; i < count; ++i) {
    found[i] = found_anything(copies[i], meter);
    whole[i] = is_whole(copies[i], meter);
    for (std::size_t j = 0; j < count; ++j) {
      if (j == i) continue;
      if (likenesses[i][j].agree()) ++agreeing[i];
      if (!likenesses[i][j].apart) ++friends[i];
      has_records[i] = has_records[i] || likenesses[i][j].by_records;
    }
  }
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  auto rank = [&](std::size_t i) { return std::tuple(!found[i], ~agreeing[i], ~friends[i], !whole[i]); };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
  Belonging belonging;
  belonging.used = make_group(order, likenesses, std::vector<bool>(count, false));
  bool has_whole = false;
  for (std::size_t i = 0; i < count; ++i) has_whole = has_whole || (belonging.used[i] && whole[i]);
  // The other groups, one after the other. Each takes at least one copy. Copies of which only records are
  // left do not contest a whole one.
  std::vector<bool> excluded = belonging.used;
  for (std::size_t i : order) {
    if (excluded[i] || !(found[i] || (has_records[i] && !has_whole))) continue;
    std::vector<bool> rival = make_group(order, likenesses, excluded);
    for (std::size_t j = 0; j < count; ++j) excluded[j] = excluded[j] || rival[j];
    belonging.contested =
        belonging.contested || compare_strength(rival, belonging.used, likenesses, whole) >=
                                   compare_strength(belonging.used, rival, likenesses, whole);
  }
  return belonging;
}

Plan make_plan(std::vector<CopyIndex>& copies, const std::vector<Layout>& layouts,
               const std::vector<bool>& used, WorkMeter& meter) {
  Plan plan;
  std::vector<Layout> agreeing;
  std::vector<CopyIndex*> members;
  for (std::size_t i = 0; i < copies.size(); ++i) {
    if (!used[i]) continue;
    agreeing.push_back(layouts[i]);
    members.push_back(&copies[i]);
  }
  plan.layout = agree(agreeing);
  place_copies(members, plan, meter);
  const CopyIndex* sequence = find_sequence(copies, used, meter);
  if (sequence != nullptr) {
    plan.layout.footer_known = true;
    plan.layout.footer = sequence->footer()->footer;
    plan.placement = {};
    plan.placement.frames_known = plan.placement.end_placed = true;
  }
  Offsets offsets(plan, sequence, meter);
  if (sequence != nullptr) plan.placement.frames = offsets.count();
  Candidates candidates = collect(copies, used, offsets, meter);
  for (auto at = candidates.begin(); at != candidates.end() && meter.charge(WorkMeter::kStep);) {
    auto next = std::find_if(at, candidates.end(), [&](const Candidate& other) {
      return !meter.pass() || other.choice.slot != at->choice.slot;
    });
    constexpr std::ptrdiff_t kMaxCandidates = 256;  // more than the max number of copies
    choose(at, at + std::min(next - at, kMaxCandidates), plan.choices, meter);
    at = next;
  }
  find_end(copies, used, plan, meter);
  level(plan.choices, meter);
  return plan;
}

}  // namespace paxect::core

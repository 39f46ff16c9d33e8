#include "salvage/merge.h"

#include <algorithm>
#include <compare>
#include <numeric>
#include <tuple>

#include "salvage/alignment.h"
#include "salvage/fuse.h"

namespace paxect::core {
namespace {

struct Likeness {
  std::uint64_t same = 0;
  std::uint64_t different = 0;
};

bool comparable(const Sighting& sighting) {
  return sighting.finding == Finding::kConfirmed && sighting.placed && sighting.takes_slot();
}

// Frames that are certain in both, compared. Slots rise in both.
Likeness compare(const CopyIndex& a, const CopyIndex& b) {
  Likeness likeness;
  auto i = a.sightings.begin();
  auto j = b.sightings.begin();
  for (;;) {
    while (i != a.sightings.end() && !comparable(*i)) ++i;
    while (j != b.sightings.end() && !comparable(*j)) ++j;
    if (i == a.sightings.end() || j == b.sightings.end()) return likeness;
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

bool contradict(const CopyIndex& a, const Layout& of_a, const CopyIndex& b, const Layout& of_b) {
  Likeness likeness = compare(a, b);
  if (likeness.same + likeness.different != 0) return likeness.different > likeness.same;
  if (of_a.footer_known && of_b.footer_known)
    return of_a.footer.total_size != of_b.footer.total_size || of_a.footer.digest != of_b.footer.digest;
  return of_a.header_agrees && of_b.header_agrees &&
         (of_a.frame_size != of_b.frame_size || of_a.channels != of_b.channels);
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
  Offsets(const Plan& plan, const CopyIndex* sequence) : layout_(plan.layout) {
    if (sequence == nullptr) return;
    std::uint64_t offset = 0;
    for (const Sighting& sighting : sequence->sightings) {
      if (sighting.finding == Finding::kExtension || sighting.foreign) continue;
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
                   const Offsets& offsets) {
  Candidates all;
  for (std::size_t c = 0; c < copies.size(); ++c) {
    if (!used[c]) continue;
    const auto& sightings = copies[c].sightings;
    for (std::size_t i = 0; i < sightings.size(); ++i) {
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
  std::sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) {
    return std::tie(a.choice.slot, a.choice.copy, a.choice.sighting) <
           std::tie(b.choice.slot, b.choice.copy, b.choice.sighting);
  });
  return all;
}

// Adds those for one slot that have data, best first. The CRC field of one copy can confirm the data of
// another, and contents in dispute confirm none.
void choose(Candidates::iterator begin, Candidates::iterator end, std::vector<Choice>& choices) {
  for (auto one = begin; one != end; ++one) {
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
const CopyIndex* find_sequence(const std::vector<CopyIndex>& copies, const std::vector<bool>& used) {
  for (std::size_t c = 0; c < copies.size(); ++c) {
    if (!used[c] || !copies[c].complete) continue;
    std::uint64_t slot = 0;
    bool regular = true;
    for (const Sighting& sighting : copies[c].sightings) {
      if (sighting.finding == Finding::kExtension || sighting.foreign) continue;
      regular = regular && sighting.takes_slot() && sighting.slot == slot;
      ++slot;
    }
    if (!regular) return &copies[c];
  }
  return nullptr;
}

// Without a footer, the last frame says where the data ends, as far as it was found; no other can be shorter.
void find_end(const std::vector<CopyIndex>& copies, Plan& plan) {
  const Layout& layout = plan.layout;
  if (layout.footer_known) {
    plan.size = layout.footer.total_size;
    return;
  }
  if (!plan.choices.empty())
    plan.placement.frames = std::max(plan.placement.frames, plan.choices.back().slot + 1);
  auto length = [&](const Choice& choice) { return copies[choice.copy].sightings[choice.sighting].ulen; };
  std::erase_if(plan.choices, [&](const Choice& choice) {
    return length(choice) != layout.frame_size && choice.slot + 1 != plan.placement.frames;
  });
  plan.size = plan.placement.frames * layout.frame_size;
  if (!plan.choices.empty() && plan.choices.back().slot + 1 == plan.placement.frames)
    plan.size -= layout.frame_size - length(plan.choices.back());
}

struct Strength {
  std::size_t copies = 0;
  std::size_t intact = 0;
  auto operator<=>(const Strength&) const = default;
};

using Contradictions = std::vector<std::vector<bool>>;

bool found_frames(const CopyIndex& copy) {
  return std::any_of(copy.sightings.begin(), copy.sightings.end(),
                     [](const Sighting& sighting) { return sighting.takes_slot(); });
}

// Adds copies in this order, each that contradicts none before it and is not excluded.
std::vector<bool> make_group(const std::vector<CopyIndex>& copies, const std::vector<std::size_t>& order,
                             const Contradictions& apart, const std::vector<bool>& excluded,
                             Strength& strength) {
  std::vector<bool> group(copies.size(), false);
  for (std::size_t i : order) {
    bool fits = !excluded[i];
    for (std::size_t j = 0; j < copies.size(); ++j) fits = fits && !(group[j] && apart[i][j]);
    group[i] = fits;
    if (fits && found_frames(copies[i])) ++strength.copies;
    if (fits && copies[i].intact) ++strength.intact;
  }
  return group;
}

// Gives every sighting its slot, by what the copies know together.
void place_copies(const std::vector<CopyIndex*>& members, Plan& plan, WorkMeter& meter) {
  bool first = true;
  for (const std::vector<CopyIndex*>& group : groups_to_fuse(members)) {
    Placement placement;
    for (const CopyIndex* copy : group) meter.charge(WorkMeter::kStep * copy->sightings.size());
    if (group.size() == 1) {
      placement = place(plan.layout, *group.front());
    } else {
      CopyIndex fused = fuse(group);
      placement = place(plan.layout, fused);
      for (CopyIndex* copy : group) take_places(fused, *copy);
    }
    bool tail_lost = placement.tail_lost && (first || plan.placement.tail_lost);
    if (first || placement.frames > plan.placement.frames) plan.placement = placement;
    plan.placement.tail_lost = tail_lost;
    first = false;
  }
  if (members.size() > 1) align_copies(members, meter);
}

}  // namespace

Belonging find_belonging(const std::vector<CopyIndex>& copies, const std::vector<Layout>& layouts) {
  std::size_t count = copies.size();
  Contradictions apart(count, std::vector<bool>(count, false));
  std::vector<std::size_t> friends(count, 0);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = i + 1; j < count; ++j) {
      apart[i][j] = apart[j][i] = contradict(copies[i], layouts[i], copies[j], layouts[j]);
      if (apart[i][j]) continue;
      ++friends[i];
      ++friends[j];
    }
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  auto rank = [&](std::size_t i) {
    return std::tuple(!found_frames(copies[i]), ~friends[i], !copies[i].intact);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
  Belonging belonging;
  Strength strength;
  belonging.used = make_group(copies, order, apart, std::vector<bool>(count, false), strength);
  Strength others;
  make_group(copies, order, apart, belonging.used, others);
  belonging.contested = others.copies != 0 && others >= strength;
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
  const CopyIndex* sequence = find_sequence(copies, used);
  if (sequence != nullptr) {
    plan.layout.footer_known = true;
    plan.layout.footer = sequence->footer()->footer;
    plan.placement = {};
    plan.placement.frames_known = plan.placement.end_placed = true;
  }
  Offsets offsets(plan, sequence);
  if (sequence != nullptr) plan.placement.frames = offsets.count();
  Candidates candidates = collect(copies, used, offsets);
  for (auto at = candidates.begin(); at != candidates.end() && meter.charge(WorkMeter::kStep);) {
    auto next = std::find_if(at, candidates.end(),
                             [&](const Candidate& other) { return other.choice.slot != at->choice.slot; });
    constexpr std::ptrdiff_t kMaxCandidates = 256;  // more than the max number of copies
    choose(at, at + std::min(next - at, kMaxCandidates), plan.choices);
    at = next;
  }
  find_end(copies, plan);
  return plan;
}

}  // namespace paxect::core

#include "salvage/merge.h"

#include <algorithm>
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
  return sighting.finding == Finding::kConfirmed && sighting.placed && !sighting.foreign;
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
  bool has_data = false;
  bool has_header = false;
  std::uint32_t votes = 0;

  auto rank() const { return std::tuple(!choice.placed, !choice.confirmed, ~votes, choice.copy); }
};

using Candidates = std::vector<Candidate>;

Candidates collect(const std::vector<CopyIndex>& copies, const std::vector<bool>& belongs, const Plan& plan) {
  Candidates all;
  for (std::size_t c = 0; c < copies.size(); ++c) {
    if (!belongs[c]) continue;
    const auto& sightings = copies[c].sightings;
    for (std::size_t i = 0; i < sightings.size(); ++i) {
      const Sighting& sighting = sightings[i];
      if (!sighting.takes_slot() || (plan.layout.footer_known && sighting.slot >= plan.layout.frames()))
        continue;
      if (plan.layout.footer_known && sighting.ulen != plan.layout.length(sighting.slot)) continue;
      Candidate candidate;
      candidate.choice = {sighting.slot, static_cast<std::uint32_t>(c), static_cast<std::uint32_t>(i),
                          sighting.finding == Finding::kConfirmed, sighting.placed};
      candidate.crc_data = sighting.crc_data;
      candidate.crc_field = sighting.crc_field;
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

// The best of those for one slot; false when none has data. The CRC field of one copy can confirm the data of
// another, and contents in dispute confirm none.
bool choose(Candidates::iterator begin, Candidates::iterator end, Choice& best) {
  bool dispute = false;
  for (auto one = begin; one != end; ++one) {
    for (auto other = begin; other != end; ++other) {
      if (one->has_data && other->has_data && one->crc_data == other->crc_data) ++one->votes;
      bool witness = other->has_header && other->choice.copy != one->choice.copy && other->choice.placed;
      if (one->has_data && witness && other->crc_field == one->crc_data) one->choice.confirmed = true;
    }
  }
  auto found = end;
  for (auto one = begin; one != end; ++one)
    if (one->has_data && (found == end || one->rank() < found->rank())) found = one;
  if (found == end) return false;
  best = found->choice;
  for (auto one = begin; one != end; ++one)
    dispute = dispute || (one->choice.confirmed && one->choice.placed && one->has_data && best.placed &&
                          one->crc_data != found->crc_data);
  best.confirmed = best.confirmed && !dispute;
  return true;
}

}  // namespace

std::vector<bool> belonging(const std::vector<CopyIndex>& copies, const std::vector<Layout>& layouts) {
  std::size_t count = copies.size();
  std::vector<std::vector<bool>> apart(count, std::vector<bool>(count, false));
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
  auto found = [&](std::size_t i) { return !copies[i].sightings.empty(); };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tuple(!found(a), ~friends[a]) < std::tuple(!found(b), ~friends[b]);
  });
  std::vector<bool> belongs(count, false);
  for (std::size_t i : order) {
    bool fits = true;
    for (std::size_t j = 0; j < count; ++j) fits = fits && !(belongs[j] && apart[i][j]);
    belongs[i] = fits;
  }
  return belongs;
}

Plan make_plan(std::vector<CopyIndex>& copies, const std::vector<Layout>& layouts,
               const std::vector<bool>& belongs) {
  Plan plan;
  std::vector<Layout> agreeing;
  for (std::size_t i = 0; i < copies.size(); ++i)
    if (belongs[i]) agreeing.push_back(layouts[i]);
  plan.layout = agree(agreeing);
  std::vector<CopyIndex*> members;
  for (std::size_t i = 0; i < copies.size(); ++i)
    if (belongs[i]) members.push_back(&copies[i]);
  bool first = true;
  for (const std::vector<CopyIndex*>& group : groups_to_fuse(members)) {
    Placement placement;
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
  if (members.size() > 1) align_copies(members);
  Candidates candidates = collect(copies, belongs, plan);
  for (auto at = candidates.begin(); at != candidates.end();) {
    auto next = std::find_if(at, candidates.end(),
                             [&](const Candidate& other) { return other.choice.slot != at->choice.slot; });
    constexpr std::ptrdiff_t kMostCandidates = 256;  // more than there are copies only in made-up damage
    Choice choice;
    if (choose(at, at + std::min(next - at, kMostCandidates), choice)) plan.choices.push_back(choice);
    at = next;
  }
  return plan;
}

}  // namespace paxect::core

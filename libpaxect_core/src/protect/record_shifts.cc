// ProtectionMap's shifts: how far records were moved in a copy, and with them the bytes around them.
#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <utility>

#include "protect/protection_map.h"

namespace paxect::core {
namespace {

std::uint64_t distance(std::int64_t a, std::int64_t b) { return static_cast<std::uint64_t>(std::abs(a - b)); }

bool ends_before(const Displacement& each, std::uint64_t offset) { return each.last < offset; }

}  // namespace

std::optional<std::int64_t> ProtectionMap::first_shift(std::size_t copy) const {
  return records_in(copy) == 0 ? std::nullopt : std::optional(end_shifts_[copy].first);
}

std::optional<std::int64_t> ProtectionMap::last_shift(std::size_t copy) const {
  return records_in(copy) == 0 ? std::nullopt : std::optional(end_shifts_[copy].last);
}

// Where a record was found.
struct ProtectionMap::Place {
  std::uint64_t offset = 0;  // in the container
  std::int64_t shift = 0;

  auto operator<=>(const Place&) const = default;  // of two at one offset, the first in the copy
  std::int64_t at() const { return static_cast<std::int64_t>(offset) + shift; }
};

// Without the records in pieces of the container that were written nearer to the beginning of the copy. Where
// the copy is as long as the container, or a record behind such a piece is where it belongs, as many bytes
// would have to be removed before it as inserted behind it. `places`: sorted. `size`: of the copy.
std::vector<ProtectionMap::Place> ProtectionMap::without_moved_forward(std::span<const Place> places,
                                                                       std::uint64_t size) const {
  const bool is_as_long =
      size_ != 0 && std::max(size, size_) - std::min(size, size_) <= std::uint64_t{kMaxInserted};
  std::uint64_t end = is_as_long ? std::numeric_limits<std::uint64_t>::max() : 0;
  for (const Place& place : places)
    if (std::abs(place.shift) <= kMaxInserted) end = std::max(end, place.offset);
  std::vector<Place> kept;
  std::copy_if(places.begin(), places.end(), std::back_inserter(kept),
               [&](const Place& place) { return place.shift >= -kMaxInserted || place.offset >= end; });
  return kept;
}

// By the most records that follow each other in the copy as in the container. A piece of the container that
// was written over other bytes of it may have its last record, or its first one, before or behind all others:
// the container does not end or begin there. `places`: sorted, at least one.
ProtectionMap::EndShifts ProtectionMap::end_shifts(std::span<const Place> places, WorkMeter& meter) {
  constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> before(places.size(), kNone);  // each of them, in the longest row that ends there
  std::vector<std::size_t> lengths(places.size());        // of that row
  std::vector<std::uint64_t> moves(places.size());        // the sum of the changes of the shift in it, from 0
  std::vector<std::size_t> ends;                          // of a row of each length, the earliest in the copy
  for (std::size_t begin = 0, end = 0; begin < places.size(); begin = end) {
    while (end < places.size() && places[end].offset == places[begin].offset) ++end;
    for (std::size_t i = end; i-- > begin;) {  // of one offset, one only
      if (!meter.charge(WorkMeter::kStep)) return {};
      const auto longer =
          std::lower_bound(ends.begin(), ends.end(), places[i].at(),
                           [&](std::size_t other, std::int64_t at) { return places[other].at() < at; });
      const bool is_first = longer == ends.begin();
      if (!is_first) before[i] = *std::prev(longer);
      moves[i] = is_first ? distance(places[i].shift, 0)
                          : moves[before[i]] + distance(places[i].shift, places[before[i]].shift);
      lengths[i] = static_cast<std::size_t>(longer - ends.begin()) + 1;
      if (longer == ends.end())
        ends.push_back(i);
      else
        *longer = i;
    }
  }
  auto first_at = [&](std::uint64_t offset) {
    return std::lower_bound(places.begin(), places.end(), offset,
                            [](const Place& place, std::uint64_t other) { return place.offset < other; });
  };
  // Of a container that the copy has twice, the end of the first one: what is behind it is another container.
  if (ends.size() == 1) return {places.front().shift, first_at(places.back().offset)->shift, {}};
  // Of rows equally long, the one whose records were moved least against each other. The end of the second of
  // two containers is far from the records of the first one, and so is a piece that was written elsewhere.
  std::size_t last = ends.back();
  auto key = [&](std::size_t i) { return std::pair(moves[i], places[i].at()); };
  for (std::size_t i = 0; i < places.size(); ++i)
    if (lengths[i] == ends.size() && key(i) < key(last)) last = i;
  std::size_t first = last;
  std::size_t second = last;
  std::vector<ByteRange> gaps;
  for (; before[first] != kNone; first = before[first]) {
    second = first;
    const Place& here = places[first];
    const Place& earlier = places[before[first]];
    if (here.shift - earlier.shift > kMaxInserted)
      gaps.push_back({static_cast<std::uint64_t>(earlier.at()), static_cast<std::uint64_t>(here.at())});
  }
  std::reverse(gaps.begin(), gaps.end());
  // Of several records of one offset, the one whose shift is most like that of the neighbour.
  auto likeliest = [&](const Place& place, const Place& neighbour, bool is_before) {
    auto difference = [&](const Place& other) { return std::abs(other.shift - neighbour.shift); };
    Place best = place;
    for (auto it = first_at(place.offset); it != places.end() && it->offset == place.offset; ++it)
      if ((it->at() < neighbour.at()) == is_before && difference(*it) < difference(best)) best = *it;
    return best.shift;
  };
  return {likeliest(places[first], places[second], true),
          likeliest(places[last], places[before[last]], false), std::move(gaps)};
}

void ProtectionMap::find_displacements(std::span<const Records> copies, std::span<const std::uint64_t> sizes,
                                       WorkMeter& meter) {
  std::vector<Place> places;
  for (std::size_t copy = 0; copy < copies.size(); ++copy) {
    const Records& records = copies[copy];
    places.clear();
    auto add = [&](std::uint64_t offset, std::uint64_t at) {
      places.push_back({offset, static_cast<std::int64_t>(at) - static_cast<std::int64_t>(offset)});
    };
    for (const FoundList& list : records.of_tag(tag_))
      if (meter.charge(WorkMeter::kStep) && is_in_layout(list.header)) add(list.header.offset, list.at);
    for (const FoundTrailer& trailer : records.trailers_of_tag(tag_))
      if (meter.pass() && is_in_layout(trailer.trailer)) add(trailer.trailer.offset, trailer.at);
    if (!sort_in_place(std::span(places), std::less<>(), meter)) places.clear();
    counts_.push_back(places.size());
    const std::vector<Place> kept = without_moved_forward(places, sizes[copy]);
    const std::span<const Place> used(kept.empty() ? places : kept);
    end_shifts_.push_back(used.empty() ? EndShifts{} : end_shifts(used, meter));
    std::vector<Displacement>& all = displacements_.emplace_back();
    for (const Place& place : places)
      if (!all.empty() && all.back().shift == place.shift)
        all.back().last = place.offset;
      else
        all.push_back({place.offset, place.offset, place.shift});
  }
}

std::vector<std::int64_t> ProtectionMap::shifts(std::size_t copy, std::uint64_t begin, std::uint64_t end,
                                                std::size_t* steps) const {
  const std::vector<Displacement>& all = displacements_[copy];
  std::vector<std::int64_t> found;
  auto add = [&](std::int64_t shift) {
    if (found.size() < kMaxShifts && std::find(found.begin(), found.end(), shift) == found.end())
      found.push_back(shift);
  };
  // The first one that has a record at `begin` or behind it: it may have begun before.
  auto inside = std::lower_bound(all.begin(), all.end(), begin, ends_before);
  const bool has_begun = inside != all.end() && inside->first < begin;
  if (!has_begun) add(inside == all.begin() ? 0 : std::prev(inside)->shift);
  std::size_t passed = 0;
  for (auto it = inside; it != all.end() && passed < kMaxSteps; ++it) {
    ++passed;
    add(it->shift);
    if (it->last > end || found.size() == kMaxShifts) break;
  }
  if (steps != nullptr) *steps = passed;
  add(0);
  return found;
}

}  // namespace paxect::core

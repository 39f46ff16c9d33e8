#include "protect/protection_map.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace paxect::core {
namespace {

// What is lost from a container can be at most half of it, or there is not enough left for a repair.
constexpr std::uint64_t kMaxGrowth = 2;
constexpr std::uint64_t kMaxAdded = std::uint64_t{1} << 20;

std::string window_text(const Window& window) {
  return "window " + std::to_string(window.number) + " (bytes " + std::to_string(window.offset) + " to " +
         std::to_string(window.end()) + ")";
}

// Of a container that holds a protected one as its data, the records of both are found. Those of the outer
// one are at their places, and there are more of them.
struct Votes {
  std::uint64_t in_place = 0;
  std::uint64_t all = 0;
  auto operator<=>(const Votes&) const = default;
};

void vote(std::map<ProtectionTag, Votes>& votes, const ProtectionTag& tag, bool in_place) {
  Votes& of = votes[tag];
  of.all += 1;
  of.in_place += in_place ? 1 : 0;
}

}  // namespace

bool ProtectionMap::choose_tag(std::span<const Records> copies) {
  std::map<ProtectionTag, Votes> votes;
  for (const Records& records : copies) {
    for (const FoundList& found : records.lists)
      vote(votes, found.header.tag, found.at == found.header.offset);
    for (const FoundTrailer& found : records.trailers)
      vote(votes, found.trailer.tag, found.at == found.trailer.offset);
  }
  if (votes.empty()) return false;
  auto best = std::max_element(votes.begin(), votes.end(),
                               [](const auto& a, const auto& b) { return a.second < b.second; });
  tag_ = best->first;
  return true;
}

// What most of its records say about each window. The numbers of the windows have to be without a gap: where
// the window behind one begins is known from that one alone.
Status ProtectionMap::find_windows(std::span<const Records> copies) {
  auto less = [](const Window& a, const Window& b) {
    auto key = [](const Window& w) {
      return std::make_tuple(w.number, w.offset, w.shape.length, w.shape.words, w.shape.cell_bits,
                             w.shape.parity, w.shape.percent, w.last);
    };
    return key(a) < key(b);
  };
  std::map<Window, std::uint64_t, decltype(less)> votes(less);
  for (const Records& records : copies)
    for (const FoundList& found : records.lists)
      if (found.header.tag == tag_) votes[found.header.window] += 1;
  std::uint64_t best = 0;
  for (const auto& [window, count] : votes) {
    bool same = !windows_.empty() && windows_.back().number == window.number;
    if (!same && window.number != windows_.size()) break;
    if (same && count <= best) continue;
    if (same) windows_.pop_back();
    windows_.push_back(window);
    best = count;
  }
  for (const Records& records : copies)
    for (const FoundTrailer& found : records.trailers)
      if (found.trailer.tag == tag_ && !trailer_) trailer_ = found.trailer;
  if (windows_.empty())
    return failure(PAXECT_ERROR_DAMAGED, "cannot be repaired: the lists of the first window are lost");
  const Window& last = windows_.back();
  if (trailer_ ? windows_.size() == trailer_->windows : last.last) return {};
  return {PAXECT_ERROR_DAMAGED, last.end(), 0,
          "cannot be repaired: nothing is left of the lists of the window behind " + window_text(last)};
}

Status ProtectionMap::lay_out_all(std::uint64_t max_size) {
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i <= windows_.size(); ++i) {
    const Window* own = i < windows_.size() ? &windows_[i] : nullptr;
    if (own != nullptr) {
      bool is_last = i + 1 == windows_.size();
      bool fits = own->offset == offset && own->last == is_last &&
                  own->shape.cell_bits == windows_[0].shape.cell_bits &&
                  own->shape.percent == windows_[0].shape.percent;
      if (!fits || own->shape.length > max_size || own->shape.parity_size() > max_size)
        return {PAXECT_ERROR_DAMAGED, own->offset, 0,
                "cannot be repaired: the records of " + window_text(*own) + " contradict the others"};
      offset = own->end();
    }
    extensions_.push_back(lay_out(offset, own, i == 0 ? nullptr : &windows_[i - 1]));
    offset = extensions_.back().end;
    if (offset > max_size)
      return {PAXECT_ERROR_DAMAGED, offset, 0,
              "cannot be repaired: more than half of the container is missing"};
  }
  return {};
}

void ProtectionMap::find_displacements(std::span<const Records> copies) {
  for (const Records& records : copies) {
    std::vector<Displacement> found;
    auto add = [&](std::uint64_t offset, std::uint64_t at) {
      found.push_back({offset, static_cast<std::int64_t>(at) - static_cast<std::int64_t>(offset)});
    };
    for (const FoundList& list : records.lists)
      if (list.header.tag == tag_) add(list.header.offset, list.at);
    for (const FoundTrailer& trailer : records.trailers)
      if (trailer.trailer.tag == tag_) add(trailer.trailer.offset, trailer.at);
    std::stable_sort(found.begin(), found.end());
    displacements_.push_back(std::move(found));
  }
}

std::vector<std::int64_t> ProtectionMap::shifts(std::size_t copy, std::uint64_t begin,
                                                std::uint64_t end) const {
  const std::vector<Displacement>& all = displacements_[copy];
  std::vector<std::int64_t> found;
  auto add = [&](std::int64_t shift) {
    if (found.size() < kMaxShifts && std::find(found.begin(), found.end(), shift) == found.end())
      found.push_back(shift);
  };
  auto inside = std::lower_bound(all.begin(), all.end(), Displacement{begin, 0});
  if (inside != all.begin()) add(std::prev(inside)->shift);
  if (inside == all.begin()) add(0);
  for (auto it = inside; it != all.end(); ++it) {
    add(it->shift);
    if (it->offset > end || found.size() == kMaxShifts) break;
  }
  add(0);
  return found;
}

Status ProtectionMap::build(std::span<const Records> copies, std::span<const std::uint64_t> sizes) {
  *this = {};
  if (!choose_tag(copies))
    return failure(
        PAXECT_ERROR_NO_PROTECTION,
        "cannot be repaired: it was encoded without --protect, or nothing is left of its protection");
  Status status = find_windows(copies);
  if (!status.ok()) return status;
  std::uint64_t total = 0;
  for (std::uint64_t size : sizes) total += size;
  status = lay_out_all(kMaxGrowth * total + kMaxAdded);
  if (status.ok()) find_displacements(copies);
  return status;
}

}  // namespace paxect::core

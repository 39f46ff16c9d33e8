#include "protect/protection_map.h"

#include <algorithm>
#include <limits>
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
// one enclose the others, so they cover more bytes.
struct Votes {
  std::uint64_t covered = 0;  // of all copies
  std::uint64_t all = 0;
  std::int64_t before = 0;  // minus the bytes that precede the container: of two, the first one
  auto operator<=>(const Votes&) const = default;
};

// Where a container is in one copy, as its records show it.
struct Extent {
  std::uint64_t begin = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t end = 0;
  std::uint64_t records = 0;

  void add(std::uint64_t offset, std::uint64_t at) {
    begin = std::min(begin, at - std::min(at, offset));
    end = std::max(end, at);
    records += 1;
  }
};

}  // namespace

bool ProtectionMap::choose_tag(std::span<const Records> copies) {
  std::map<ProtectionTag, Votes> votes;
  for (const Records& records : copies) {
    std::map<ProtectionTag, Extent> extents;
    for (const FoundList& found : records.lists) extents[found.header.tag].add(found.header.offset, found.at);
    for (const FoundTrailer& found : records.trailers)
      extents[found.trailer.tag].add(found.trailer.offset, found.at);
    for (const auto& [tag, extent] : extents) {
      votes[tag].covered += extent.end - extent.begin;
      votes[tag].all += extent.records;
      votes[tag].before -= static_cast<std::int64_t>(extent.begin);
    }
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

// A record that claims another place says nothing about where the bytes around it belong.
bool ProtectionMap::is_in_layout(const ListHeader& header) const {
  if (header.tag != tag_ || header.window.number >= windows_.size()) return false;
  const Window& window = windows_[header.window.number];
  const WindowShape& shape = window.shape;
  if (header.window != window || header.copy >= shape.list_copies()) return false;
  const ExtensionLayout& next = extensions_[window.number + 1];
  const std::uint64_t list = header.copy == 0   ? extensions_[window.number].own_list
                             : header.copy == 1 ? next.list
                                                : next.lists + (header.copy - 2) * shape.list_size();
  return header.offset == list + header.first / kPieceEntries * shape.piece_size(0);
}

bool ProtectionMap::is_in_layout(const Trailer& trailer) const {
  auto in = [&](const ExtensionLayout& extension) {
    return extension.first_trailer == trailer.offset || extension.second_trailer == trailer.offset;
  };
  return trailer.tag == tag_ && (in(extensions_[windows_.size() - 1]) || in(extensions_[windows_.size()]));
}

std::optional<std::int64_t> ProtectionMap::first_shift(std::size_t copy) const {
  const std::vector<Displacement>& all = displacements_[copy];
  return all.empty() ? std::optional<std::int64_t>() : all.front().shift;
}

std::optional<std::int64_t> ProtectionMap::last_shift(std::size_t copy) const {
  const std::vector<Displacement>& all = displacements_[copy];
  return all.empty() ? std::optional<std::int64_t>() : all.back().shift;
}

void ProtectionMap::find_displacements(std::span<const Records> copies) {
  for (const Records& records : copies) {
    std::vector<Displacement> found;
    auto add = [&](std::uint64_t offset, std::uint64_t at) {
      found.push_back({offset, static_cast<std::int64_t>(at) - static_cast<std::int64_t>(offset)});
    };
    for (const FoundList& list : records.lists)
      if (is_in_layout(list.header)) add(list.header.offset, list.at);
    for (const FoundTrailer& trailer : records.trailers)
      if (is_in_layout(trailer.trailer)) add(trailer.trailer.offset, trailer.at);
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

#include "protect/protection_map.h"

#include <algorithm>
#include <limits>
#include <string>
#include <tuple>
#include <utility>

namespace paxect::core {
namespace {

// What is lost from a container can be at most half of it, or there is not enough left for a repair.
constexpr std::uint64_t kMaxGrowth = 2;
constexpr std::uint64_t kMaxAdded = std::uint64_t{1} << 20;
constexpr std::uint32_t kMaxNumber = std::numeric_limits<std::uint32_t>::max();

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

// Where a container is in one copy, as its records show it: from where the first of them says that it begins
// to the last one.
struct Extent {
  std::uint64_t first = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t records = 0;

  void add(std::uint64_t offset, std::uint64_t at) {
    if (at < first) {
      first = at;
      begin = at - std::min(at, offset);
    }
    end = std::max(end, at);
    records += 1;
  }
};

// Whether the offset of a record is one that a list of its own window can have. Copy 0 of it is directly
// behind the window; the others are behind the next one.
bool can_be_at_its_offset(const ListHeader& header) {
  const WindowShape& shape = header.window.shape;
  if ((header.window.number == 0) != (header.window.offset == 0)) return false;
  const std::uint64_t first = lay_out(header.window.end(), &header.window, nullptr).own_list;
  const std::uint64_t piece = header.first / kPieceEntries * shape.piece_size(0);
  if (header.copy == 0) return header.offset == first + piece;
  std::uint64_t before = piece + shape.list_size();  // copy 0
  if (header.copy > 1) before += (header.copy - 1) * shape.list_size() + shape.parity_size();
  return header.offset >= first + before && header.offset % shape.cell() == 0;
}

}  // namespace

// Of the records of all copies, which are sorted by tag, those of one tag after the other.
bool ProtectionMap::choose_tag(std::span<const Records> copies, WorkMeter& meter) {
  struct Next {
    std::size_t list = 0;
    std::size_t trailer = 0;
  };
  std::vector<Next> next(copies.size());
  auto list_tag = [&](std::size_t i) {
    return next[i].list < copies[i].lists.size() ? &copies[i].lists[next[i].list].header.tag : nullptr;
  };
  auto trailer_tag = [&](std::size_t i) {
    return next[i].trailer < copies[i].trailers.size() ? &copies[i].trailers[next[i].trailer].trailer.tag
                                                       : nullptr;
  };
  std::optional<Votes> best;
  for (;;) {
    const ProtectionTag* first = nullptr;
    for (std::size_t i = 0; i < copies.size(); ++i)
      for (const ProtectionTag* tag : {list_tag(i), trailer_tag(i)})
        if (tag != nullptr && (first == nullptr || *tag < *first)) first = tag;
    if (first == nullptr || !meter.charge(WorkMeter::kRecord * copies.size())) return best.has_value();
    const ProtectionTag tag = *first;
    Votes votes;
    for (std::size_t i = 0; i < copies.size(); ++i) {
      Extent extent;
      for (; list_tag(i) != nullptr && *list_tag(i) == tag; ++next[i].list) {
        if (!meter.pass()) return false;
        const FoundList& found = copies[i].lists[next[i].list];
        extent.add(found.header.offset, found.at);
      }
      for (; trailer_tag(i) != nullptr && *trailer_tag(i) == tag; ++next[i].trailer) {
        if (!meter.pass()) return false;
        const FoundTrailer& found = copies[i].trailers[next[i].trailer];
        extent.add(found.trailer.offset, found.at);
      }
      if (extent.records == 0) continue;
      votes.covered += extent.end - extent.begin;
      votes.all += extent.records;
      votes.before -= static_cast<std::int64_t>(extent.begin);
    }
    if (!best || *best < votes) {
      best = votes;
      tag_ = tag;
    }
  }
}

// What most records say about window `number`, those that contradict themselves only where there are no
// others; nothing when there are none.
std::optional<Window> ProtectionMap::choose_window(std::span<const Records> copies, std::uint32_t number,
                                                   WorkMeter& meter) const {
  std::vector<const ListHeader*> all;
  if (!meter.charge(WorkMeter::kStep * copies.size())) return {};
  for (const Records& records : copies)
    for (const FoundList& found : records.of_window(tag_, number)) {
      if (!meter.pass()) return {};
      all.push_back(&found.header);
    }
  auto earlier = [](const ListHeader* a, const ListHeader* b) {
    auto key = [](const Window& w) {
      return std::tie(w.offset, w.shape.length, w.shape.words, w.shape.cell_bits, w.shape.parity,
                      w.shape.percent, w.last);
    };
    return key(a->window) < key(b->window);
  };
  if (!sort_in_place(std::span(all), earlier, meter)) return {};
  std::optional<Window> best;
  std::pair<std::ptrdiff_t, std::ptrdiff_t> votes;  // of those that do not contradict themselves; of all
  for (auto it = all.begin(); it != all.end();) {
    const auto end =
        std::find_if(it, all.end(), [&](const ListHeader* other) { return other->window != (*it)->window; });
    const auto sound =
        std::count_if(it, end, [](const ListHeader* each) { return can_be_at_its_offset(*each); });
    if (!meter.charge(2 * WorkMeter::kRecord * static_cast<std::uint64_t>(end - it))) return {};
    if (std::pair(sound, end - it) > votes) {
      best = (*it)->window;
      votes = {sound, end - it};
    }
    it = end;
  }
  return best;
}

// The numbers of the windows have to be without a gap: where the window behind one begins is known from that
// one alone.
Status ProtectionMap::find_windows(std::span<const Records> copies, WorkMeter& meter) {
  while (const std::optional<Window> window =
             choose_window(copies, static_cast<std::uint32_t>(windows_.size()), meter))
    windows_.push_back(*window);
  // One trailer that agrees is enough: others may be of another version of the data.
  for (const Records& records : copies)
    for (const FoundTrailer& found : records.trailers_of_tag(tag_)) {
      if (!meter.pass()) return meter.status();
      const bool agrees = found.trailer.windows == windows_.size();
      if (!trailer_ || (agrees && trailer_->windows != windows_.size())) trailer_ = found.trailer;
    }
  const bool is_all =
      !windows_.empty() && (trailer_ ? windows_.size() == trailer_->windows : windows_.back().last);
  if (!meter.status().ok()) return meter.status();
  return is_all ? Status{} : lost_lists(copies, meter);
}

// How many windows have lost all of their lists, as far as the others show it, and where the first of these
// is.
Status ProtectionMap::lost_lists(std::span<const Records> copies, WorkMeter& meter) const {
  const auto first = static_cast<std::uint32_t>(windows_.size());
  const std::uint64_t begin = windows_.empty() ? 0 : windows_.back().end();
  std::uint64_t count = 0;
  std::uint64_t expected = first;
  std::string end;
  for (std::optional<std::uint32_t> number = next_number(copies, first, meter); number;
       number = *number == kMaxNumber ? std::nullopt : next_number(copies, *number + 1, meter)) {
    if (end.empty())
      if (const std::optional<Window> window = choose_window(copies, *number, meter)) {
        if (window->offset <= begin)
          return {PAXECT_ERROR_DAMAGED, window->offset, 0,
                  "cannot be repaired: its records of protection contradict each other: window " +
                      std::to_string(*number) + " begins at byte " + std::to_string(window->offset) +
                      ", and window " + std::to_string(first) + ", which precedes it, at byte " +
                      std::to_string(begin) + " at the earliest"};
        end = " and byte " + std::to_string(window->offset);
      }
    count += *number - expected;
    expected = std::uint64_t{*number} + 1;
  }
  if (!meter.status().ok()) return meter.status();
  if (trailer_ && trailer_->windows > expected) count += trailer_->windows - expected;
  if (end.empty()) end = " and the end";
  return {PAXECT_ERROR_DAMAGED, begin, 0,
          "cannot be repaired: all lists of " +
              (count > 1 ? std::to_string(count) + " windows are lost, the first of them " : "") + "window " +
              std::to_string(first) + ", between byte " + std::to_string(begin) + end +
              (count > 1 ? "" : ", are lost")};
}

Status ProtectionMap::lay_out_all(std::uint64_t max_size, WorkMeter& meter) {
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i <= windows_.size(); ++i) {
    if (!meter.charge(WorkMeter::kStep)) return meter.status();
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
    if (extensions_.back().size() - kFrameHeaderSize > std::numeric_limits<std::uint32_t>::max())
      return {PAXECT_ERROR_DAMAGED, extensions_.back().offset, 0,
              "cannot be repaired: the records describe an extension frame of " +
                  std::to_string(extensions_.back().size()) + " bytes, which no container has"};
    if (offset > max_size)
      return {PAXECT_ERROR_DAMAGED, offset, 0,
              "cannot be repaired: more than half of the container is missing"};
  }
  return {};
}

// A record that claims another place says nothing about where the bytes around it belong.
bool ProtectionMap::is_in_layout(const ListHeader& header) const {
  if (header.tag != tag_) return false;
  auto plan = std::lower_bound(
      plans_.begin(), plans_.end(), header.window.number,
      [](const WindowPlan& each, std::uint32_t number) { return each.window.number < number; });
  if (plan == plans_.end() || header.window != plan->window) return false;
  const WindowShape& shape = plan->window.shape;
  if (header.copy >= shape.list_copies()) return false;
  const std::uint64_t list = header.copy == 0   ? plan->own.own_list
                             : header.copy == 1 ? plan->next.list
                                                : plan->next.lists + (header.copy - 2) * shape.list_size();
  return header.offset == list + header.first / kPieceEntries * shape.piece_size(0);
}

bool ProtectionMap::is_in_layout(const Trailer& trailer) const {
  if (trailer.tag != tag_) return false;
  // The extension frames that hold it are not laid out where the lists of windows before them are lost.
  if (is_partial_)
    return trailer_ && trailer.container_size == trailer_->container_size &&
           trailer.offset >= windows_.back().end() && trailer.offset < trailer.container_size;
  return std::any_of(extensions_.end() - 2, extensions_.end(), [&](const ExtensionLayout& extension) {
    return extension.first_trailer == trailer.offset || extension.second_trailer == trailer.offset;
  });
}

// Lists with another percentage than the container's describe one of another size. Requires: size_.
Status ProtectionMap::choose_trailer(std::span<const Records> copies, WorkMeter& meter) {
  for (const Records& records : copies)
    for (const FoundTrailer& found : records.trailers_of_tag(tag_)) {
      if (!meter.pass()) return meter.status();
      const Trailer& trailer = found.trailer;
      const bool agrees = trailer.windows == windows_.size() && trailer.container_size == size_ &&
                          trailer.percent == percent();
      if (!agrees) continue;
      trailer_ = trailer;
      return {};
    }
  if (!trailer_) return {};
  if (trailer_->container_size == size_)
    return {PAXECT_ERROR_DAMAGED, 0, 0,
            "cannot be repaired: the lists are of a container with " + std::to_string(percent()) +
                " % protection, and the trailers of one with " + std::to_string(trailer_->percent) + " %"};
  return {PAXECT_ERROR_DAMAGED, 0, 0,
          "cannot be repaired: the lists are of a container of " + std::to_string(size_) +
              " bytes, and the trailers of one of " + std::to_string(trailer_->container_size)};
}

Status ProtectionMap::build(std::span<const Records> copies, std::span<const std::uint64_t> sizes,
                            WorkMeter& meter) {
  *this = {};
  const bool has_tag = choose_tag(copies, meter);
  if (!meter.status().ok()) return meter.status();
  if (!has_tag)
    return failure(
        PAXECT_ERROR_NO_PROTECTION,
        "cannot be repaired: it was encoded without --protect, or nothing is left of its protection");
  Status status = find_windows(copies, meter);
  if (!status.ok()) return status;
  std::uint64_t total = 0;
  for (std::uint64_t size : sizes) total += size;
  status = lay_out_all(kMaxGrowth * total + kMaxAdded, meter);
  if (!status.ok()) return status;
  plans_.reserve(windows_.size());
  for (std::size_t i = 0; i < windows_.size(); ++i)
    plans_.push_back({windows_[i], extensions_[i], extensions_[i + 1]});
  size_ = extensions_.back().end + kFooterSize;
  status = choose_trailer(copies, meter);
  if (status.ok()) find_displacements(copies, sizes, meter);
  return status.ok() ? meter.status() : status;
}

// The number of the first window from `from` on of which there is a record.
std::optional<std::uint32_t> ProtectionMap::next_number(std::span<const Records> copies, std::uint32_t from,
                                                        WorkMeter& meter) const {
  std::optional<std::uint32_t> next;
  if (!meter.charge(WorkMeter::kStep * copies.size())) return {};
  for (const Records& records : copies) {
    const std::span<const FoundList> all = records.of_tag(tag_);
    const auto found = std::lower_bound(
        all.begin(), all.end(), from,
        [](const FoundList& list, std::uint32_t number) { return list.header.window.number < number; });
    if (found != all.end() && (!next || found->header.window.number < *next))
      next = found->header.window.number;
  }
  return next;
}

namespace {

// Where the window behind `last` can begin at the earliest: each window has an extension frame behind it, and
// what protects it is there and in the next one. `before`: of `last`, if the numbers follow each other.
std::uint64_t earliest_end(const Window& last, const Window* before, bool is_next) {
  const std::uint64_t end = lay_out(last.end(), &last, before).end;
  const WindowShape& shape = last.shape;
  return is_next ? end : end + (shape.list_copies() - 1) * shape.list_size() + shape.parity_size();
}

}  // namespace

// Of each number, what most records say, as far as it agrees with those before it. So each window takes as
// much of the container as what protects it, and the number of windows is in proportion to the copies.
std::vector<Window> ProtectionMap::choose_windows(std::span<const Records> copies, std::uint64_t max_size,
                                                  WorkMeter& meter) const {
  std::vector<Window> chosen;
  std::uint64_t parity_size = 0;
  std::optional<std::uint32_t> number = next_number(copies, 0, meter);
  for (; number; number = *number == kMaxNumber ? std::nullopt : next_number(copies, *number + 1, meter)) {
    const std::optional<Window> most = choose_window(copies, *number, meter);
    if (!most) break;
    const Window& window = *most;
    bool first = chosen.empty();
    std::uint64_t earliest = 0;
    if (!first) {
      const Window& last = chosen.back();
      const bool follows = chosen.size() > 1 && chosen[chosen.size() - 2].number + 1 == last.number;
      earliest =
          earliest_end(last, follows ? &chosen[chosen.size() - 2] : nullptr, last.number + 1 == *number);
    }
    bool fits = window.offset >= earliest && (*number == 0) == (window.offset == 0) &&
                window.offset <= max_size && window.shape.length <= max_size - window.offset &&
                window.shape.parity_size() <= max_size - parity_size;
    if (!first)
      fits = fits && !chosen.back().last && window.shape.cell_bits == chosen.front().shape.cell_bits &&
             window.shape.percent == chosen.front().shape.percent;
    if (!fits) continue;
    chosen.push_back(window);
    parity_size += window.shape.parity_size();
  }
  return chosen;
}

// Where a list behind the next window is, parity is beside it. False when none is left.
bool ProtectionMap::find_parity(std::span<const Records> copies, std::uint64_t max_size, WindowPlan& plan,
                                WorkMeter& meter) const {
  const WindowShape& shape = plan.window.shape;
  for (const Records& records : copies)
    for (const FoundList& found : records.of_window(tag_, plan.window.number)) {
      if (!meter.pass()) return false;
      const ListHeader& header = found.header;
      if (header.window != plan.window || header.copy == 0) continue;
      std::uint64_t before = header.first / kPieceEntries * shape.piece_size(0);
      if (header.copy > 1) before += (header.copy - 2) * shape.list_size() + shape.parity_size();
      if (header.copy > 1) before += shape.list_size();
      if (header.offset > max_size || header.offset < plan.window.end() + before) continue;
      ExtensionLayout& next = plan.next;
      next.offset = next.own_list = next.list = header.offset - before;
      next.parity = next.list + shape.list_size();
      next.lists = next.parity + shape.parity_size();
      next.end = next.lists + (shape.list_copies() - 2) * shape.list_size();
      return true;
    }
  return false;
}

bool ProtectionMap::build_partial(std::span<const Records> copies, std::span<const std::uint64_t> sizes,
                                  WorkMeter& meter) {
  *this = {};
  is_partial_ = true;
  if (!choose_tag(copies, meter)) return false;
  std::uint64_t total = 0;
  for (std::uint64_t size : sizes) total += size;
  const std::uint64_t max_size = kMaxGrowth * total + kMaxAdded;
  max_size_ = max_size;
  for (const Records& records : copies)
    for (const FoundTrailer& found : records.trailers_of_tag(tag_))
      if (meter.pass() && found.trailer.container_size <= max_size && !trailer_) trailer_ = found.trailer;
  windows_ = choose_windows(copies, max_size, meter);
  plans_.reserve(windows_.size());
  extensions_.reserve(windows_.size() + 1);
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    if (!meter.charge(WorkMeter::kStep)) return false;
    const Window& window = windows_[i];
    auto follows = [&](std::size_t later) {
      return later < windows_.size() && windows_[later].number == windows_[later - 1].number + 1;
    };
    const Window* earlier = i != 0 && follows(i) ? &windows_[i - 1] : nullptr;
    bool certain = earlier != nullptr || window.number == 0;  // else the frame also has what nobody knows
    WindowPlan plan{window, lay_out(window.end(), &window, earlier), {}};
    if (certain) extensions_.push_back(plan.own);
    bool known = true;
    if (follows(i + 1)) {
      plan.next = lay_out(windows_[i + 1].end(), &windows_[i + 1], &window);
    } else if (window.last && certain) {
      plan.next = lay_out(plan.own.end, nullptr, &window);
      extensions_.push_back(plan.next);
      size_ = plan.next.end + kFooterSize;
    } else {
      known = find_parity(copies, max_size, plan, meter);
    }
    if (known) plans_.push_back(plan);
  }
  if (trailer_) size_ = std::max(size_, trailer_->container_size);
  if (size_ > max_size || plans_.empty()) return false;
  find_displacements(copies, sizes, meter);
  return meter.status().ok();
}

}  // namespace paxect::core

#include "salvage/layout.h"

#include <algorithm>
#include <array>
#include <utility>

#include "salvage/zstd_extent.h"

namespace paxect::core {
namespace {

constexpr std::uint64_t kMinExtension = kFrameHeaderSize + kExtensionPrefixSize;

// The size that most frames have, and how many do (Boyer and Moore's vote, then a count). All frames of a
// container but the last have the same size, so a majority there is, unless hardly anything was found.
struct Usual {
  std::uint32_t size = 0;
  std::uint64_t count = 0;
  std::uint32_t largest = 0;
  std::uint64_t seen = 0;
};

using Sightings = std::vector<const Sighting*>;

Usual usual_size(const Sightings& sightings, WorkMeter& meter) {
  Usual usual;
  std::uint64_t lead = 0;
  for (const Sighting* sighting : sightings) {
    ++usual.seen;
    usual.largest = std::max(usual.largest, sighting->ulen);
    if (lead == 0) usual.size = sighting->ulen;
    lead = sighting->ulen == usual.size ? lead + 1 : lead - 1;
    if (!meter.pass()) return usual;
  }
  for (const Sighting* sighting : sightings)
    if (meter.pass() && sighting->ulen == usual.size) ++usual.count;
  return usual;
}

template <class Predicate>
Sightings select(const std::vector<Sighting>& all, WorkMeter& meter, Predicate counts) {
  Sightings selected;
  for (const Sighting& sighting : all)
    if (meter.pass() && sighting.finding != Finding::kExtension && !sighting.foreign && counts(sighting))
      selected.push_back(&sighting);
  return selected;
}

// Confirmed frames that the beginning or the end of the container leads to without a break, without the very
// last one, which may be shorter.
Sightings anchored_frames(const CopyIndex& copy, WorkMeter& meter) {
  const auto& all = copy.sightings;
  Sightings found;
  auto add = [&](const Sighting& sighting) {
    if (sighting.finding == Finding::kConfirmed) found.push_back(&sighting);
  };
  std::uint64_t begin = copy.header_found ? copy.header_offset + kHeaderSize : kHeaderSize;
  std::size_t front = 0;
  while (front < all.size() && all[front].foreign && meter.pass()) ++front;
  if (front < all.size() && all[front].start > begin) front = all.size();
  std::size_t i = front;
  for (; i < all.size() && (i == front || (all[i].joined && all[i - 1].end_known)) && meter.pass(); ++i)
    add(all[i]);
  if (i >= all.size() && !found.empty()) {
    if (found.size() > 1) found.pop_back();
    return found;
  }
  std::size_t last = all.size();
  while (last != 0 && all[last - 1].foreign && meter.pass()) --last;
  if (last == 0 || copy.footer() == nullptr || all[last - 1].end() != copy.footer()->offset) return found;
  while (last > 1 && all[last - 1].joined && all[last - 2].end_known && meter.pass()) add(all[--last - 1]);
  return found;
}

// Whether the first frame stands right behind the header, so that they are of one container.
bool header_adjacent(const CopyIndex& copy, WorkMeter& meter) {
  auto first = std::find_if(copy.sightings.begin(), copy.sightings.end(),
                            [&](const Sighting& sighting) { return !meter.pass() || !sighting.foreign; });
  return first != copy.sightings.end() && first->start == copy.header_offset + kHeaderSize;
}

// The frame size that the footer asks for, when the last frame stands right before it; 0 when none does.
std::uint32_t size_by_footer(const CopyIndex& copy) {
  const FooterSighting* sighting = copy.footer();
  if (sighting == nullptr || !sighting->likely) return 0;
  const Footer& footer = sighting->footer;
  if (footer.total_frames == 1)
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(footer.total_size, UINT32_MAX));
  if (copy.sightings.empty() || copy.sightings.back().end() != sighting->offset) return 0;
  const Sighting& last = copy.sightings.back();
  if (footer.total_frames < 2 || last.finding == Finding::kExtension || footer.total_size <= last.ulen)
    return 0;
  std::uint64_t others = footer.total_size - last.ulen;
  std::uint64_t size = others / (footer.total_frames - 1);
  bool whole = others % (footer.total_frames - 1) == 0 && size >= last.ulen && size <= UINT32_MAX;
  return whole ? static_cast<std::uint32_t>(size) : 0;
}

// Frames outweigh the header that they follow, since most of them would have to be damaged. A header that a
// frame or the footer bears out outweighs frames that are found elsewhere: they may be of a container inside.
std::uint32_t derive_frame_size(const CopyIndex& copy, WorkMeter& meter) {
  auto confirmed =
      select(copy.sightings, meter, [](const Sighting& s) { return s.finding == Finding::kConfirmed; });
  Usual usual = usual_size(anchored_frames(copy, meter), meter);
  auto alike_count = std::count_if(confirmed.begin(), confirmed.end(), [&](const Sighting* s) {
    return meter.pass() && s->ulen == usual.largest;
  });
  if (usual.count == 1 && alike_count > 1)
    usual.count = static_cast<std::uint64_t>(alike_count);
  else if (usual.count < 2)
    usual = usual_size(confirmed, meter);
  if (usual.seen == 0)
    usual = usual_size(select(copy.sightings, meter, [](const Sighting&) { return true; }), meter);
  std::uint32_t said = copy.header_found ? copy.header.frame_size : 0;
  const FooterSighting* footer = copy.footer();
  auto agrees = [&](std::uint32_t size) {
    return footer != nullptr && footer->likely && counts_agree(footer->footer, size, copy.size);
  };
  if (usual.seen == 0) return said != 0 ? said : size_by_footer(copy);
  std::uint32_t by_frames = usual.count > 1                            ? usual.size
                            : usual.seen == 1 && said >= usual.largest ? said
                                                                       : usual.largest;
  if (said != 0 && said != by_frames) {
    auto alike = select(copy.sightings, meter, [&](const Sighting& s) {
      return s.finding == Finding::kConfirmed && s.ulen == said;
    });
    bool borne_out = !alike.empty() || (!header_adjacent(copy, meter) && agrees(said) && !agrees(by_frames));
    if (borne_out) return said;
  }
  // More frames of this size than the footer counts are of a container inside.
  bool too_many = footer != nullptr && footer->likely && usual.count > footer->footer.total_frames;
  // A single frame may be the shorter one at the end.
  bool alone = usual.count < 2 && said == 0 && footer != nullptr && footer->footer.total_frames > 1;
  std::uint32_t by_footer = too_many || alone ? size_by_footer(copy) : 0;
  return by_footer != 0 && agrees(by_footer) ? by_footer : by_frames;
}

// The number of channels by where their round begins again.
class Rounds {
 public:
  // Channel 0 follows another one.
  std::array<std::uint64_t, kMaxChannels + 1> votes{};
  // And so does the next frame: without a break, and all three may be trusted.
  std::array<std::uint64_t, kMaxChannels + 1> strong{};
  std::uint32_t highest = 0;  // channel of a confirmed frame

  Rounds(const CopyIndex& copy, WorkMeter& meter) {
    for (const Sighting& sighting : copy.sightings) {
      if (!meter.pass()) return;
      joined_ = joined_ && sighting.joined;
      if (sighting.finding == Finding::kExtension || sighting.foreign) continue;
      add(sighting);
      joined_ = true;
    }
  }

 private:
  void add(const Sighting& sighting) {
    bool sound = sighting.sound && sighting.channel < kMaxChannels;
    if (!sound || !joined_ || (one_ != nullptr && one_->finding != Finding::kConfirmed)) two_ = nullptr;
    if (!sound || !joined_) one_ = nullptr;
    if (!sound) return;
    bool confirmed = sighting.finding == Finding::kConfirmed;
    if (confirmed) highest = std::max<std::uint32_t>(highest, sighting.channel);
    if (one_ != nullptr && sighting.channel == 0) ++votes[one_->channel + 1u];
    if (two_ != nullptr && one_->channel == 0 && sighting.channel == 1 % (two_->channel + 1u))
      ++strong[two_->channel + 1u];
    two_ = one_ != nullptr && one_->finding == Finding::kConfirmed ? one_ : nullptr;
    one_ = &sighting;
  }

  bool joined_ = true;
  const Sighting* one_ = nullptr;  // the frame before, and the one before that, if they are joined and sound
  const Sighting* two_ = nullptr;
};

void derive_channels(const CopyIndex& copy, Layout& layout, WorkMeter& meter) {
  Rounds rounds(copy, meter);
  auto best = [](const auto& votes) {
    return static_cast<std::uint32_t>(std::max_element(votes.begin(), votes.end()) - votes.begin());
  };
  // A round that ends below a channel that was seen is not a round: frames are missing there.
  auto discard = [&](auto& votes) { std::fill_n(votes.begin(), rounds.highest + 1, 0); };
  discard(rounds.strong);
  discard(rounds.votes);
  std::uint32_t said = copy.header_found ? copy.header.channels : 0;
  std::uint32_t round = best(rounds.strong);
  std::uint64_t seen = rounds.strong[round];
  auto voted =
      std::count_if(rounds.strong.begin(), rounds.strong.end(), [](auto count) { return count != 0; });
  std::uint32_t weak = best(rounds.votes);
  // One removal can make the frames look like one round that is too short, but not like two.
  if (said > rounds.highest && (seen < 2 || round == said)) {
    layout.channels = said;
    layout.channels_certain = rounds.strong[said] != 0 || (voted == 0 && (weak == 0 || weak == said));
    return;
  }
  layout.channels = round != 0 ? round : weak != 0 ? weak : rounds.highest + 1;
  layout.channels_certain = seen >= 2 && voted == 1 && said <= rounds.highest;
}

// A header alone, of whatever container, does not outweigh frames.
template <class Value, class Get>
Value most_borne_out(const std::vector<Layout>& layouts, Get get) {
  Value best{};
  std::pair<std::uint64_t, std::uint64_t> most;  // confirmed frames, copies
  for (const Layout& one : layouts) {
    std::pair<std::uint64_t, std::uint64_t> support;
    for (const Layout& other : layouts) {
      if (get(other) != get(one)) continue;
      support.first += other.confirmed;
      ++support.second;
    }
    if (support > most || (support == most && get(one) < best)) best = get(one);
    most = std::max(most, support);
  }
  return best;
}

}  // namespace

std::uint64_t max_data(std::uint64_t file_size) {
  constexpr std::uint64_t kMinBlock = kZstdBlockHeaderSize + 1;
  return file_size > UINT64_MAX / kZstdBlockMax ? UINT64_MAX : file_size * (kZstdBlockMax / kMinBlock);
}

bool counts_agree(const Footer& footer, std::uint32_t frame_size, std::uint64_t file_size) {
  if (frame_size == 0) return false;
  std::uint64_t frames = footer.total_size / frame_size + (footer.total_size % frame_size != 0);
  return footer.total_frames >= frames && footer.total_frames - frames <= file_size / kMinExtension;
}

FooterCheck::FooterCheck(const Layout& layout, const CopyIndex& copy, WorkMeter& meter)
    : layout_(layout), copy_(copy) {
  std::size_t data = kNoData;
  for (std::size_t i = 0; i < copy.sightings.size() && meter.pass(); ++i) {
    const Sighting& sighting = copy.sightings[i];
    bool extension = sighting.finding == Finding::kExtension;
    if (!extension) data = i;
    // Only a frame whose end is not known ends behind a later one.
    while (!ends_.empty() && ends_.back().offset >= sighting.end() && meter.pass()) ends_.pop_back();
    ends_.push_back({sighting.end(), data});
    if (sighting.foreign) continue;
    joined_ = joined_ && sighting.end_known && (sighting.joined || i == 0);
    ++frames_;
    data_ += sighting.ulen;
    extensions_ += extension ? 1 : 0;
  }
}

// The footer with its total size set right by its number of frames, when the last frame, which is right
// before it, has another length than the total size says.
Footer FooterCheck::corrected(const FooterSighting& sighting) const {
  Footer footer = sighting.footer;
  auto end = std::lower_bound(ends_.begin(), ends_.end(), sighting.offset,
                              [](const End& one, std::uint64_t offset) { return one.offset < offset; });
  if (end == ends_.end() || end->offset != sighting.offset || end->data == kNoData) return footer;
  const Sighting& last = copy_.sightings[end->data];
  if (last.finding != Finding::kConfirmed && !last.sound) return footer;
  // No frame is missing: then the total size is that of the frames.
  if (joined_ && frames_ == footer.total_frames) {
    footer.total_size = data_;
    return footer;
  }
  Layout with = layout_;
  with.footer = footer;
  if (with.frames() != 0 && with.length(with.frames() - 1) == last.ulen) return footer;
  if (footer.total_frames <= extensions_) return footer;
  // The counts agree with each other, and the frame is as long as all but the last: that one is missing.
  if (last.ulen == layout_.frame_size && with.frames() + extensions_ == footer.total_frames) return footer;
  if (footer.total_frames != extensions_ + 1 && !layout_.frame_size_certain) return footer;
  footer.total_size = (footer.total_frames - extensions_ - 1) * layout_.frame_size + last.ulen;
  return footer;
}

bool FooterCheck::plausible(const Footer& footer) const {
  if (layout_.frame_size == 0) return footer.total_size == 0 && footer.digest == kEmptyDigest;
  if (footer.total_size == 0)
    return copy_.sightings.size() == extensions_ && footer.total_frames <= copy_.size / kMinExtension &&
           footer.digest == kEmptyDigest;
  if (footer.total_size > layout_.capacity) return false;  // more than the copies can have held
  if (footer.total_frames > copy_.size / kFrameHeaderSize) return false;
  return counts_agree(footer, layout_.frame_size, copy_.size);
}

bool FooterCheck::fits(const FooterSighting& sighting, Footer& footer) const {
  footer = corrected(sighting);
  return plausible(footer);
}

Layout derive_layout(const CopyIndex& copy, std::uint64_t capacity, WorkMeter& meter) {
  Layout layout;
  layout.capacity = capacity;
  layout.frame_size = derive_frame_size(copy, meter);
  auto has_size = [&](const Sighting& sighting) {
    return meter.pass() && !sighting.foreign && sighting.finding == Finding::kConfirmed &&
           sighting.ulen == layout.frame_size;
  };
  layout.confirmed =
      static_cast<std::uint64_t>(std::count_if(copy.sightings.begin(), copy.sightings.end(), has_size));
  layout.frame_size_certain =
      (copy.header_found && copy.header.frame_size == layout.frame_size) || layout.confirmed > 1;
  derive_channels(copy, layout, meter);
  layout.header_agrees = copy.header_found && copy.header.frame_size == layout.frame_size &&
                         copy.header.channels == layout.channels;
  if (copy.footer() == nullptr) return layout;
  Footer footer;
  if (FooterCheck(layout, copy, meter).fits(*copy.footer(), footer)) {
    layout.footer_known = true;
    layout.footer = footer;
  }
  return layout;
}

Layout agree(const std::vector<Layout>& layouts) {
  Layout all;
  for (const Layout& layout : layouts) all.capacity = std::max(all.capacity, layout.capacity);
  std::vector<Layout> with_frames;
  std::copy_if(layouts.begin(), layouts.end(), std::back_inserter(with_frames),
               [](const Layout& layout) { return layout.frame_size != 0; });
  all.frame_size = most_borne_out<std::uint32_t>(with_frames, [](const Layout& l) { return l.frame_size; });
  std::erase_if(with_frames, [&](const Layout& layout) { return layout.frame_size != all.frame_size; });
  std::vector<Layout> with_channels;
  std::copy_if(with_frames.begin(), with_frames.end(), std::back_inserter(with_channels),
               [](const Layout& layout) { return layout.channels_certain; });
  all.channels_certain = !with_channels.empty() &&
                         std::all_of(with_channels.begin(), with_channels.end(), [&](const Layout& layout) {
                           return layout.channels == with_channels.front().channels;
                         });
  if (with_channels.empty()) with_channels = with_frames;
  all.channels =
      std::max(1u, most_borne_out<std::uint32_t>(with_channels, [](const Layout& l) { return l.channels; }));
  all.header_agrees = std::any_of(layouts.begin(), layouts.end(), [&](const Layout& layout) {
    return layout.header_agrees && layout.frame_size == all.frame_size && layout.channels == all.channels;
  });
  std::vector<Layout> with_footer;
  std::copy_if(layouts.begin(), layouts.end(), std::back_inserter(with_footer),
               [](const Layout& layout) { return layout.footer_known; });
  if (with_footer.empty()) return all;
  all.footer_known = true;
  all.footer.total_size =
      most_borne_out<std::uint64_t>(with_footer, [](const Layout& l) { return l.footer.total_size; });
  std::erase_if(with_footer,
                [&](const Layout& layout) { return layout.footer.total_size != all.footer.total_size; });
  all.footer.total_frames =
      most_borne_out<std::uint32_t>(with_footer, [](const Layout& l) { return l.footer.total_frames; });
  all.footer.digest = most_borne_out<Digest>(with_footer, [](const Layout& l) { return l.footer.digest; });
  return all;
}

}  // namespace paxect::core

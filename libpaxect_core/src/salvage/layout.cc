#include "salvage/layout.h"

#include <algorithm>
#include <array>

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

Usual usual_size(const Sightings& sightings) {
  Usual usual;
  std::uint64_t lead = 0;
  for (const Sighting* sighting : sightings) {
    ++usual.seen;
    usual.largest = std::max(usual.largest, sighting->ulen);
    if (lead == 0) usual.size = sighting->ulen;
    lead = sighting->ulen == usual.size ? lead + 1 : lead - 1;
  }
  for (const Sighting* sighting : sightings)
    if (sighting->ulen == usual.size) ++usual.count;
  return usual;
}

template <class Predicate>
Sightings select(const std::vector<Sighting>& all, Predicate counts) {
  Sightings selected;
  for (const Sighting& sighting : all)
    if (sighting.finding != Finding::kExtension && !sighting.foreign && counts(sighting))
      selected.push_back(&sighting);
  return selected;
}

// Confirmed frames that the beginning or the end of the container leads to without a break, without the very
// last one, which may be shorter.
Sightings anchored_frames(const CopyIndex& copy) {
  const auto& all = copy.sightings;
  Sightings found;
  auto add = [&](const Sighting& sighting) {
    if (sighting.finding == Finding::kConfirmed) found.push_back(&sighting);
  };
  std::uint64_t begin = copy.header_found ? copy.header_offset + kHeaderSize : kHeaderSize;
  std::size_t front = 0;
  while (front < all.size() && all[front].foreign) ++front;
  if (front < all.size() && all[front].start > begin) front = all.size();
  std::size_t i = front;
  for (; i < all.size() && (i == front || (all[i].joined && all[i - 1].end_known)); ++i) add(all[i]);
  if (i >= all.size() && !found.empty()) {
    if (found.size() > 1) found.pop_back();
    return found;
  }
  std::size_t last = all.size();
  while (last != 0 && all[last - 1].foreign) --last;
  if (last == 0 || copy.footer() == nullptr || all[last - 1].end() != copy.footer()->offset) return found;
  while (last > 1 && all[last - 1].joined && all[last - 2].end_known) add(all[--last - 1]);
  return found;
}

// Whether the first frame stands right behind the header, so that they are of one container.
bool header_adjacent(const CopyIndex& copy) {
  auto first = std::find_if(copy.sightings.begin(), copy.sightings.end(),
                            [](const Sighting& sighting) { return !sighting.foreign; });
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
std::uint32_t derive_frame_size(const CopyIndex& copy) {
  auto confirmed = select(copy.sightings, [](const Sighting& s) { return s.finding == Finding::kConfirmed; });
  Usual usual = usual_size(anchored_frames(copy));
  auto alike_count = std::count_if(confirmed.begin(), confirmed.end(),
                                   [&](const Sighting* s) { return s->ulen == usual.largest; });
  if (usual.count == 1 && alike_count > 1)
    usual.count = static_cast<std::uint64_t>(alike_count);
  else if (usual.count < 2)
    usual = usual_size(confirmed);
  if (usual.seen == 0) usual = usual_size(select(copy.sightings, [](const Sighting&) { return true; }));
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
    auto alike = select(copy.sightings, [&](const Sighting& s) {
      return s.finding == Finding::kConfirmed && s.ulen == said;
    });
    bool borne_out = !alike.empty() || (!header_adjacent(copy) && agrees(said) && !agrees(by_frames));
    if (borne_out) return said;
  }
  // More frames of this size than the footer counts are of a container inside.
  bool too_many = footer != nullptr && footer->likely && usual.count > footer->footer.total_frames;
  std::uint32_t by_footer = too_many ? size_by_footer(copy) : 0;
  return by_footer != 0 && agrees(by_footer) ? by_footer : by_frames;
}

// By where the round of channels begins again.
std::uint32_t derive_channels(const CopyIndex& copy) {
  std::array<std::uint64_t, kMaxChannels + 1> votes{};
  const Sighting* before = nullptr;
  std::uint32_t highest = 0;
  bool joined = true;
  for (const Sighting& sighting : copy.sightings) {
    joined = joined && sighting.joined;
    if (sighting.finding == Finding::kExtension || sighting.foreign) continue;
    bool sound = sighting.sound && sighting.channel < kMaxChannels;
    if (sound && sighting.finding == Finding::kConfirmed)
      highest = std::max<std::uint32_t>(highest, sighting.channel);
    if (sound && joined && before != nullptr && sighting.channel == 0) ++votes[before->channel + 1u];
    before = sound ? &sighting : nullptr;
    joined = true;
  }
  auto most = std::max_element(votes.begin(), votes.end());
  if (*most != 0) return static_cast<std::uint32_t>(most - votes.begin());
  std::uint32_t said = copy.header_found ? copy.header.channels : 0;
  return std::max(said, highest + 1);
}

bool plausible(const Footer& footer, const Layout& layout, const CopyIndex& copy) {
  if (layout.frame_size == 0) return footer.total_size == 0 && footer.digest == kEmptyDigest;
  Layout with = layout;
  with.footer = footer;
  std::uint64_t extensions = copy.size / kMinExtension;
  if (footer.total_size == 0)
    return copy.sightings.empty() && footer.total_frames <= extensions && footer.digest == kEmptyDigest;
  if (footer.total_size > layout.capacity) return false;  // more than the copies can have held
  if (footer.total_frames > copy.size / kFrameHeaderSize) return false;
  return counts_agree(footer, layout.frame_size, copy.size);
}

// The footer with its total size set right by its number of frames, when the last frame, which is right
// before it, has another length than the total size says.
Footer corrected(const FooterSighting& sighting, const Layout& layout, const CopyIndex& copy) {
  Footer footer = sighting.footer;
  auto last = std::find_if(copy.sightings.rbegin(), copy.sightings.rend(),
                           [&](const Sighting& s) { return s.end() <= sighting.offset; });
  if (last == copy.sightings.rend() || last->end() != sighting.offset) return footer;
  last = std::find_if(last, copy.sightings.rend(),
                      [](const Sighting& s) { return s.finding != Finding::kExtension; });
  if (last == copy.sightings.rend() || !(last->finding == Finding::kConfirmed || last->sound)) return footer;
  // No frame is missing: then the total size is that of the frames.
  bool joined = std::all_of(copy.sightings.begin(), copy.sightings.end(), [&](const Sighting& s) {
    return s.foreign || (s.end_known && (s.joined || &s == &copy.sightings.front()));
  });
  std::uint64_t count = 0;
  std::uint64_t data = 0;
  for (const Sighting& s : copy.sightings) {
    count += s.foreign ? 0 : 1;
    data += s.foreign ? 0 : s.ulen;
  }
  if (joined && count == footer.total_frames) {
    footer.total_size = data;
    return footer;
  }
  auto extensions = static_cast<std::uint64_t>(
      std::count_if(copy.sightings.begin(), copy.sightings.end(),
                    [](const Sighting& s) { return s.finding == Finding::kExtension && !s.foreign; }));
  Layout with = layout;
  with.footer = footer;
  if (with.frames() != 0 && with.length(with.frames() - 1) == last->ulen) return footer;
  if (footer.total_frames <= extensions) return footer;
  footer.total_size = (footer.total_frames - extensions - 1) * layout.frame_size + last->ulen;
  return footer;
}

template <class Value, class Get>
Value most_common(const std::vector<Layout>& layouts, Get get) {
  Value best{};
  std::ptrdiff_t most = 0;
  for (const Layout& one : layouts) {
    auto count = std::count_if(layouts.begin(), layouts.end(),
                               [&](const Layout& other) { return get(other) == get(one); });
    if (count > most) best = get(one);
    most = std::max(most, count);
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

bool fits(const FooterSighting& sighting, const Layout& layout, const CopyIndex& copy, Footer& footer) {
  footer = corrected(sighting, layout, copy);
  return plausible(footer, layout, copy);
}

Layout derive_layout(const CopyIndex& copy, std::uint64_t capacity) {
  Layout layout;
  layout.capacity = capacity;
  layout.frame_size = derive_frame_size(copy);
  layout.channels = derive_channels(copy);
  layout.header_agrees = copy.header_found && copy.header.frame_size == layout.frame_size &&
                         copy.header.channels == layout.channels;
  if (Footer footer; copy.footer() != nullptr && fits(*copy.footer(), layout, copy, footer)) {
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
  all.frame_size = most_common<std::uint32_t>(with_frames, [](const Layout& l) { return l.frame_size; });
  all.channels =
      std::max(1u, most_common<std::uint32_t>(with_frames, [](const Layout& l) { return l.channels; }));
  all.header_agrees = std::any_of(layouts.begin(), layouts.end(), [&](const Layout& layout) {
    return layout.header_agrees && layout.frame_size == all.frame_size && layout.channels == all.channels;
  });
  std::vector<Layout> with_footer;
  std::copy_if(layouts.begin(), layouts.end(), std::back_inserter(with_footer),
               [](const Layout& layout) { return layout.footer_known; });
  if (with_footer.empty()) return all;
  all.footer_known = true;
  all.footer.total_size =
      most_common<std::uint64_t>(with_footer, [](const Layout& l) { return l.footer.total_size; });
  std::erase_if(with_footer,
                [&](const Layout& layout) { return layout.footer.total_size != all.footer.total_size; });
  all.footer.total_frames =
      most_common<std::uint32_t>(with_footer, [](const Layout& l) { return l.footer.total_frames; });
  all.footer.digest = most_common<Digest>(with_footer, [](const Layout& l) { return l.footer.digest; });
  return all;
}

}  // namespace paxect::core

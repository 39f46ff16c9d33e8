#include "salvage/layout.h"

#include <algorithm>
#include <array>

namespace paxect::core {
namespace {

// The size that most frames have, and how many do (Boyer and Moore's vote, then a count). All frames of a
// container but the last have the same size, so a majority there is, unless hardly anything was found.
struct Usual {
  std::uint32_t size = 0;
  std::uint64_t count = 0;
  std::uint32_t largest = 0;
  std::uint64_t seen = 0;
};

template <class Predicate>
Usual usual_size(const std::vector<Sighting>& sightings, Predicate counts) {
  Usual usual;
  std::uint64_t lead = 0;
  for (const Sighting& sighting : sightings) {
    if (!counts(sighting)) continue;
    ++usual.seen;
    usual.largest = std::max(usual.largest, sighting.ulen);
    if (lead == 0) usual.size = sighting.ulen;
    lead = sighting.ulen == usual.size ? lead + 1 : lead - 1;
  }
  for (const Sighting& sighting : sightings)
    if (counts(sighting) && sighting.ulen == usual.size) ++usual.count;
  return usual;
}

std::uint32_t derive_frame_size(const CopyIndex& copy) {
  Usual usual =
      usual_size(copy.sightings, [](const Sighting& s) { return s.finding == Finding::kConfirmed; });
  if (usual.seen == 0)
    usual = usual_size(copy.sightings, [](const Sighting& s) { return s.finding != Finding::kExtension; });
  std::uint32_t said = copy.header_found ? copy.header.frame_size : 0;
  if (usual.seen == 0) return said;
  if (usual.count > 1) return usual.size;
  return usual.seen == 1 && said >= usual.largest ? said : usual.largest;
}

// By where the round of channels begins again.
std::uint32_t derive_channels(const CopyIndex& copy) {
  std::array<std::uint64_t, kMaxChannels + 1> votes{};
  const Sighting* before = nullptr;
  std::uint32_t highest = 0;
  bool joined = true;
  for (const Sighting& sighting : copy.sightings) {
    joined = joined && sighting.joined;
    if (sighting.finding == Finding::kExtension) continue;
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
  constexpr std::uint64_t kLeastExtension = kFrameHeaderSize + kExtensionPrefixSize;
  if (layout.frame_size == 0) return footer.total_size == 0 && footer.digest == kEmptyDigest;
  Layout with = layout;
  with.footer = footer;
  std::uint64_t extensions = copy.size / kLeastExtension;
  if (footer.total_size == 0)
    return copy.sightings.empty() && footer.total_frames <= extensions && footer.digest == kEmptyDigest;
  if (footer.total_frames > copy.size / kFrameHeaderSize) return false;  // more than there is room for
  return footer.total_frames >= with.frames() && footer.total_frames - with.frames() <= extensions;
}

// The footer with its total size set right by its number of frames, when the last frame, which is right
// before it, has another length than the total size says.
Footer corrected(const FooterSighting& sighting, const Layout& layout, const CopyIndex& copy) {
  Footer footer = sighting.footer;
  if (copy.sightings.empty() || copy.sightings.back().end() != sighting.offset) return footer;
  auto last = std::find_if(copy.sightings.rbegin(), copy.sightings.rend(),
                           [](const Sighting& s) { return s.finding != Finding::kExtension; });
  if (last == copy.sightings.rend() || !(last->finding == Finding::kConfirmed || last->sound)) return footer;
  auto extensions = static_cast<std::uint64_t>(
      std::count_if(copy.sightings.begin(), copy.sightings.end(),
                    [](const Sighting& s) { return s.finding == Finding::kExtension; }));
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

Layout derive_layout(const CopyIndex& copy) {
  Layout layout;
  layout.frame_size = derive_frame_size(copy);
  layout.channels = derive_channels(copy);
  layout.header_agrees = copy.header_found && copy.header.frame_size == layout.frame_size &&
                         copy.header.channels == layout.channels;
  for (const FooterSighting& sighting : copy.footers) {
    Footer footer = corrected(sighting, layout, copy);
    if (!plausible(footer, layout, copy)) continue;
    layout.footer_known = true;
    layout.footer = footer;
  }
  return layout;
}

Layout agree(const std::vector<Layout>& layouts) {
  Layout all;
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

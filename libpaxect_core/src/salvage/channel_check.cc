#include "salvage/channel_check.h"

namespace paxect::core {
namespace {

// Whether the place of this frame is validated: its header is whole, and its place is said to be certain.
bool counts(const Sighting& sighting) { return sighting.takes_slot() && sighting.placed && sighting.sound; }

}  // namespace

ChannelCheck::ChannelCheck(const std::vector<const CopyIndex*>& copies, const Layout& layout,
                           WorkMeter& meter) {
  if (layout.channels_certain) {
    possible_[layout.channels] = true;
    return;
  }
  possible_.fill(true);
  possible_[0] = false;
  for (const CopyIndex* copy : copies)
    for (const Sighting& sighting : copy->sightings) {
      if (!meter.pass() || !counts(sighting)) continue;
      for (std::size_t channels = 1; channels < possible_.size(); ++channels)
        possible_[channels] = possible_[channels] && sighting.slot % channels == sighting.channel;
    }
}

bool ChannelCheck::suits(const Sighting& sighting) const {
  for (std::size_t channels = 1; channels < possible_.size(); ++channels)
    if (possible_[channels] && sighting.slot % channels == sighting.channel) return true;
  return false;
}

void ChannelCheck::apply(CopyIndex& copy, WorkMeter& meter) const {
  for (Sighting& sighting : copy.sightings)
    if (meter.pass() && counts(sighting) && !suits(sighting)) sighting.placed = false;
}

}  // namespace paxect::core

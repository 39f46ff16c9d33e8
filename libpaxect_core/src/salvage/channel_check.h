// Validates the places of frames against their channel fields: the channel of a frame is its number modulo
// the number of channels. A place that contradicts the channel field of its frame is never certain, however
// it was found. Values; no thread rules.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "salvage/layout.h"
#include "salvage/sighting.h"
#include "salvage/work_meter.h"

namespace paxect::core {

class ChannelCheck {
 public:
  // Where the number of channels is not certain, each one that suits all certain places is possible.
  ChannelCheck(const std::vector<const CopyIndex*>& copies, const Layout& layout, WorkMeter& meter);
  // Clears `placed` where the channel field suits the slot for no possible number of channels.
  void apply(CopyIndex& copy, WorkMeter& meter) const;

 private:
  bool suits(const Sighting& sighting) const;

  std::array<bool, kMaxChannels + 1> possible_{};  // numbers of channels
};

}  // namespace paxect::core

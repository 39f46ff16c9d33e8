// Who shares a subject: what an instance answers to a question on SUBJECT.peers.
#pragma once

#include <cstdint>

#include "host.h"
#include "messages.h"
#include "settings.h"
#include "state_directory.h"

namespace paxect::carrier {

struct Work {
  std::uint64_t waiting = 0;  // files that are not delivered yet
  std::uint64_t in_hand = 0;  // jobs that were given out to this instance and that it has not acknowledged
};

Peer own_peer(const Host& host, const Settings& settings, const StateDirectory& state, const Work& work);

}  // namespace paxect::carrier

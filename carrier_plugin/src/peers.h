// Who shares a subject: what an instance answers to a question on SUBJECT.peers.
#pragma once

#include "host.h"
#include "messages.h"
#include "settings.h"
#include "state_directory.h"

namespace paxect::carrier {

// `waiting`: files that are not delivered yet.
Peer own_peer(const Host& host, const Settings& settings, const StateDirectory& state, std::uint64_t waiting);

}  // namespace paxect::carrier

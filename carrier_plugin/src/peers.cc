#include "peers.h"

#include <unistd.h>

#include <array>

namespace paxect::carrier {

Peer own_peer(const Host& host, const Settings& settings, const StateDirectory& state, const Work& work) {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return {.id = state.token(),
          .mode = settings.mode == Mode::kSend ? "send" : "receive",
          .host = name.data(),
          .section = host.instance_name(),
          .version = PAXECT_CARRIER_VERSION,
          .waiting = work.waiting,
          .in_hand = work.in_hand};
}

}  // namespace paxect::carrier

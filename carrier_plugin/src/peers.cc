#include "peers.h"

#include <unistd.h>

#include <array>

namespace paxect::carrier {

Peer own_peer(const Host& host, const Settings& settings, const StateDirectory& state,
              std::uint64_t waiting) {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return {.id = state.token(),
          .mode = settings.mode == Mode::kSend ? "send" : "receive",
          .host = name.data(),
          .section = host.instance_name(),
          .version = PAXECT_CARRIER_VERSION,
          .waiting = waiting};
}

}  // namespace paxect::carrier

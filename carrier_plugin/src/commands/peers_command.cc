// `peers`: who shares the subject and is connected.
#include <algorithm>
#include <vector>

#include "commands/command.h"
#include "connection.h"
#include "json_object.h"
#include "messages.h"
#include "names.h"

namespace paxect::carrier {

namespace {

void print_json(const Call& call, const std::string& items, const std::string& problem) {
  JsonObject object;
  object.add("subject", call.settings().subject).add_json("peers", "[" + items + "]");
  call.line(object.add("problem", problem).text());
}

// Nobody answers without a server: that is how `status` and `doctor` report it too, and no wrong setting.
paxect_plugin_status fail(const Call& call, const std::string& problem) {
  if (call.json) print_json(call, "", problem);
  return call.fail(problem, PAXECT_PLUGIN_INCOMPLETE);
}

}  // namespace

paxect_plugin_status run_peers(const Call& call) {
  constexpr std::uint64_t kPatience = 1'000'000'000;
  Connection connection(call.host(), call.settings(), "paxect peers");
  if (const Status status = connection.open(); !status.ok()) return call.fail(status);
  connection.tend(call.host().monotonic_ns());
  if (!connection.is_connected()) return fail(call, connection.problem());
  if (connection.request(Names(call.settings().subject).peers(), "{}") == 0)
    return fail(call, "no connection to " + connection.last_url());
  std::vector<Peer> peers;
  bool is_alone = false;
  const std::uint64_t end = call.host().monotonic_ns() + kPatience;
  while (!is_alone && call.host().monotonic_ns() < end && !call.host().stop_requested()) {
    connection.wait(50);
    while (const std::unique_ptr<Message> message = connection.next()) {
      Peer peer;
      is_alone = is_alone || message->status() == 503;
      if (parse_peer(message->data(), &peer)) peers.push_back(peer);
    }
  }
  std::sort(peers.begin(), peers.end(),
            [](const Peer& a, const Peer& b) { return std::pair(a.mode, a.id) < std::pair(b.mode, b.id); });
  std::string items;
  for (const Peer& peer : peers) {
    if (!call.json)
      call.line(peer.id + "  " + peer.mode + "  " + shown(peer.host) + " [" + shown(peer.section) + "]  " +
                shown(peer.version) + "  " + std::to_string(peer.waiting) + " waiting");
    JsonObject item;
    item.add("id", peer.id).add("mode", peer.mode).add("host", peer.host).add("section", peer.section);
    items +=
        (items.empty() ? "" : ",") + item.add("version", peer.version).add("waiting", peer.waiting).text();
  }
  if (call.json) print_json(call, items, "");
  return peers.empty() ? PAXECT_PLUGIN_INCOMPLETE : PAXECT_PLUGIN_OK;
}

}  // namespace paxect::carrier

// `peers`: the manifests beside our own, and the pinned keys.
#include <algorithm>

#include "commands/command.h"
#include "commands/relay_context.h"
#include "settings/pinned_keys.h"

namespace paxect::link {

paxect_plugin_status run_peers(const Call& call) {
  RelayContext context;
  if (paxect_plugin_status status = open_context(call, &context); status != PAXECT_PLUGIN_OK) return status;
  if (!context.policy_problem.empty()) return call.fail(PAXECT_PLUGIN_CONFIG, context.policy_problem);
  std::vector<PeerEntry> peers;
  if (Status status = find_peers(context, &peers); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  std::vector<PinnedKey> keys;
  if (Status status = read_pinned_keys(context.config.peers, &keys); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  std::sort(peers.begin(), peers.end(),
            [](const PeerEntry& a, const PeerEntry& b) { return a.path < b.path; });
  Console& console = call.console();
  if (call.arguments().json) {
    JsonLine json;
    json.add("node", context.config.node);
    json.begin_array("peers");
    for (const PeerEntry& entry : peers) {
      json.begin_element();
      json.add("node", entry.peer.node);
      json.add("state", name_of(entry.peer.state));
      json.add("reason", entry.peer.reason);
      json.add("manifest", entry.path);
      json.end_object();
    }
    json.end_array();
    print_keys(keys, &json);
    json.finish(&console);
    return PAXECT_PLUGIN_OK;
  }
  if (peers.empty()) console.line("no manifest of a peer beside " + shown(context.config.manifest));
  for (const PeerEntry& entry : peers) {
    std::string name = entry.peer.node.empty() ? "?" : shown(entry.peer.node);
    std::string reason = entry.peer.reason.empty() ? "" : " (" + shown(entry.peer.reason) + ")";
    console.row(name, std::string(name_of(entry.peer.state)) + reason + "  " + shown(entry.path));
  }
  for (const PinnedKey& pinned : keys) {
    const bool is_key = pinned.problem.empty();
    const std::string state = !is_key ? "not a key" : pinned.is_revoked ? "revoked" : "pinned";
    console.row(shown(pinned.node), state + (is_key ? " " + key_id_text(pinned.key.id) : "") + "  " +
                                        shown(is_key ? pinned.path : pinned.problem));
  }
  return PAXECT_PLUGIN_OK;
}

}  // namespace paxect::link

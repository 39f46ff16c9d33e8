// `peers`: the manifests beside our own, the pinned keys, and the lists of the senders that have one.
#include <algorithm>
#include <cctype>
#include <map>

#include "base/clock.h"
#include "base/relay_paths.h"
#include "commands/command.h"
#include "commands/relay_context.h"
#include "records/stream_state.h"
#include "settings/pinned_keys.h"

namespace paxect::link {
namespace {

// A stream of lists of a sender.
struct Heard {
  const ReceivedStream* stream = nullptr;
  StreamState state = StreamState::kLive;
  std::optional<std::int64_t> silent_since = {};  // in seconds of UTC
  std::map<Outcome, std::uint64_t> counts = {};

  std::uint64_t count(Outcome outcome) const {
    const auto found = counts.find(outcome);
    return found == counts.end() ? 0 : found->second;
  }
  // Of the key that signed it. The address begins with its bytes, the lowest first.
  std::string key_id() const {
    const std::string bytes = stream->address.key.substr(0, 2 * KeyId{}.size());
    std::string text;
    for (std::size_t i = bytes.size() / 2; i-- > 0;) text += bytes.substr(2 * i, 2);
    for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return text.substr(std::min(text.find_first_not_of('0'), text.size()));
  }
};

std::vector<Heard> find_heard(const ReceivedStreams& received, const std::vector<NodeKey>& keys,
                              const LinkConfig& config, std::int64_t now) {
  std::vector<Heard> all;
  for (const ReceivedStream& stream : received.streams()) {
    if (stream.runs.empty()) continue;
    Heard one{.stream = &stream, .state = state_of(received, stream, keys)};
    if (one.state == StreamState::kLive) one.silent_since = silent_since(stream, now, config.late_after);
    for (const OutcomeRange& range : stream.outcomes(now, static_cast<std::int64_t>(config.late_after)))
      one.counts[range.outcome] += range.last - range.first + 1;
    all.push_back(std::move(one));
  }
  return all;
}

std::string utc_of(std::int64_t seconds) { return utc_text(seconds * static_cast<std::int64_t>(kSecond)); }

void print_json(const RelayContext& context, const std::vector<PeerEntry>& peers,
                const std::vector<PinnedKey>& keys, const std::vector<Heard>& heard, Console* console) {
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
  json.begin_array("streams");
  for (const Heard& one : heard) {
    const ReceivedStream& stream = *one.stream;
    json.begin_element();
    json.add("sender", stream.address.node);
    json.add("stream", stream.address.stream);
    json.add("key", one.key_id());
    json.add("state", name_of(one.state));
    json.add("last_list", stream.last_list());
    json.add("heard_utc", utc_of(stream.heard));
    json.add("within", stream.within);
    if (one.silent_since)
      json.add("silent_since", utc_of(*one.silent_since));
    else
      json.add_null("silent_since");
    json.add("delivered", one.count(Outcome::kDelivered));
    json.add("expected", one.count(Outcome::kExpected));
    json.add("missing", one.count(Outcome::kMissing));
    json.end_object();
  }
  json.end_array();
  json.finish(console);
}

// Up to which lists a retired key counts, by what the operator has given.
std::string last_text(const PinnedKey& key) {
  if (key.state != PinState::kRetired) return "";
  std::string text;
  for (const auto& [stream, number] : key.last)
    text += (text.empty() ? " (" : ", ") + stream + " through " + std::to_string(number);
  return text.empty() ? text : text + ")";
}

std::string stream_text(const Heard& one) {
  std::string text = std::string(name_of(one.state)) + ", list " + std::to_string(one.stream->last_list()) +
                     " of " + utc_of(one.stream->heard);
  if (one.silent_since) text += ", silent since " + utc_of(*one.silent_since);
  for (const auto& [outcome, what] : {std::pair{Outcome::kDelivered, "delivered"},
                                      {Outcome::kExpected, "expected"},
                                      {Outcome::kMissing, "missing"}})
    if (one.count(outcome) > 0) text += ", " + std::to_string(one.count(outcome)) + " " + what;
  return text + "  (stream " + one.stream->address.stream + ")";
}

void print_text(const RelayContext& context, const std::vector<PeerEntry>& peers,
                const std::vector<PinnedKey>& keys, const std::vector<Heard>& heard, Console* console) {
  if (peers.empty()) console->line("no manifest of a peer beside " + shown(context.config.manifest));
  for (const PeerEntry& entry : peers) {
    std::string name = entry.peer.node.empty() ? "?" : shown(entry.peer.node);
    std::string reason = entry.peer.reason.empty() ? "" : " (" + shown(entry.peer.reason) + ")";
    console->row(name, std::string(name_of(entry.peer.state)) + reason + "  " + shown(entry.path));
  }
  for (const PinnedKey& pinned : keys) {
    const bool is_read = pinned.problem.empty() || pinned.is_exposed;
    const bool is_exposed = pinned.is_exposed && pinned.state == PinState::kPinned;
    const std::string state = !is_read     ? "not a key"
                              : is_exposed ? "exposed"
                                           : std::string(name_of(pinned.state));
    console->row(shown(pinned.node),
                 state + (is_read ? " " + key_id_text(pinned.key.id) + last_text(pinned) : "") + "  " +
                     shown(pinned.problem.empty() ? pinned.path : pinned.problem));
  }
  for (const Heard& one : heard) console->row(shown(one.stream->address.node), stream_text(one));
  if (context.config.mode != Mode::kReceive) return;
  for (const PinnedKey& pinned : keys) {
    const auto is_of_node = [&](const Heard& one) { return one.stream->address.node == pinned.node; };
    const bool is_first = &pinned == keys.data() || (&pinned - 1)->node != pinned.node;
    if (is_first && std::none_of(heard.begin(), heard.end(), is_of_node))
      console->row(shown(pinned.node), "no list was verified yet");
  }
}

}  // namespace

paxect_plugin_status run_peers(const Call& call) {
  RelayContext context;
  if (paxect_plugin_status status = open_context(call, &context); status != PAXECT_PLUGIN_OK) return status;
  if (!context.policy_problem.empty()) return call.fail(PAXECT_PLUGIN_CONFIG, context.policy_problem);
  std::vector<PeerEntry> peers;
  if (Status status = find_peers(context, &peers); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  std::vector<PinnedKey> keys;
  if (Status status = read_pinned_keys(KeyFolder(context.config), &keys); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  JournalContents journal;
  if (context.config.mode == Mode::kReceive)
    if (Status status = read_journal(journal_of(context.config.state), &journal); !status.ok())
      return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  std::sort(peers.begin(), peers.end(),
            [](const PeerEntry& a, const PeerEntry& b) { return a.path < b.path; });
  const std::int64_t now = call.host().realtime_ns() / static_cast<std::int64_t>(kSecond);
  const std::vector<Heard> heard =
      find_heard(journal.received, with_continued(journal.received, node_keys_of(keys)), context.config, now);
  if (call.arguments().json)
    print_json(context, peers, keys, heard, &call.console());
  else
    print_text(context, peers, keys, heard, &call.console());
  return PAXECT_PLUGIN_OK;
}

}  // namespace paxect::link

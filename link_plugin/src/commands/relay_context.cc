#include "commands/relay_context.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "base/filesystem.h"
#include "base/place.h"
#include "base/relay_paths.h"
#include "base/unique_fd.h"
#include "commands/log_reader.h"
#include "records/place_match.h"
#include "records/relay_lock.h"
#include "relay/places.h"
#include "settings/policy_file.h"

namespace paxect::link {
namespace {

void read_policy(RelayContext* context) {
  PolicyReading reading = PolicyFile(context->config.policy, context->config.node).read();
  if (reading.ok())
    context->policy = reading.policy;
  else
    context->policy_problem = reading.unreadable.empty() ? in_one_line(reading.faults) : reading.unreadable;
}

}  // namespace

Status check_readable(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (fd || errno != EACCES) return Status::success();
  return Status::environment(
      "cannot open " + path +
      ": Permission denied: run this as the user of the relay, or let the user read it");
}

paxect_plugin_status open_context(const Call& call, RelayContext* out) {
  if (Status status = read_config(call.host(), KeyUse::kIfReadable, &out->config); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  // Without these nothing is known, and "not running" or "nothing was delivered" would be no answer.
  for (const std::string& path : {out->config.lock, journal_of(out->config.state), out->config.log})
    if (Status status = check_readable(path); !status.ok())
      return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  read_policy(out);
  out->holder = RelayLock::holder(out->config.lock);
  return PAXECT_PLUGIN_OK;
}

paxect_plugin_status logs_of(const Call& call, std::vector<std::string>* out) {
  *out = call.arguments().words;
  for (const std::string& log : *out) {
    FileIdentity ignored;
    if (!identity_of(log, &ignored))
      return call.fail(PAXECT_PLUGIN_CONFIG, "cannot read log " + log + ": there is none");
    OpenLog opened;
    if (Status status = open_log(log, &opened); !status.ok())
      return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  }
  if (!out->empty()) return PAXECT_PLUGIN_OK;
  LinkConfig config;
  if (Status status = read_config(call.host(), KeyUse::kIfReadable, &config); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  *out = {config.log};
  Status status = check_readable(config.log);
  return status.ok() ? PAXECT_PLUGIN_OK : call.fail(PAXECT_PLUGIN_CONFIG, status.message);
}

Status check_inbox(const LinkConfig& config, const std::vector<KnownPlace>& places) {
  const std::string name = "inbox " + config.inbox;
  PlaceObservation observed;
  Status status = PlaceFinder(directory_name(config.state)).observe(config.inbox, &observed);
  if (!status.ok()) {
    status.message +=
        ": nothing is known of what is in it: let this user read it, or find out why it cannot be read";
    return status;
  }
  const KnownPlace* known = current_place(places, kInboxRole, config.inbox);
  if (known == nullptr) return Status::success();
  const bool was_mount = known->mount != "-";
  switch (match_place(*known, observed)) {
    case PlaceMatch::kSame:
    case PlaceMatch::kSameUnmarked:
      return Status::success();
    case PlaceMatch::kMissing:
      return Status::environment(name + " does not exist any more: " +
                                 (was_mount ? "mount it (" + known->mount + ")" : "bring it back"));
    case PlaceMatch::kNotMounted:
      return Status::environment(name + " is not mounted: mount it (" + known->mount + ")");
    case PlaceMatch::kOther:
      break;
  }
  // Two disks may take turns.
  const bool takes_turns = std::any_of(places.begin(), places.end(), [&](const KnownPlace& place) {
    return place.role == kInboxRole && (place.token == observed.token || has_marker(place, observed.token));
  });
  if (takes_turns && !observed.token.empty()) return Status::success();
  return Status::environment(name +
                             " is another directory than before: bring back the one from before, or run "
                             "'paxect link place adopt inbox' to go on with this one");
}

void print_keys(const std::vector<PinnedKey>& keys, JsonLine* json) {
  json->begin_array("keys");
  for (const PinnedKey& pinned : keys) {
    json->begin_element();
    json->add("node", pinned.node);
    json->add("id", pinned.problem.empty() || pinned.is_exposed ? key_id_text(pinned.key.id) : "");
    json->add("file", pinned.path);
    json->add("revoked", pinned.state == PinState::kRevoked);
    json->add("retired", pinned.state == PinState::kRetired);
    json->begin_array("last");
    if (pinned.state == PinState::kRetired)
      for (const auto& [stream, number] : pinned.last) {
        json->begin_element();
        json->add("stream", stream);
        json->add("number", number);
        json->end_object();
      }
    json->end_array();
    json->add("problem", pinned.problem);
    json->end_object();
  }
  json->end_array();
}

const WaitingFile* find_waiting(const std::optional<RelayState>& state, const std::string& path,
                                const FileIdentity& identity) {
  if (!state) return nullptr;
  for (const WaitingFile& file : state->waiting)
    if (file.path == path && file.identity.same_but_device(identity)) return &file;
  return nullptr;
}

Status find_peers(const RelayContext& context, std::vector<PeerEntry>* peers) {
  peers->clear();
  PeerTable table;
  Status status = table.refresh(context.config.manifest, context.config.hmac_key.bytes(),
                                context.policy.require_sig, [&](const std::string& path, const Peer& peer) {
                                  peers->push_back({path, peer});
                                });
  // Only the key can verify a signature.
  if (!peers->empty() && !context.config.key_problem.empty()) {
    peers->clear();
    return Status::invalid(context.config.key_problem);
  }
  return status;
}

}  // namespace paxect::link

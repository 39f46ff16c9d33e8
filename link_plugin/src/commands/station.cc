#include "commands/station.h"

#include "records/relay_lock.h"
#include "settings/policy_file.h"

namespace paxect::link {
namespace {

void read_policy(Station* station) {
  PolicyReading reading = PolicyFile(station->config.policy, station->config.node).read();
  if (reading.ok())
    station->policy = reading.policy;
  else
    station->policy_problem = reading.unreadable.empty() ? in_one_line(reading.faults) : reading.unreadable;
}

}  // namespace

paxect_plugin_status open_station(const Call& call, Station* out) {
  if (Status status = read_config(call.host(), KeyUse::kIfReadable, &out->config); !status.ok())
    return call.fail(PAXECT_PLUGIN_CONFIG, status.message);
  read_policy(out);
  out->holder = RelayLock::holder(out->config.lock);
  return PAXECT_PLUGIN_OK;
}

const WaitingFile* find_waiting(const std::optional<RelayState>& state, const std::string& path,
                                const FileIdentity& identity) {
  if (!state) return nullptr;
  for (const WaitingFile& file : state->waiting)
    if (file.path == path && file.identity.same_but_device(identity)) return &file;
  return nullptr;
}

Status find_peers(const Station& station, std::vector<PeerEntry>* peers) {
  peers->clear();
  PeerTable table;
  Status status = table.refresh(station.config.manifest, station.config.hmac_key.bytes(),
                                station.policy.require_sig, [&](const std::string& path, const Peer& peer) {
                                  peers->push_back({path, peer});
                                });
  // Only the key can verify a signature.
  if (!peers->empty() && !station.config.key_problem.empty()) {
    peers->clear();
    return Status::invalid(station.config.key_problem);
  }
  return status;
}

}  // namespace paxect::link

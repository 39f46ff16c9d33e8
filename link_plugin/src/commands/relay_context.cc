#include "commands/relay_context.h"

#include "records/relay_lock.h"
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

paxect_plugin_status open_context(const Call& call, RelayContext* out) {
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

// What a command knows of the relay of its section: its settings, its policy, and whether it runs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "commands/command.h"
#include "records/journal.h"
#include "records/state_file.h"
#include "settings/link_config.h"
#include "settings/pinned_keys.h"
#include "settings/policy.h"
#include "stages/trust.h"

namespace paxect::link {

struct RelayContext {
  LinkConfig config;
  Policy policy;               // the default one where there is none, or none that can be read
  std::string policy_problem;  // why it cannot be read
  long holder = 0;             // the relay's process, 0: none runs, -1: one that is not named

  bool runs() const { return holder != 0; }
};

// PAXECT_PLUGIN_OK, or a failure that was reported.
paxect_plugin_status open_context(const Call& call, RelayContext* out);

// The logs that the words of the command name, or else the configured one. PAXECT_PLUGIN_OK, or a failure
// that was reported.
paxect_plugin_status logs_of(const Call& call, std::vector<std::string>* out);

// The last state that the relay reported, running or not; `*alive_utc_ns` as in read_state().
inline std::optional<RelayState> state_of(const RelayContext& context, std::int64_t* alive_utc_ns = nullptr) {
  return read_state(context.config.state, alive_utc_ns);
}
// The remedy for a file that is held.
inline constexpr const char* kHeldRemedy =
    "touch the file to deliver it (again), or remove it when its receiver has it";

// The record of this state of this file, NULL when it has none.
const WaitingFile* find_waiting(const std::optional<RelayState>& state, const std::string& path,
                                const FileIdentity& identity);

// Why the inbox shows nothing of what the relay has there, with the remedy: it cannot be opened, or another
// directory is under its path, such as that below a mount. Success also where no relay has worked there.
Status check_inbox(const LinkConfig& config, const std::vector<KnownPlace>& places);

// The array "keys" of an object.
void print_keys(const std::vector<PinnedKey>& keys, JsonLine* json);

struct PeerEntry {
  std::string path;
  Peer peer;
};
// Fails, and gives none, when there are some and the key to judge them by cannot be read here. Gives those
// that it could read with any other failure.
Status find_peers(const RelayContext& context, std::vector<PeerEntry>* peers);

}  // namespace paxect::link

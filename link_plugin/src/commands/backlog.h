// What is in the inbox, by the rules of the relay, and what is in flight.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "commands/relay_context.h"

namespace paxect::link {

struct Backlog {
  std::uint64_t files = 0;  // that are to be delivered, now or when they are tried again
  std::uint64_t bytes = 0;
  std::uint64_t oldest_seconds = 0;  // since the oldest of them came; 0 when there are none
  std::uint64_t pending = 0;         // of them, those that failed and are tried again
  std::uint64_t blocked = 0;         // by the policy
  std::uint64_t held = 0;            // may have been delivered, and the journal cannot show it
  std::uint64_t kept = 0;            // delivered, and kept in the inbox
  std::uint64_t ignored = 0;         // links, FIFOs and the like
  std::uint64_t in_flight = 0;       // deliveries begun: of a relay that does not run, left by a crash
};

// An inbox that does not exist is empty. `state` is that of a relay that runs; `now_ns` is UTC.
Status measure_backlog(const RelayContext& context, const JournalContents& journal,
                       const std::optional<RelayState>& state, std::int64_t now_ns, Backlog* out);

// The files that measure_backlog() counts as pending, blocked and held, by their paths. What the relay
// reported about a file is in its entry. Of one that it has not reported yet, or when none runs, the entry
// has what the rules of the relay say now.
Status list_waiting(const RelayContext& context, const JournalContents& journal,
                    const std::optional<RelayState>& state, std::int64_t now_ns,
                    std::map<std::string, WaitingFile>* out);

// The peer that the gate blocks the containers of the inbox for, as of PeerTable; "" for none, and where the
// key to judge manifests by cannot be read.
std::string rejected_sender(const RelayContext& context, const JournalContents& journal);

// The token of the inbox that the relay worked in last, "" when it knows none.
std::string inbox_place(const RelayContext& context, const JournalContents& journal);

// Whether a delivery in the journal is under way. Looks at nothing else: the outbox may be a share that
// hangs.
inline bool is_in_flight(const Intent& intent) { return !intent.finished && !intent.aborted; }

}  // namespace paxect::link

// What a restart does with the intents that a crash left in the journal. (crash points: DESIGN.md)
#pragma once

#include <functional>
#include <vector>

#include "records/journal.h"

namespace paxect::link {

struct RecoveryPlaces {
  const Directory* inbox;
  const Directory* outbox;
};

// An intent whose product had its final name when the crash came: the source must not be delivered again.
using Recovered = std::function<void(const Intent&)>;

// Brings every intent to an end: what was not delivered is undone, what was delivered is told to
// `recovered`, in the order of the intents, for its audit line and its source. The journal itself is for the
// caller to clear when that is durable.
Status recover(const std::vector<Intent>& left, const RecoveryPlaces& places, Journal* journal,
               const Recovered& recovered);

// Removes the sidecar of a container that will not get its name, if it exists without that container and
// gives the digest of ours.
Status remove_own_sidecar(const Intent& intent, const Directory& target);

}  // namespace paxect::link

// What the audit log says of a delivery: the same lines, whether the process that made it writes them or one
// that found it in the journal after a restart.
#pragma once

#include <string>
#include <vector>

#include "records/journal.h"
#include "relay/receiver.h"
#include "stages/audit_log.h"
#include "stages/delivery.h"

namespace paxect::link {

// How a product got its final name.
struct DeliveryOutcome {
  std::string source;  // path
  std::string target;  // path with the name that it got
  Published published = Published::kDelivered;
};

// In their order: the repair of the source, a conflict of names, and last the delivery itself, by which
// AuditLog::has() knows that it is logged. Figures that the journal of an earlier version lacks are left out.
// Requires: the intent was prepared.
std::vector<Event> delivery_events(const Intent& intent, const DeliveryOutcome& outcome,
                                   const std::string& relay_token, const Receiver& receiver);

}  // namespace paxect::link

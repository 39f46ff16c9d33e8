// What a restart concludes from the intents that a crash left in the journal, and how it undoes or completes
// them. (the crash points and the rules: RECOVERY.md)
//
// Nothing here concludes anything from a place that is not the intent's own, or from a folder that cannot be
// read. Not for two threads at a time.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/blocks.h"
#include "base/tree.h"
#include "records/journal.h"
#include "stages/audit_log.h"

namespace paxect::link {

enum class Fate {
  kDelivered,    // the product has, or had, its final name
  kUndelivered,  // it has not, and never will
  kUndecided,    // nobody can tell
  kOpen          // the place of the product is not here, or cannot be read now
};

struct Verdict {
  Fate outcome = Fate::kOpen;
  std::string name = {};  // final name of the product as far as it was seen, else the one that it was to have
  std::string why = {};   // for kUndecided and kOpen: one line
};

// What a verdict is based on. `is_logged` says whether the audit log has a line of this delivery: it is
// written after the product is durable under its name.
struct Evidence {
  const Tree& inbox;
  const Tree& outbox;
  std::function<bool(const Intent&)> is_logged;
  Stop stop;
  std::string boot;  // see boot_id(), of now
};

// Looks, and changes nothing. A failure only when the host wants to stop.
Status judge(const Intent& intent, const Evidence& evidence, Verdict* verdict);

// Removes the temporaries of an intent that was not delivered and the sidecar of a container that will not
// get its name. Requires: the journal does not know the intent as prepared any more.
Status undo(const Intent& intent, const Evidence& evidence);
// Flushes the directory of a delivered product, once for each: the crash may have come between the rename and
// that. To be called before the log or the journal says that the product was delivered.
using Flushed = std::set<std::pair<bool, std::string>>;  // into_inbox, folder
Status flush_name(const Intent& intent, const Evidence& evidence, Flushed* flushed);
// Removes what is left of the temporaries beside a product that has its name.
Status tidy(const Intent& intent, const Verdict& verdict, const Evidence& evidence);

// Removes the sidecar of a container that will not get its name, if it exists without that container and
// gives the digest of ours.
Status remove_own_sidecar(const Intent& intent, const Directory& target);

// Removes temporaries of earlier processes of this relay that the journal does not know, as far as it goes.
void sweep_temporaries(const Directory& folder, const Journal& journal);

// Sources whose deliveries were completed, with their paths.
using Delivered = std::vector<std::pair<std::string, SourceRecord>>;

}  // namespace paxect::link

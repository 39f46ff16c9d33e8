// What a restart finds out about an intent that a crash left in the journal, and how it takes back a product.
// (crash points: DESIGN.md)
//
// Functions of the disk; several threads may use different intents.
#pragma once

#include "base/filesystem.h"
#include "base/status.h"
#include "records/journal.h"
#include "relay/transfer.h"

namespace paxect::link {

// The transfer of an intent, as far as the journal knows it: without directories, sizes and result.
Transfer transfer_of(const Intent& intent);

// Whether the product has, or had, its final name. `target` is the folder of the product, NULL when that does
// not exist any more.
Status is_delivered(const Intent& intent, const Directory* target, bool* delivered);

// Removes the product's sidecar if it exists without its container and gives the digest of our product.
Status remove_own_sidecar(const Intent& intent, const Directory& target);
Status remove_temporaries(const Intent& intent, const Directory& target);

}  // namespace paxect::link

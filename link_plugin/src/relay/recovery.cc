#include "relay/recovery.h"

#include <tuple>

#include "base/relay_paths.h"
#include "stages/delivery.h"

namespace paxect::link {
namespace {

enum class Found { kDelivered, kUndelivered };

// Opens the directory of the product; kGone when it is not there, and so neither is anything in it.
Status target_of(const Intent& intent, const RecoveryPlaces& places, Directory* target) {
  const Directory& base = intent.into_inbox ? *places.inbox : *places.outbox;
  return base.open_below(intent.folder, false, target);
}

Status find_out(const Intent& intent, const RecoveryPlaces& places, Found* found) {
  *found = Found::kUndelivered;
  if (!intent.prepared) return Status::success();
  Directory target;
  Status status = target_of(intent, places, &target);
  // Somebody removed the whole folder: rather twice than never.
  if (status.fault == Fault::kGone) return Status::success();
  if (!status.ok()) return status;
  FileLook temporary = target.look(intent.temporary);
  if (temporary.kind == FileKind::kUnknown)
    return io_failure("look at", target.path_of(intent.temporary), temporary.error);
  // Two links: it was renamed by way of a hard link, and the crash fell before the old name was removed.
  if (temporary.kind == FileKind::kMissing || temporary.links > 1) *found = Found::kDelivered;
  return Status::success();
}

Status undo(const Intent& intent, const RecoveryPlaces& places) {
  Directory target;
  Status status = target_of(intent, places, &target);
  if (status.fault == Fault::kGone) return Status::success();
  if (status.ok()) status = remove_own_sidecar(intent, target);
  if (status.ok()) status = target.remove(intent.temporary);
  if (status.ok() && !intent.side_temporary.empty()) status = target.remove(intent.side_temporary);
  return status;
}

// Only leftovers beside a product that has its name.
Status tidy(const Intent& intent, const RecoveryPlaces& places) {
  Directory target;
  Status status = target_of(intent, places, &target);
  if (status.ok()) status = target.remove(intent.temporary);
  if (status.ok() && !intent.side_temporary.empty()) status = target.remove(intent.side_temporary);
  return status;
}

}  // namespace

Status remove_own_sidecar(const Intent& intent, const Directory& target) {
  // Without a digest the intent was never prepared, and its sidecar got no name.
  if (!intent.container || intent.digest.empty()) return Status::success();
  const std::string text = intent.digest + "\n";
  for (const std::string& container : {intent.name, conflict_of(intent.name, intent.data_digest, 8)}) {
    std::string sidecar = sidecar_of(container);
    std::string found;
    if (target.look(container).kind != FileKind::kMissing) continue;
    if (!target.read_small(sidecar, text.size(), &found).ok() || found != text) continue;
    if (Status status = target.remove(sidecar); !status.ok()) return status;
  }
  return Status::success();
}

Status recover(const std::vector<Intent>& left, const RecoveryPlaces& places, Journal* journal,
               const Recovered& recovered) {
  std::vector<const Intent*> delivered;
  std::vector<const Intent*> undelivered;
  std::vector<std::uint64_t> aborted;
  for (const Intent& intent : left) {
    Found found = Found::kDelivered;
    if (!intent.finished)
      if (Status status = find_out(intent, places, &found); !status.ok()) return status;
    (found == Found::kDelivered ? delivered : undelivered).push_back(&intent);
    if (found == Found::kUndelivered && intent.prepared) aborted.push_back(intent.id);
  }
  // Before a temporary goes away the journal must not read any more as if that meant delivery.
  if (Status status = journal->abort(aborted); !status.ok()) return status;
  for (const Intent* intent : undelivered)
    if (Status status = undo(*intent, places); !status.ok()) return status;
  for (const Intent* intent : delivered) {
    if (!intent->finished)
      if (Status status = tidy(*intent, places); !status.ok()) return status;
    recovered(*intent);
  }
  return Status::success();
}

}  // namespace paxect::link

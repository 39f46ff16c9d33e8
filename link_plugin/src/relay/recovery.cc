#include "relay/recovery.h"

#include "base/relay_paths.h"

namespace paxect::link {
namespace {

constexpr std::size_t kDigestDigits = 64;

}  // namespace

Transfer transfer_of(const Intent& intent) {
  Transfer transfer;
  transfer.intent = intent;
  std::string folder = directory_name(intent.source);
  transfer.source = {folder == "." ? "" : folder, std::string(base_name(intent.source)), intent.identity};
  transfer.route = !intent.container                    ? Route::kDecode
                   : is_container(transfer.source.name) ? Route::kForward
                                                        : Route::kEncode;
  transfer.product.name = intent.name;
  transfer.product.temporary = intent.temporary;
  transfer.product.digest = intent.digest.substr(0, kDigestDigits);
  if (!intent.container) {
    transfer.result.data_digest = transfer.product.digest;
    return transfer;
  }
  transfer.sidecar.name = sidecar_of(intent.name);
  transfer.sidecar.temporary = intent.side_temporary;
  transfer.result.container_digest = transfer.product.digest;
  if (intent.digest.size() > kDigestDigits) transfer.result.data_digest = intent.digest.substr(kDigestDigits);
  return transfer;
}

Status is_delivered(const Intent& intent, const Directory* target, bool* delivered) {
  *delivered = false;
  // Without its folder nothing proves the delivery: at least once is the rule then.
  if (!intent.prepared || target == nullptr) return Status::success();
  FileLook temporary = target->look(intent.temporary);
  if (temporary.kind == FileKind::kUnknown)
    return io_failure("look at", target->path_of(intent.temporary), temporary.error);
  // Two links: a hard link stood in for the rename, and the crash came before the removal of the old name.
  *delivered = temporary.kind == FileKind::kMissing || temporary.links > 1;
  return Status::success();
}

Status remove_own_sidecar(const Intent& intent, const Directory& target) {
  // Without a digest the intent was never prepared, and its sidecar got no name.
  if (!intent.container || intent.digest.empty()) return Status::success();
  const std::string text = intent.digest.substr(0, kDigestDigits) + "\n";
  for (const std::string& container :
       {intent.name, conflict_of(intent.name, intent.digest.substr(kDigestDigits), 8)}) {
    std::string sidecar = sidecar_of(container);
    std::string found;
    if (target.look(container).kind != FileKind::kMissing) continue;
    if (!target.read_small(sidecar, text.size(), &found).ok() || found != text) continue;
    if (Status status = target.remove(sidecar); !status.ok()) return status;
  }
  return Status::success();
}

Status remove_temporaries(const Intent& intent, const Directory& target) {
  Status status = target.remove(intent.temporary);
  if (status.ok() && !intent.side_temporary.empty()) status = target.remove(intent.side_temporary);
  return status;
}

}  // namespace paxect::link

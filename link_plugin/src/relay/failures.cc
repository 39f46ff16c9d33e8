#include "relay/failures.h"

#include <algorithm>

#include "base/relay_paths.h"
#include "base/sidecar.h"
#include "stages/gate.h"

namespace paxect::link {
namespace {

Status is_another(const Candidate& source) {
  return Status::changed(source.path() + " was replaced by another file");
}

}  // namespace

void Failures::note(const Candidate& source, const Status& status) {
  if (status.fault == Fault::kStopped || status.fault == Fault::kGone) return;
  if (status.fault == Fault::kOpenForWriting) return parts_.open_for_writing(source);
  if (parts_.metrics != nullptr) parts_.metrics->failed(route_of(source.name, parts_.config.mode), status);
  bool blocked = status.fault == Fault::kBlocked;
  bool counts = status.fault == Fault::kRefused || status.fault == Fault::kIntegrity;
  const Ledger::Noted noted = parts_.ledger.note(
      source.path(), source.identity, blocked ? FileState::kBlocked : FileState::kPending, counts,
      status.event, status.message, parts_.host.monotonic_ns(), parts_.host.realtime_ns());
  if (noted.is_news) report(source, status);
  if (noted.wait == nullptr) return;
  bool hopeless = status.fault == Fault::kIntegrity ||
                  (counts && noted.wait->attempts >= parts_.config.max_attempts) ||
                  (blocked && parts_.policy.quarantine_on_policy_block);
  if (hopeless) quarantine(source, Wait(*noted.wait));
}

void Failures::report(const Candidate& source, const Status& status) {
  Level level = status.fault == Fault::kChanged   ? Level::kDebug
                : status.fault == Fault::kBlocked ? Level::kWarn
                                                  : Level::kError;
  parts_.reporter.log({.level = level,
                       .name = status.event,
                       .source = parts_.inbox.root().path_of(source.path()),
                       .status = status.fault == Fault::kBlocked       ? "blocked"
                                 : status.fault == Fault::kEnvironment ? "pending"
                                                                       : "error",
                       .message = status.message,
                       .advice = status.fault == Fault::kBlocked
                                     ? way_out(status.message, parts_.config.mode, parts_.config.policy)
                                     : ""});
}

// Out of the way, with the reason beside it; a sidecar goes with its container. What cannot be moved now is
// tried again.
void Failures::quarantine(const Candidate& source, const Wait& wait) {
  const std::string path = source.path();
  const Status status = move_to_quarantine(source, wait);
  if (status.ok() || status.fault == Fault::kChanged) {
    parts_.ledger.set_owes_quarantine(path, false);
    return report_owed();
  }
  parts_.ledger.set_owes_quarantine(path, true);
  // One problem for all of them, with the words of the first.
  const Wait* first = parts_.ledger.first_owed();
  if (first != nullptr && path == first->file->first)
    parts_.reporter.report_problem("quarantine", status.message);
}

void Failures::report_owed() {
  if (!owes_quarantine()) parts_.reporter.report_problem("quarantine", "");
}

void Failures::retry_quarantine() {
  std::vector<Candidate> owed;
  for (const Wait& wait : parts_.ledger.waits())
    if (wait.owes_quarantine) owed.push_back(candidate_of(wait.file->first, wait.file->second.identity));
  for (const Candidate& source : owed)
    if (const Wait* wait = parts_.ledger.find_wait(source.path(), source.identity))
      quarantine(source, Wait(*wait));
  report_owed();
}

// kChanged when the file is another one, or gone.
Status Failures::move_to_quarantine(const Candidate& source, const Wait& wait) {
  const QuarantineReason reason{
      .source = parts_.inbox.root().path_of(source.path()),
      .event = wait.event,
      .reason = wait.reason,
      .detail = "node " + parts_.config.node + ", " + std::to_string(source.identity.size) + " bytes",
      .attempts = std::max(wait.attempts, 1u),
      .first_utc_ns = wait.first_utc_ns,
      .last_utc_ns = wait.last_utc_ns};
  std::shared_ptr<const Directory> folder;
  Status status = parts_.inbox.folder(source.folder, &folder);
  // A file that came under the name meanwhile is another one.
  if (!status.ok()) return status.fault == Fault::kGone ? is_another(source) : status;
  if (folder->look(source.name).identity != source.identity) return is_another(source);
  const std::string beside = is_container(source.name) ? find_sidecar(*folder, source.name) : "";
  bool sidecar = is_container(source.name) && folder->look(beside).kind == FileKind::kRegular;
  std::string moved_to;
  std::vector<std::string> returned;
  status = parts_.quarantine.put(*folder, source.name, source.identity, reason, &moved_to, &returned);
  parts_.returned(*folder, source, returned);
  if (status.fault == Fault::kOpenForWriting) {
    parts_.ledger.end_wait(source.path());
    parts_.open_for_writing(source);
    return is_another(source);
  }
  if (!status.ok()) return status;
  has_quarantined_ = true;
  if (parts_.metrics != nullptr) parts_.metrics->quarantined();
  if (sidecar)
    parts_.reporter.log({.level = Level::kWarn,
                         .name = "policy_block",
                         .source = folder->path_of(beside),
                         .target = join(parts_.quarantine.path(), sidecar_of(moved_to)),
                         .status = "blocked",
                         .message = "disallowed_suffix:.sha256"});
  parts_.reporter.log({.level = Level::kWarn,
                       .name = "quarantine",
                       .source = reason.source,
                       .target = join(parts_.quarantine.path(), moved_to),
                       .status = "ok",
                       .message = reason.event + ": " + reason.reason});
  parts_.ledger.note_done(source.path(), source.identity);
  return Status::success();
}

}  // namespace paxect::link

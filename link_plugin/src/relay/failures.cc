#include "relay/failures.h"

#include <algorithm>

#include "base/backoff.h"
#include "base/relay_paths.h"
#include "base/sidecar.h"
#include "stages/gate.h"

namespace paxect::link {
namespace {

Status is_another(const Candidate& source) {
  return Status::changed(source.path() + " was replaced by another file");
}

}  // namespace

void Failures::note(const Candidate& source, const Status& status) { note(source, status, nullptr); }

void Failures::note(std::span<const Failed> failed) {
  Troubles troubles;
  for (const Failed& each : failed) note(*each.source, *each.status, &troubles);
  for (const auto& [event, trouble] : troubles) {
    Status status = *trouble.first.status;
    if (trouble.count > 1)
      status.message += " (files of this batch with this trouble: " + std::to_string(trouble.count) + ")";
    report(*trouble.first.source, status);
  }
}

// What is to be reported goes to `troubles` if it is one.
void Failures::note(const Candidate& source, const Status& status, Troubles* troubles) {
  if (status.fault == Fault::kStopped || status.fault == Fault::kGone) return;
  if (status.fault == Fault::kOpenForWriting) return parts_.open_for_writing(source);
  if (parts_.metrics != nullptr) parts_.metrics->failed(route_of(source.name, parts_.config.mode), status);
  bool blocked = status.fault == Fault::kBlocked;
  bool counts = status.fault == Fault::kRefused || status.fault == Fault::kIntegrity;
  const Ledger::Noted noted = parts_.ledger.note(
      source.path(), source.identity, blocked ? FileState::kBlocked : FileState::kPending, counts,
      status.event, status.message, parts_.host.monotonic_ns(), parts_.host.realtime_ns());
  if (noted.is_news && troubles != nullptr && status.fault == Fault::kEnvironment)
    ++troubles->try_emplace(status.event, Trouble{{&source, &status}, 0}).first->second.count;
  else if (noted.is_news)
    report(source, status);
  if (noted.wait == nullptr) return;
  bool hopeless = status.fault == Fault::kIntegrity ||
                  (counts && noted.wait->attempts >= parts_.config.max_attempts) ||
                  (blocked && status.event == "policy_block" && parts_.policy.quarantine_on_policy_block);
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
                                     ? remedy_of(status.message, parts_.config.mode, parts_.config.policy)
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
  if (failed_moves_ == 0) delay_moves();
  // One problem for all of them, with the words of the first. What is wrong with the quarantine's place is
  // reported as that.
  const Wait* first = parts_.ledger.first_owed();
  if (first == nullptr || path != first->file->first) return;
  const auto& problems = parts_.reporter.problems();
  const auto place = problems.find("quarantine");
  const bool is_of_place = place != problems.end() && place->second == status.message;
  parts_.reporter.report_problem(kMoveProblem, is_of_place ? "" : status.message);
}

void Failures::report_owed() {
  if (owes_quarantine()) return;
  failed_moves_ = 0;
  parts_.reporter.report_problem(kMoveProblem, "");
}

// Each try to move a file to another file system copies it.
void Failures::delay_moves() {
  const std::uint64_t now = parts_.host.monotonic_ns();
  next_moves_ns_ = now + backoff_delay_ns(parts_.config.backoff_ns, ++failed_moves_, now);
}

void Failures::retry_moves() {
  if (!owes_quarantine() || parts_.host.monotonic_ns() < next_moves_ns_) return;
  std::vector<Candidate> owed;
  for (const Wait& wait : parts_.ledger.waits())
    if (wait.owes_quarantine) owed.push_back(candidate_of(wait.file->first, wait.file->second.identity));
  for (const Candidate& source : owed)
    if (const Wait* wait = parts_.ledger.find_wait(source.path(), source.identity))
      quarantine(source, Wait(*wait));
  if (owes_quarantine()) delay_moves();
}

void Failures::retry_quarantine() {
  retry_moves();
  const std::vector<Aside> asides = parts_.journal.asides();
  for (const Aside& aside : asides) {
    const Wait* wait = parts_.ledger.find_wait(aside.path, aside.identity);
    const bool is_tried = wait != nullptr && wait->owes_quarantine;
    const bool is_logged = std::find(logged_.begin(), logged_.end(), aside.id) != logged_.end();
    if (aside.place == parts_.inbox.token() && !is_tried && !is_logged) complete(aside);
  }
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
  // A file that came under the name in the meantime is another one.
  if (!status.ok()) return status.fault == Fault::kGone ? is_another(source) : status;
  const Aside* known = find_aside(source);
  if (known == nullptr && folder->stat_of(source.name).identity != source.identity) return is_another(source);
  Aside aside = known == nullptr ? Aside{} : *known;
  if (known == nullptr)
    if (status = set_aside(*folder, source, wait, &aside); !status.ok()) return status;
  std::vector<std::string> returned;
  status = parts_.quarantine.put(*folder, source.name, source.identity, reason, aside.target, &returned);
  parts_.returned(*folder, source, returned);
  if (status.fault == Fault::kOpenForWriting || status.fault == Fault::kChanged) {
    parts_.quarantine.remove_reason(aside.target);
    parts_.journal.end_aside(aside.id);
  }
  if (status.fault == Fault::kOpenForWriting) {
    parts_.ledger.end_wait(source.path());
    parts_.open_for_writing(source);
    return is_another(source);
  }
  if (!status.ok()) return status;
  log_quarantine(aside);
  parts_.ledger.note_done(source.path(), source.identity);
  return Status::success();
}

// ---- the record of a move --------------------------------------------------------------------------------

const Aside* Failures::find_aside(const Candidate& source) const {
  for (const Aside& aside : parts_.journal.asides())
    if (aside.place == parts_.inbox.token() && aside.path == source.path() &&
        aside.identity.same_but_device(source.identity))
      return &aside;
  return nullptr;
}

Status Failures::set_aside(const Directory& folder, const Candidate& source, const Wait& wait, Aside* aside) {
  *aside = {.id = parts_.journal.next_id(),
            .log_offset = parts_.reporter.audit().size(),
            .place = parts_.inbox.token(),
            .path = source.path(),
            .identity = source.identity,
            .message = wait.event + ": " + wait.reason};
  if (Status status = parts_.quarantine.choose(source.name, &aside->target); !status.ok()) return status;
  if (is_container(source.name)) {
    const std::string sidecar = find_sidecar(folder, source.name);
    if (folder.stat_of(sidecar).kind == FileKind::kRegular) aside->sidecar = sidecar;
  }
  return parts_.journal.set_aside(*aside);
}

// A move that an earlier process began.
void Failures::complete(const Aside& aside) {
  if (parts_.reporter.audit().has(short_token_of(parts_.journal.relay_token()), aside.id, aside.log_offset))
    return parts_.journal.end_aside(aside.id);
  bool is_there = false;
  if (!parts_.quarantine.has(aside.target, aside.identity.size, &is_there).ok()) return;
  if (!is_there) {
    // It is in the inbox, and fails again.
    parts_.quarantine.remove_reason(aside.target);
    return parts_.journal.end_aside(aside.id);
  }
  const Candidate source = candidate_of(aside.path, aside.identity);
  std::shared_ptr<const Directory> folder;
  Status status = parts_.inbox.folder(source.folder, &folder);
  std::vector<std::string> returned;
  if (status.ok()) {
    status = parts_.quarantine.put(*folder, source.name, source.identity, {}, aside.target, &returned);
    parts_.returned(*folder, source, returned);
  }
  // Another file has the name there, and ours is in the inbox.
  if (status.fault == Fault::kChanged) return parts_.journal.end_aside(aside.id);
  if (status.ok() || status.fault == Fault::kGone) log_quarantine(aside);
}

// The same lines, whether this process has moved the file or an earlier one.
void Failures::log_quarantine(const Aside& aside) {
  has_quarantined_ = true;
  if (parts_.metrics != nullptr) parts_.metrics->quarantined();
  if (!aside.sidecar.empty())
    parts_.reporter.log({.level = Level::kWarn,
                         .name = "policy_block",
                         .source = parts_.inbox.root().path_of(join(folder_of(aside.path), aside.sidecar)),
                         .target = join(parts_.quarantine.path(), sidecar_of(aside.target)),
                         .status = "blocked",
                         .message = "disallowed_suffix:.sha256"});
  parts_.reporter.log({.level = Level::kWarn,
                       .name = "quarantine",
                       .source = parts_.inbox.root().path_of(aside.path),
                       .target = join(parts_.quarantine.path(), aside.target),
                       .status = "ok",
                       .message = aside.message,
                       .numbers = {{"id", aside.id}},
                       .texts = {{"relay", std::string(short_token_of(parts_.journal.relay_token()))}}});
  logged_.push_back(aside.id);
}

void Failures::note_flushed() {
  for (const std::uint64_t id : logged_) parts_.journal.end_aside(id);
  logged_.clear();
}

}  // namespace paxect::link

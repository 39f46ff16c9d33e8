// What the relay does between batches: it reads events, checks its places, policy and peers.
#include <sys/utsname.h>

#include <algorithm>
#include <tuple>

#include "base/clock.h"
#include "base/place_marker.h"
#include "base/published_file.h"
#include "base/relay_paths.h"
#include "base/version.h"
#include "relay/relay.h"

namespace paxect::link {
namespace {

constexpr std::uint64_t kManifestInterval = 60 * kSecond;
// Between two tries to move files to the quarantine.
constexpr std::uint64_t kMaxRetryPause = 30 * kSecond;
// A hint is followed at once only while little is waiting; otherwise the scans get there in their order.
constexpr std::size_t kFewWaiting = 1024;

std::string platform() {
  utsname system{};
  return uname(&system) == 0 ? system.sysname : "";
}

}  // namespace

void Relay::upkeep(std::uint64_t now_ns) {
  retry_recovery(now_ns);
  reload_policy();
  refresh_peers();
  look_after_proof(now_ns);
  write_manifest();
  places_->keep_markers();
  // Its files are swept once: at the start, and after an outage in which some may have been left.
  if (!must_recover_ && outbox_.is_in_place() && swept_.insert(outbox_.token() + "/").second)
    sweep_temporaries(outbox_.root(), journal_);
  reporter_.report_problem("lock", lock_.keep().message);
  failures_->retry_quarantine();
  if (kept_->tend()) schedule_.set_now(Task::kScan);
  const bool is_soon = failures_->owes_quarantine();
  schedule_.set(Task::kUpkeep,
                now_ns + (is_soon ? std::min(config_.poll_ns, kMaxRetryPause) : config_.poll_ns));
}

// Does all of it now: when this returns, the host reports the end of the reload.
paxect_plugin_status Relay::reload() {
  if (!started_) return PAXECT_PLUGIN_OK;
  reporter_.report_problem("log", reporter_.audit().reopen().message);
  reload_key();
  policy_file_->forget();
  peers_.judge_again();
  manifest_due_ns_ = 0;
  schedule_.set_now(Task::kScan);
  upkeep(host_.monotonic_ns());
  flush_log();
  return PAXECT_PLUGIN_OK;
}

void Relay::reload_key() {
  bool changed = false;
  Status status = config_.hmac_key.reload(&changed);
  if (status.ok() && !changed) return;
  reporter_.log({.level = status.ok() ? Level::kInfo : Level::kError,
                 .name = status.ok() ? "key_reload" : "key_error",
                 .source = config_.hmac_key.path(),
                 .status = status.ok() ? "ok" : "error",
                 .message = status.ok() ? "" : status.message + ": the previous key stays in force"});
}

void Relay::look_after_proof(std::uint64_t now_ns) {
  reporter_.report_problem("pinned keys", receiver_->read_keys().message);
  for (const Receiver::Overdue& overdue : receiver_->take_overdue(now_ns))
    failures_->note(overdue.source, overdue.status);
  receiver_->watch(now_ns);
  // A run with --once writes them at its end.
  if (!host_.once()) issue_receipts(now_ns, false);
}

void Relay::issue_receipts(std::uint64_t now_ns, bool now_or_never) {
  if (!receiver_->is_on() || !inbox_.is_in_place()) return;
  receiver_->note_held();
  for (const std::size_t stream : receiver_->take_repeated()) receipts_->ask_again(stream);
  receipts_->issue(now_ns, now_or_never);
}

// ---- hints ---------------------------------------------------------------------------------------------

void Relay::drain_events() {
  bool complete =
      watcher_.read([this](const std::string& folder, const std::string& name) { notice(folder, name); });
  // Soon, but not before the pause after the last scan: events may keep getting lost.
  if (!complete) receiver_->note_lost_events();
  if (!complete) schedule_.set_no_later(Task::kScan, scan_pause_ends_ns_);
}

// Another relay may have made its inbox of a folder that this one watches.
bool Relay::is_within_other_place(const std::string& folder) {
  for (std::string each = folder; !each.empty(); each = folder_of(each)) {
    std::shared_ptr<const Directory> directory;
    if (inbox_.folder(each, &directory).ok() && has_place_marker(*directory)) return true;
  }
  return false;
}

void Relay::notice(const std::string& folder, const std::string& name) {
  if (folder == kProofFolder) {
    receiver_->note_event(name);
    return schedule_.set_no_later(Task::kScan, scan_pause_ends_ns_);
  }
  if (is_never_taken(name) || config_.ignore.matches(name)) return;
  std::shared_ptr<const Directory> directory;
  if (!inbox_.folder(folder, &directory).ok() || is_within_other_place(folder)) return;
  FileStat observed = directory->stat_of(name);
  if (observed.kind != FileKind::kRegular) return;
  Candidate candidate{folder, name, observed.identity};
  if (ledger_->is_returned(candidate.path(), candidate.identity)) return;
  const std::uint64_t now = host_.monotonic_ns();
  intake_->arrived(candidate.path(), observed.identity, now);
  // A sidecar lets its container go.
  if (is_sidecar(name)) {
    candidate.name = container_of_sidecar(name);
    observed = directory->stat_of(candidate.name);
    if (observed.kind != FileKind::kRegular) return;
    candidate.identity = observed.identity;
  }
  if (!intake_->is_ready(*directory, candidate, now)) return;
  if (intake_->size() < kFewWaiting && classify(candidate) == FileState::kReady)
    intake_->add_youngest(std::move(candidate));
}

// One whose own name was taken got another.
void Relay::note_returned(const Directory& folder, const Candidate& source,
                          const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    ledger_->note_returned(join(source.folder, name), folder.stat_of(name).identity, host_.monotonic_ns());
    const bool is_beside = is_sidecar(name) && !is_sidecar(source.name);
    if (name == source.name || (is_beside && container_of_sidecar(name) == source.name)) continue;
    const std::string was = is_beside ? sidecar_of(source.name) : source.name;
    reporter_.log({.level = Level::kWarn,
                   .name = "name_conflict",
                   .source = folder.path_of(was),
                   .target = folder.path_of(name),
                   .status = "ok",
                   .message = was + " is taken: another file that had the name is " + name + " now"});
  }
}

// ---- directories ---------------------------------------------------------------------------------------

bool Relay::check_places() {
  Places::Change change;
  const bool is_there = places_->check(&change).ok();
  if (change.any()) must_recover_ = true;
  if (change.inbox && !host_.once() && watcher_.open(config_.recursive)) watcher_.watch(inbox_.root(), "");
  return is_there && (!must_recover_ || resume());
}

// A place was opened again, or an exception ended a step: what a batch has open may be dead, and is known
// from the journal as well.
bool Relay::resume() {
  lanes_->give_up();
  ledger_->end_work();
  intake_->clear_window();
  schedule_.set_now(Task::kScan);
  swept_.clear();
  Status status = journal_.leave_in_flight();
  if (status.ok()) status = recover_intents();
  must_recover_ = !status.ok();
  if (must_recover_) reporter_.report_problem("recovery", status.message);
  return !must_recover_;
}

// ---- policy --------------------------------------------------------------------------------------------

void Relay::reload_policy() {
  if (!policy_file_->has_changed()) return;
  PolicyReading reading = policy_file_->read();
  std::vector<std::string> faults = reading.faults;
  for (const std::string& problem : {reading.missing, reading.unreadable})
    if (!problem.empty()) faults = {problem};
  for (const std::string& fault : faults)
    reporter_.log({.level = Level::kError,
                   .name = "policy_error",
                   .source = config_.policy,
                   .status = "error",
                   .message = fault + ": the previous policy stays in force"});
  if (!faults.empty()) return;
  const bool is_new = !(policy_ == reading.policy);
  policy_ = reading.policy;
  reporter_.set_level(policy_.log_level);
  // What was blocked by the same policy stays blocked, and its line is in the log.
  if (is_new) ledger_->end_blocks();
  if (is_new) peers_.judge_again();
  reporter_.log({.name = "policy_reload", .source = config_.policy, .status = "ok"});
  for (const std::string& warning : reading.warnings)
    reporter_.log(
        {.level = Level::kWarn, .name = "policy_warning", .source = config_.policy, .message = warning});
}

// ---- peers ---------------------------------------------------------------------------------------------

void Relay::refresh_peers() {
  const std::string before = peers_.rejected_sender(config_.inbox, inbox_.token());
  Status status = peers_.refresh(
      config_.manifest, config_.hmac_key.bytes(), policy_.require_sig,
      [this](const std::string& path, const Peer& peer) {
        Event event{.name = "handshake", .source = path, .status = "ok", .message = "peer=" + peer.node};
        if (peer.state == PeerState::kUnsigned) event.message += " unsigned";
        if (peer.state == PeerState::kUnverified) event.message += " unverified: no hmac_key";
        if (peer.state == PeerState::kRejected || peer.state == PeerState::kUnreadable) {
          bool rejected = peer.state == PeerState::kRejected;
          event.level = Level::kWarn;
          event.name = rejected ? "handshake_reject" : "handshake_parse_error";
          event.status = "rejected";
          event.message = peer.reason;
          if (rejected) event.texts.emplace_back("peer", peer.node);
          if (!rejected && policy_.require_sig)
            event.advice =
                "no container is delivered that may be of this peer, until its manifest can be read";
          if (rejected) event.advice = "give " + peer.node + " and this relay the same hmac_key";
        }
        reporter_.log(event);
      });
  reporter_.report_problem("peers", status.message);
  // What was blocked because of a peer passes when it is accepted.
  if (ledger_ && peers_.rejected_sender(config_.inbox, inbox_.token()) != before) ledger_->end_blocks();
}

void Relay::write_manifest() {
  std::uint64_t now = host_.monotonic_ns();
  if (now < manifest_due_ns_) return;
  std::map<std::string, std::string> payload = {{"datetime_utc", utc_text(host_.realtime_ns())},
                                                {"node", config_.node},
                                                {"platform", platform()},
                                                {"policy", config_.policy},
                                                {"inbox", config_.inbox},
                                                {"outbox", config_.outbox},
                                                {"version", kVersion}};
  // Its receiver may have it under another path.
  if (!outbox_.token().empty()) payload["outbox_place"] = outbox_.token();
  Status status =
      publish_file(config_.manifest, manifest_text(payload, config_.hmac_key.bytes()), Durable::kContents);
  reporter_.report_problem("manifest", status.message);
  if (status.ok()) manifest_due_ns_ = now + kManifestInterval;
}

}  // namespace paxect::link

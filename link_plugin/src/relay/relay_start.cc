// How a relay starts: settings, policy, lock, log, and what a crash left.
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/clock.h"
#include "base/digest.h"
#include "base/relay_paths.h"
#include "relay/relay.h"
#include "settings/claims.h"
#include "settings/path_checks.h"
#include "settings/pinned_keys.h"
#include "stages/gate.h"

namespace paxect::link {
namespace {

// Why a key that somebody else can write keeps the relay from starting; "" for none.
std::string exposure_among(const std::vector<PinnedKey>& pinned) {
  for (const PinnedKey& each : pinned)
    if (each.is_exposed && each.state != PinState::kRevoked) return each.problem;
  return "";
}

bool uses_keys(const LinkConfig& config) {
  const bool reads_lists = config.mode == Mode::kReceive && config.proof != ProofMode::kOff;
  return reads_lists || (config.mode == Mode::kSend && config.sign_key.key().has_value());
}

// The keys that this relay verifies by. A receiver that requires proof and has none delivers nothing.
Status check_pinned(const Host& host, const LinkConfig& config) {
  if (!uses_keys(config)) return Status::success();
  const bool is_required = config.proof == ProofMode::kRequire;
  std::vector<PinnedKey> pinned;
  Status status = read_pinned_keys(KeyFolder(config), &pinned);
  // Nothing says here whether this process is that of the relay, or another user checks the configuration.
  if (status.ok() && !exposure_among(pinned).empty()) {
    std::vector<PinnedKey> own;
    if (read_pinned_keys(KeyFolder(config.peers), &own).ok() && exposure_among(own).empty())
      pinned = std::move(own);
  }
  if (!status.ok()) {
    if (is_required) return status;
    host.log(PAXECT_LOG_WARN, status.message);
  }
  if (const std::string exposure = exposure_among(pinned); !exposure.empty())
    return Status::invalid(exposure);
  for (const PinnedKey& each : pinned) {
    const bool is_revoked = each.state == PinState::kRevoked;
    if (each.problem.empty() || (is_revoked && !each.is_exposed)) continue;
    host.log(PAXECT_LOG_WARN, each.problem + (is_revoked ? "" : ": nothing is verified by this key"));
  }
  const auto is_valid = [](const PinnedKey& key) {
    return key.state != PinState::kRevoked && key.problem.empty();
  };
  if (!is_required || std::any_of(pinned.begin(), pinned.end(), is_valid)) return Status::success();
  return Status::invalid("proof = require, and no key of a sender is pinned in " + config.peers +
                         ": `paxect link key pin NAME FILE` for each sender, or set proof = off");
}

// Of the process that runs the relay.
Status refuse_exposed(const LinkConfig& config) {
  std::vector<PinnedKey> pinned;
  if (!uses_keys(config) || !read_pinned_keys(KeyFolder(config.peers), &pinned).ok())
    return Status::success();
  const std::string exposure = exposure_among(pinned);
  return exposure.empty() ? Status::success() : Status::invalid(exposure);
}

}  // namespace

Relay::Relay(const Host& host) : host_(host), reporter_(host), random_(std::random_device{}()) {
  reporter_.on_flushed([this](const LogHead& head) { journal_.note_log(head); });
}

Relay::~Relay() = default;

paxect_plugin_status Relay::fail(paxect_plugin_status status, const std::string& message) {
  error_ = message;
  return status;
}

paxect_plugin_status Relay::init() {
  if (Status status = read_config(host_, KeyUse::kRequired, &config_); !status.ok())
    return fail(PAXECT_PLUGIN_CONFIG, status.message);
  if (Status status = check_paths(host_, config_); !status.ok())
    return fail(PAXECT_PLUGIN_CONFIG, status.message);
  if (const std::vector<std::string> conflicts = claim_resources(host_, config_); !conflicts.empty())
    return fail(PAXECT_PLUGIN_CONFIG, host_.log_all_but_last(conflicts));
  for (const std::string& warning : config_.warnings) host_.log(PAXECT_LOG_WARN, warning);
  if (!config_.key_problem.empty())
    host_.log(PAXECT_LOG_WARN,
              "hmac_key is not checked: it is a credential, which exists in its service alone");
  if (!config_.sign_key_problem.empty())
    host_.log(PAXECT_LOG_WARN,
              "sign_key is not checked: it is a credential, which exists in its service alone");
  if (Status status = check_pinned(host_, config_); !status.ok())
    return fail(PAXECT_PLUGIN_CONFIG, status.message);
  if (config_.hmac_key.has_value() || config_.sign_key.key()) host_.hold_secrets();
  policy_file_.emplace(config_.policy, config_.node);
  PolicyReading reading = policy_file_->read();
  if (!reading.unreadable.empty()) return fail(PAXECT_PLUGIN_CONFIG, reading.unreadable);
  if (!reading.ok())
    return fail(PAXECT_PLUGIN_CONFIG,
                host_.log_all_but_last(reading.faults) + ": correct it, or move it away to get the default");
  policy_ = reading.policy;
  if (std::string conflict = policy_conflict(policy_, config_.mode); !conflict.empty())
    host_.log(PAXECT_LOG_WARN, config_.policy + ": " + conflict);
  policy_warnings_ = reading.warnings;
  policy_missing_ = !reading.missing.empty();
  reporter_.set_level(policy_.log_level);
  // libcrypto reads its configuration once for each process: without SHA-256, no file could ever pass.
  if (Status status = check_sha256(); !status.ok()) return fail(PAXECT_PLUGIN_INTERNAL, status.message);
  return PAXECT_PLUGIN_OK;
}

// What a start does, in order. Each step is done once; one that fails because of something that may pass is
// tried again, by step().
paxect_plugin_status Relay::begin() {
  static constexpr Status (Relay::*kSteps[])() = {
      &Relay::take_lock,       &Relay::write_policy, &Relay::open_log,
      &Relay::read_pinned,     &Relay::open_journal, &Relay::open_places,
      &Relay::recover_intents, &Relay::announce,     &Relay::enter_sandbox};
  while (steps_done_ < std::size(kSteps)) {
    // By way of a variable: UBSan of GCC 12 miscounts an index inside of a call through a member pointer.
    const auto step = kSteps[steps_done_];
    Status status = (this->*step)();
    if (status.fault == Fault::kWait) return fail(PAXECT_PLUGIN_BUSY, status.message);
    if (status.fault == Fault::kStopped) return PAXECT_PLUGIN_OK;
    if (!status.ok() && status.fault != Fault::kEnvironment && status.fault != Fault::kGone)
      return fail(PAXECT_PLUGIN_CONFIG, status.message);
    reporter_.report_problem("start", status.message);
    if (!status.ok()) return PAXECT_PLUGIN_OK;
    ++steps_done_;
  }
  started_ = true;
  return PAXECT_PLUGIN_OK;
}

Status Relay::take_lock() {
  for (const std::string& directory :
       {directory_name(config_.lock), directory_name(config_.state), directory_name(config_.log),
        directory_name(config_.policy), directory_name(config_.manifest)})
    if (Status status = make_directories(directory); !status.ok()) return status;
  const auto if_none = config_.locks_needed ? RelayLock::IfNone::kFail : RelayLock::IfNone::kContinue;
  for (RelayLock* lock : {&lock_, &state_lock_}) {
    if (lock->is_held() || (lock == &state_lock_ && config_.state == config_.lock)) continue;
    lock->set_if_none(if_none);
    std::string stale;
    if (Status status = lock->acquire(lock == &lock_ ? config_.lock : config_.state, &stale); !status.ok())
      return status;
    if (!stale.empty()) stale_lock_ = stale;
  }
  // Before anything is written: the journal may be that of a relay whose lock file is gone.
  Directory inbox;
  if (!Directory::open(config_.inbox, &inbox).ok()) return Status::success();
  return lock_.acquire_directory(inbox);
}

Status Relay::write_policy() {
  if (!policy_missing_) return Status::success();
  // Another section may have written it in the meantime.
  PolicyReading reading = policy_file_->read();
  if (reading.missing.empty()) {
    if (reading.ok()) policy_ = reading.policy;
    return Status::success();
  }
  return policy_file_->write_default();
}

Status Relay::open_log() {
  if (Status status = reporter_.audit().open(config_.log, config_.log_max); !status.ok()) return status;
  if (!stale_lock_.empty())
    reporter_.log({.level = Level::kWarn,
                   .name = "stale_lock",
                   .source = config_.lock,
                   .status = "ok",
                   .message = stale_lock_});
  return Status::success();
}

// Before any container could pass without proof.
Status Relay::read_pinned() { return receiver_->read_keys(); }

Status Relay::open_places() {
  Places::Change change;
  Status status = places_->check(&change);
  if (status.ok()) {
    inbox_.on_open(
        [this](const Directory& folder, const std::string& relative) { watcher_.watch(folder, relative); });
  } else if (status.fault == Fault::kEnvironment) {
    status.message.clear();  // it is reported as a problem of the place
  }
  return status;
}

Status Relay::announce() {
  recall_attempts();
  if (!host_.once() && watcher_.open(config_.recursive)) watcher_.watch(inbox_.root(), "");
  reporter_.log({.name = "startup",
                 .source = config_.inbox,
                 .target = config_.outbox,
                 .status = "ok",
                 .message = "mode=" + std::string(name_of(config_.mode)) + " node=" + config_.node +
                            " pid=" + std::to_string(getpid()) +
                            (receiver_->is_on() ? " proof=" + std::string(name_of(receiver_->mode())) : ""),
                 .numbers = {{"last_id", journal_.last_id()}},
                 .texts = {{"relay", std::string(short_token_of(journal_.relay_token()))}}});
  for (const std::string& warning : policy_warnings_)
    reporter_.log(
        {.level = Level::kWarn, .name = "policy_warning", .source = config_.policy, .message = warning});
  if (policy_.require_sig && !config_.hmac_key.has_value())
    reporter_.log({.level = Level::kWarn,
                   .name = "policy_warning",
                   .source = config_.policy,
                   .message = "require_sig is true but there is no hmac_key: every peer is rejected"});
  return Status::success();
}

void Relay::make_parts() {
  std::int64_t last_alive_ns = 0;
  std::ignore = read_state(config_.state, &last_alive_ns);
  const Stop stop = [this] {
    state_file_->keep_alive(host_.monotonic_ns(), host_.realtime_ns());
    return host_.stop_requested();
  };
  completeness_.emplace(
      config_.settle_ns,
      Completeness::Events{
          .is_written = [this](const std::string& path) { return watcher_.is_written(path); },
          .may_be_open = [this](const std::string& path) { return watcher_.may_be_open(path); }});
  ledger_.emplace(Ledger::Settings{.backoff_ns = config_.backoff_ns,
                                   .random = [this] { return random_(); },
                                   .realtime_ns = [this] { return host_.realtime_ns(); }});
  intake_.emplace(
      Intake::Settings{.settle_ns = config_.settle_ns,
                       .min_age_ns = config_.min_age_ns,
                       .recursive = config_.recursive,
                       .large_bytes = Lanes::kLargeBytes,
                       .judge =
                           [this](const Directory& folder, const Candidate& candidate, bool written) {
                             return completeness_->judge(folder, candidate.name, candidate.path(),
                                                         candidate.identity, written);
                           },
                       .ignored = [this](std::string_view name) { return config_.ignore.matches(name); }},
      &*ledger_);
  places_.emplace(Places::Parts{.config = config_,
                                .journal = journal_,
                                .reporter = reporter_,
                                .lock = lock_,
                                .inbox = inbox_,
                                .outbox = outbox_,
                                .stop = stop});
  quarantine_.emplace(
      config_.quarantine,
      [this](std::shared_ptr<const Directory>* out) { return places_->open_quarantine(out); }, stop);
  state_file_.emplace(config_.state);
  if (!config_.metrics_file.empty()) metrics_.emplace(config_.metrics_file, host_.realtime_ns());
  const Returned returned = [this](const Directory& folder, const Candidate& source,
                                   const std::vector<std::string>& names) {
    note_returned(folder, source, names);
  };
  failures_.emplace(Failures::Parts{.host = host_,
                                    .config = config_,
                                    .policy = policy_,
                                    .inbox = inbox_,
                                    .reporter = reporter_,
                                    .ledger = *ledger_,
                                    .journal = journal_,
                                    .quarantine = *quarantine_,
                                    .metrics = metrics_ ? &*metrics_ : nullptr,
                                    .open_for_writing =
                                        [this](const Candidate& source) {
                                          intake_->still_written(source.path(), source.identity,
                                                                 host_.monotonic_ns());
                                        },
                                    .returned = returned});
  removal_.emplace(
      &inbox_, &journal_, stop, [this](const std::string& path) { return watcher_.may_be_open(path); },
      returned, [this](const Candidate& source, const Status& status) { failures_->note(source, status); });
  lists_.emplace(ListSender::Parts{.host = host_,
                                   .config = config_,
                                   .journal = journal_,
                                   .reporter = reporter_,
                                   .outbox = outbox_,
                                   .stop = stop});
  receiver_.emplace(
      Receiver::Parts{.host = host_,
                      .config = config_,
                      .inbox = inbox_,
                      .outbox = outbox_,
                      .reporter = reporter_,
                      .ledger = *ledger_,
                      .journal = journal_,
                      .open_target = [this](const Intent& intent, std::shared_ptr<const Directory>* out) {
                        return open_target_folder(intent, out);
                      }});
  receipts_.emplace(Receipts::Parts{
      .host = host_, .config = config_, .inbox = inbox_, .reporter = reporter_, .journal = journal_});
  kept_.emplace(KeptSources::Parts{
      .host = host_,
      .config = config_,
      .journal = journal_,
      .reporter = reporter_,
      .last_alive_utc_s = last_alive_ns / static_cast<std::int64_t>(kSecond),
      .is_gone =
          [this](const SentEntry& entry) {
            return inbox_.is_in_place() &&
                   is_source_gone(inbox_.root(), inbox_.token(), journal_.done(), entry);
          },
      .numbers_are_used = [this](std::uint64_t list) { lists_->give_up_numbers(list); },
      .sources_are_unknown = [this](std::int64_t made) { hold_older(made); },
      .list_again =
          [this](const std::vector<SentStream::EntryNumber>& entries,
                 std::vector<SentStream::EntryNumber>* lost) { return lists_->write_again(entries, lost); }});
  lanes_.emplace(Batch::Parts{.inbox = inbox_,
                              .journal = journal_,
                              .ledger = *ledger_,
                              .reporter = reporter_,
                              .removal = *removal_,
                              .lists = *lists_,
                              .kept = *kept_,
                              .failures = *failures_,
                              .receiver = *receiver_,
                              .policy = policy_,
                              .stop = stop,
                              .delivered = [this](const Transfer& transfer) { note_delivered(transfer); },
                              .left_behind = [this](const Intent& intent) { note_left_behind(intent); }},
                 config_.core, config_.encoding);
}

paxect_plugin_status Relay::start() {
  for (const std::string* problem : {&config_.key_problem, &config_.sign_key_problem})
    if (!problem->empty()) return fail(PAXECT_PLUGIN_CONFIG, *problem);
  if (Status status = refuse_exposed(config_); !status.ok())
    return fail(PAXECT_PLUGIN_CONFIG, status.message);
  make_parts();
  const paxect_plugin_status status = begin();
  if (status == PAXECT_PLUGIN_OK) wait_or_flush();
  return status;
}

// Continues a start that waits for something.
paxect_plugin_status Relay::step_start(paxect_step* result) {
  if (host_.once()) {
    result->state = PAXECT_STEP_DONE;
    result->outcome = PAXECT_PLUGIN_INCOMPLETE;
    return PAXECT_PLUGIN_OK;
  }
  if (schedule_.is_due(Task::kStalled, host_.monotonic_ns()))
    if (const paxect_plugin_status status = begin(); status != PAXECT_PLUGIN_OK) return status;
  wait_or_flush();
  if (started_) result->state = PAXECT_STEP_AGAIN;
  result->wake_at_ns = schedule_.due_ns(Task::kStalled);
  return PAXECT_PLUGIN_OK;
}

// After a try to start.
void Relay::wait_or_flush() {
  schedule_.set(Task::kStalled, started_ ? Schedule::kNever : host_.monotonic_ns() + kSecond);
  // The line about the start of a new journal shows later that there was one. Otherwise the step that follows
  // at once flushes it with its own lines.
  if (reporter_.audit().is_open() && (!started_ || journal_.is_new())) flush_log();
  if (!started_ && lock_.is_held()) serve_reports();
}

void Relay::stop() {
  if (started_) {
    end_batches();
    if (!must_recover_ && inbox_.is_in_place() && outbox_.is_in_place() && lists_->owes()) lists_->tend();
    if (!must_recover_) issue_receipts(host_.monotonic_ns(), true);
    reporter_.log({.name = "shutdown", .source = config_.inbox, .target = config_.outbox, .status = "ok"});
    if (Status status = reporter_.flush(); !status.ok())
      host_.log(PAXECT_LOG_ERROR, "deferred " + status.message);
    else
      failures_->note_flushed();
    // Not the intents that an exception may have left behind what the file says of them.
    if (!must_recover_) checkpoint();
  }
  // Also of one that never got as far as to start.
  if (lock_.is_held()) {
    oldest_due_ns_ = 0;
    write_state();
    if (metrics_) write_metrics(false);
  }
  started_ = false;
  state_lock_.release();
  lock_.release();
}

}  // namespace paxect::link

// How a relay starts: settings, policy, lock, log, and what a crash left.
#include <unistd.h>

#include "base/clock.h"
#include "base/relay_paths.h"
#include "relay/relay.h"
#include "stages/gate.h"

namespace paxect::link {
Relay::Relay(const Host& host)
    : host_(host), reporter_(host), returned_(&reporter_), random_(std::random_device{}()) {}

Relay::~Relay() = default;

paxect_plugin_status Relay::fail(paxect_plugin_status status, const std::string& message) {
  error_ = message;
  return status;
}

paxect_plugin_status Relay::init() {
  std::string problem;
  if (!read_config(host_, KeyUse::kRequired, &config_, &problem)) return fail(PAXECT_PLUGIN_CONFIG, problem);
  for (const std::string& warning : config_.warnings) host_.log(PAXECT_LOG_WARN, warning);
  if (!config_.key_problem.empty())
    host_.log(PAXECT_LOG_WARN, "hmac_key is not looked at: it is a credential, which its service alone has");
  if (config_.hmac_key.has_value()) host_.hold_secrets();
  policy_file_.emplace(config_.policy, config_.node);
  PolicyReading reading = policy_file_->read();
  if (!reading.unreadable.empty()) return fail(PAXECT_PLUGIN_CONFIG, reading.unreadable);
  if (!reading.ok()) {
    // The host reports the last one.
    for (std::size_t i = 0; i + 1 < reading.faults.size(); ++i)
      host_.log(PAXECT_LOG_ERROR, reading.faults[i]);
    return fail(PAXECT_PLUGIN_CONFIG,
                reading.faults.back() + ": correct it, or move it away to get the default");
  }
  policy_ = reading.policy;
  if (std::string conflict = policy_conflict(policy_, config_.mode); !conflict.empty())
    host_.log(PAXECT_LOG_WARN, config_.policy + ": " + conflict);
  policy_warnings_ = reading.warnings;
  policy_missing_ = !reading.missing.empty();
  reporter_.set_level(policy_.log_level);
  return PAXECT_PLUGIN_OK;
}

Status Relay::prepare_start(paxect_plugin_status* failure) {
  *failure = PAXECT_PLUGIN_CONFIG;
  for (const std::string& directory :
       {config_.inbox, config_.outbox, directory_name(config_.lock), directory_name(config_.log),
        directory_name(config_.policy), directory_name(config_.manifest)})
    if (Status status = make_directories(directory); !status.ok()) return status;
  if (Status status = inbox_.open(config_.inbox); !status.ok()) return status;
  if (Status status = outbox_.open(config_.outbox); !status.ok()) return status;
  if (look_at(inbox_.root().fd()).identity.inode == look_at(outbox_.root().fd()).identity.inode &&
      inbox_.root().device() == outbox_.root().device())
    return Status::environment("inbox " + config_.inbox + " and outbox " + config_.outbox +
                               " are one directory: give two");
  inbox_.on_open(
      [this](const Directory& folder, const std::string& relative) { watcher_.watch(folder, relative); });
  std::string stale;
  Status status = lock_.acquire(config_.lock, &stale);
  if (status.fault == Fault::kWait) *failure = PAXECT_PLUGIN_BUSY;
  if (!status.ok()) return status;
  if (policy_missing_)
    if (status = policy_file_->write_default(); !status.ok()) return status;
  if (status = reporter_.audit().open(config_.log, config_.log_max); !status.ok()) return status;
  if (!stale.empty())
    reporter_.log({.level = Level::kWarn,
                   .name = "stale_lock",
                   .source = config_.lock,
                   .status = "ok",
                   .message = stale});
  if (status = open_journal(); !status.ok()) return status;
  return recover_intents();
}

void Relay::make_parts() {
  const Stop stop = [this] {
    state_file_->keep_alive(host_.monotonic_ns(), host_.realtime_ns());
    return host_.stop_requested();
  };
  completeness_.emplace(config_.settle_ns,
                        [this](const std::string& path) { return watcher_.is_written(path); });
  intake_.emplace(
      Intake::Settings{.settle_ns = config_.settle_ns,
                       .min_age_ns = config_.min_age_ns,
                       .recursive = config_.recursive,
                       .judge =
                           [this](const Directory& folder, const Candidate& candidate, bool written) {
                             return completeness_->judge(folder, candidate.name, candidate.path(),
                                                         candidate.identity, written);
                           },
                       .ignored = [this](std::string_view name) { return config_.ignore.matches(name); }});
  retry_.emplace(config_.backoff_ns, [this] { return random_(); });
  quarantine_.emplace(config_.quarantine, stop);
  state_file_.emplace(config_.lock);
  if (!config_.metrics_file.empty()) metrics_.emplace(config_.metrics_file, host_.realtime_ns());
  failures_.emplace(Failures::Parts{.host = host_,
                                    .config = config_,
                                    .policy = policy_,
                                    .inbox = inbox_,
                                    .reporter = reporter_,
                                    .returned = returned_,
                                    .retry = *retry_,
                                    .quarantine = *quarantine_,
                                    .metrics = metrics_ ? &*metrics_ : nullptr,
                                    .open_for_writing = [this](const Candidate& source) {
                                      intake_->still_written(source.path(), source.identity,
                                                             host_.monotonic_ns());
                                    }});
  removal_.emplace(
      &inbox_, &journal_, &returned_, stop,
      [this](const Candidate& source, const Status& status) { failures_->note(source, status); });
  workers_.emplace(config_.core, config_.encoding, stop);
  batch_parts_.emplace(
      Batch::Parts{.inbox = inbox_,
                   .journal = journal_,
                   .reporter = reporter_,
                   .removal = *removal_,
                   .failures = *failures_,
                   .policy = policy_,
                   .stop = stop,
                   .delivered = [this](const Transfer& transfer) { note_delivered(transfer); }});
}

paxect_plugin_status Relay::start() {
  if (!config_.key_problem.empty()) return fail(PAXECT_PLUGIN_CONFIG, config_.key_problem);
  make_parts();
  paxect_plugin_status failure = PAXECT_PLUGIN_OK;
  Status status = prepare_start(&failure);
  if (!status.ok()) return fail(failure, status.message);
  recall_attempts();
  if (!host_.once() && watcher_.open(config_.recursive)) watcher_.watch(inbox_.root(), "");
  reporter_.log({.name = "startup",
                 .source = config_.inbox,
                 .target = config_.outbox,
                 .status = "ok",
                 .message = "mode=" + std::string(name_of(config_.mode)) + " node=" + config_.node +
                            " pid=" + std::to_string(getpid())});
  for (const std::string& warning : policy_warnings_)
    reporter_.log(
        {.level = Level::kWarn, .name = "policy_warning", .source = config_.policy, .message = warning});
  if (policy_.require_sig && !config_.hmac_key.has_value())
    reporter_.log({.level = Level::kWarn,
                   .name = "policy_warning",
                   .source = config_.policy,
                   .message = "require_sig is true but there is no hmac_key: every peer is rejected"});
  if (status = enter_sandbox(); !status.ok()) return fail(PAXECT_PLUGIN_CONFIG, status.message);
  status = reporter_.flush();
  if (!status.ok()) return fail(PAXECT_PLUGIN_CONFIG, status.message);
  started_ = true;
  return PAXECT_PLUGIN_OK;
}

void Relay::stop() {
  if (started_) {
    reporter_.log({.name = "shutdown", .source = config_.inbox, .target = config_.outbox, .status = "ok"});
    if (Status status = reporter_.flush(); !status.ok())
      host_.log(PAXECT_LOG_ERROR, "deferred " + status.message);
    checkpoint();
    write_state();
    if (metrics_) write_metrics(false);
  }
  started_ = false;
  lock_.release();
}

}  // namespace paxect::link

#include "commands/backlog.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "base/clock.h"
#include "base/place.h"
#include "base/relay_paths.h"
#include "stages/gate.h"
#include "stages/intake.h"

namespace paxect::link {
namespace {

constexpr const char* kHeldReason = "it may have been delivered, and the journal cannot say";

// Gives each file that the intake finds the state that it has, or would have, for the relay.
class Classifier {
 public:
  Classifier(const RelayContext& context, const Directory& inbox, const JournalContents& journal,
             const std::optional<RelayState>& state)
      : station_(context),
        inbox_(inbox),
        journal_(journal),
        place_(inbox_place(context, journal)),
        rejected_sender_(rejected_sender(context, journal)) {
    if (state)
      for (const WaitingFile& file : state->waiting) waiting_[file.path] = &file;
  }

  FileState classify(const Candidate& candidate) {
    const std::string path = candidate.path();
    if (is_in(journal_.done, candidate)) return FileState::kDone;
    const WaitingFile* known = reported(path, candidate.identity);
    if (is_in(journal_.held, candidate)) return keep(candidate, known, FileState::kHeld, kHeldReason);
    // A sidecar is no file of its own beside its container.
    if (is_sidecar(candidate.name) && exists(container_of_sidecar(path))) return FileState::kAttached;
    const FileState state = known != nullptr ? known->state : FileState::kReady;
    if (state == FileState::kHeld) return keep(candidate, known, state, known->reason);
    const std::string reason = block_reason(station_.policy, station_.config.mode, station_.config.node,
                                            rejected_sender_, candidate.name, candidate.identity.size);
    if (!reason.empty()) return keep(candidate, known, FileState::kBlocked, reason);
    if (state != FileState::kBlocked) bytes_ += candidate.identity.size;
    return state == FileState::kReady ? state : keep(candidate, known, state, known->reason);
  }
  // The files that are pending, blocked or held.
  std::map<std::string, WaitingFile> take_waiting() { return std::move(kept_); }
  // Of the files that are ready or pending.
  std::uint64_t bytes() const { return bytes_; }

 private:
  bool is_in(const SourceTable& table, const Candidate& candidate) const {
    const SourceRecord* record = table.find(place_, candidate.path());
    return record != nullptr && match_source(record->identity, candidate.identity) != SourceMatch::kOther;
  }
  const WaitingFile* reported(const std::string& path, const FileIdentity& identity) const {
    const auto found = waiting_.find(path);
    const bool is_it = found != waiting_.end() && found->second->identity.same_but_device(identity);
    return is_it ? found->second : nullptr;
  }
  FileState keep(const Candidate& candidate, const WaitingFile* known, FileState state,
                 const std::string& reason) {
    WaitingFile file = known != nullptr && known->state == state
                           ? *known
                           : WaitingFile{.path = candidate.path(),
                                         .identity = candidate.identity,
                                         .state = state,
                                         .arrived_utc_ns = candidate.identity.ctime_ns,
                                         .event = state == FileState::kHeld ? "held" : "policy_block",
                                         .reason = reason};
    kept_.insert_or_assign(file.path, std::move(file));
    return state;
  }
  bool exists(const std::string& path) const {
    FileIdentity ignored;
    return identity_of(inbox_.path_of(path), &ignored);
  }

  const RelayContext& station_;
  const Directory& inbox_;
  const JournalContents& journal_;
  const std::string place_;
  const std::string rejected_sender_;
  std::uint64_t bytes_ = 0;
  std::unordered_map<std::string_view, const WaitingFile*> waiting_;
  std::map<std::string, WaitingFile> kept_;
};

// Takes every file of the inbox through the classifier.
Status take_inventory(const RelayContext& context, const Directory& inbox, Classifier* classifier,
                      Ledger* ledger) {
  Intake intake({.settle_ns = 0,
                 .recursive = context.config.recursive,
                 .window = 0,
                 .ignored = [&](std::string_view name) { return context.config.ignore.matches(name); }},
                ledger);
  auto classify = [&](const Candidate& candidate) { return classifier->classify(candidate); };
  auto unexpected = [](const std::string&, const std::string&, const std::string&) {};
  // The intake hands a file out at the second observation; here the two follow each other at once.
  for (const std::uint64_t time : {1U, 2U})
    if (Status status = intake.scan(inbox, time, classify, unexpected); !status.ok()) return status;
  return Status::success();
}

}  // namespace

Status measure_backlog(const RelayContext& context, const JournalContents& journal,
                       const std::optional<RelayState>& state, std::int64_t now_ns, Backlog* out) {
  *out = {};
  for (const Intent& intent : journal.intents)
    if (is_in_flight(intent)) ++out->in_flight;
  if (Status status = check_inbox(context.config, journal.places); !status.ok()) return status;
  if (is_absent(context.config.inbox)) return Status::success();
  Directory inbox;
  if (Status status = Directory::open(context.config.inbox, &inbox); !status.ok()) return status;
  Classifier classifier(context, inbox, journal, state);
  Ledger ledger({.realtime_ns = [&] { return now_ns; }});
  if (Status status = take_inventory(context, inbox, &classifier, &ledger); !status.ok()) return status;
  const LedgerTally tally = ledger.tally();
  out->pending = tally.of(FileState::kPending);
  out->files = tally.of(FileState::kReady) + out->pending;
  out->bytes = classifier.bytes();
  out->blocked = tally.of(FileState::kBlocked);
  out->held = tally.of(FileState::kHeld);
  out->kept = tally.of(FileState::kDone);
  out->ignored = tally.of(FileState::kUnexpected);
  if (out->files == 0 || !tally.oldest_s) return Status::success();
  // The relay knows when it saw the file first; without one, its ctime has to do.
  const std::int64_t age_ns = state && state->oldest_utc_ns > 0
                                  ? now_ns - state->oldest_utc_ns
                                  : -*tally.oldest_s * static_cast<std::int64_t>(kSecond);
  out->oldest_seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(0, age_ns)) / kSecond;
  return Status::success();
}

Status list_waiting(const RelayContext& context, const JournalContents& journal,
                    const std::optional<RelayState>& state, std::int64_t now_ns,
                    std::map<std::string, WaitingFile>* out) {
  out->clear();
  if (Status status = check_inbox(context.config, journal.places); !status.ok()) return status;
  if (is_absent(context.config.inbox)) return Status::success();
  Directory inbox;
  if (Status status = Directory::open(context.config.inbox, &inbox); !status.ok()) return status;
  Classifier classifier(context, inbox, journal, state);
  Ledger ledger({.realtime_ns = [&] { return now_ns; }});
  Status status = take_inventory(context, inbox, &classifier, &ledger);
  *out = classifier.take_waiting();
  return status;
}

std::string rejected_sender(const RelayContext& context, const JournalContents& journal) {
  const LinkConfig& config = context.config;
  if (!context.policy.require_sig || !config.key_problem.empty()) return "";
  PeerTable peers;
  std::ignore =
      peers.refresh(config.manifest, config.hmac_key.bytes(), true, [](const auto&, const auto&) {});
  return peers.rejected_sender(config.inbox, inbox_place(context, journal));
}

std::string inbox_place(const RelayContext& context, const JournalContents& journal) {
  const KnownPlace* place = current_place(journal.places, "inbox", context.config.inbox);
  return place == nullptr ? "" : place->token;
}

}  // namespace paxect::link

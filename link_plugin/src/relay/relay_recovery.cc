// What a relay makes of what an earlier process left: the journal, its intents, and the files of the inbox
// that nobody can decide about. (the rules: RECOVERY.md)
#include <algorithm>
#include <tuple>

#include "base/clock.h"
#include "base/relay_paths.h"
#include "relay/delivery_events.h"
#include "relay/recovery.h"
#include "relay/relay.h"

namespace paxect::link {
namespace {

constexpr const char* kRemedy = "touch it to deliver it (again), or remove it when its receiver has it";
// Not that one: whoever touches the file has it delivered again, whatever became of the first delivery.
constexpr const char* kOpenRemedy = "leave it as it is and bring that back: the relay then decides";
// Between two tries to decide about the intents that are open, at least.
constexpr std::uint64_t kRetryInterval = 5 * kSecond;
// One part in so many of a processor's time is for them: each try may read the log.
constexpr std::uint64_t kRetryShare = 20;

}  // namespace

// Needs no place. What is wrong with the journal is for recover_intents().
Status Relay::open_journal() {
  Status status = journal_.open(journal_of(config_.state), &journal_damage_);
  if (status.ok()) reporter_.audit().follow(journal_.log());
  return status;
}

// A journal that was damaged, cut or replaced by an older one says less than what happened. What it does not
// say is then no evidence.
Status Relay::check_journal() {
  std::string damage = journal_damage_;
  const bool was_missing = journal_.is_new();
  const std::string path = journal_of(config_.state);
  const std::string own(short_token_of(journal_.relay_token()));
  const LoggedDelivery last = reporter_.audit().last_delivery(config_.inbox, own);
  const bool is_ours = last.relay == own;
  auto is_prepared = [&](const Intent& intent) { return intent.prepared || intent.finished; };
  if (damage.empty() && journal_.is_new() && last.has_other) {
    damage = "it was missing, and the log " + config_.log + " shows that this inbox had one";
  } else if (damage.empty() && !last.relay.empty()) {
    const bool is_behind =
        is_ours && (last.id > journal_.last_id() ||
                    std::any_of(journal_.left().begin(), journal_.left().end(), [&](const Intent& intent) {
                      return !is_prepared(intent) && reporter_.audit().has(own, intent.id, intent.log_offset);
                    }));
    if (!is_ours || is_behind) damage = "it is older than the log " + config_.log;
  }
  std::string unknown;
  if (receiver_->is_on()) {
    std::string receipt;
    if (Status status = receipts_->find_unknown(&unknown, &receipt); !status.ok()) return status;
    if (damage.empty() && !unknown.empty())
      damage = (was_missing ? "it was missing, and " : "it is older than ") + receipt +
               (was_missing ? " shows that this inbox had one" : ", which says what it does not know");
  }
  if (damage.empty()) return Status::success();
  std::string kept;
  const std::string inbox[] = {inbox_.token()};
  Status status = journal_.distrust(inbox, is_ours ? last.id : 0, host_.realtime_ns(), &kept);
  if (status.ok() && !unknown.empty()) status = journal_.note_received(unknown, true);
  if (!status.ok()) return status;
  journal_damage_.clear();
  reporter_.log({.level = Level::kError,
                 .name = "journal_damaged",
                 .source = config_.inbox,
                 .target = kept,
                 .status = "error",
                 .message = "the journal " + path + " cannot be trusted: " + damage +
                            ": files in the inbox that may have been delivered are held" +
                            (was_missing ? "" : "; the old journal is " + kept),
                 .numbers = {{"last_id", journal_.last_old_id()}},
                 .texts = {{"relay", std::string(short_token_of(journal_.relay_token()))}}});
  return reporter_.flush();
}

// Once the places are open, and again when a place is back; with the journal opened again before that, also
// for the intents of a batch that was given up in between.
Status Relay::recover_intents() {
  // What an earlier try has logged. While it cannot be flushed, another one would log it again.
  if (Status status = reporter_.flush(); !status.ok()) return status;
  if (Status status = check_journal(); !status.ok()) return status;
  Delivered delivered;
  std::set<std::uint64_t> over;
  if (Status status = resolve_left(&delivered, &over); !status.ok()) return status;
  // Together: what is delivered must be remembered before a removal of the same name is ended.
  const SourceTable::Records& done = journal_.done().of(inbox_.token());
  delivered.insert(delivered.end(), done.begin(), done.end());
  if (Status status = removal_->recover(delivered); !status.ok()) return status;
  hold_unseen();
  // What was not seen is seen by the next start.
  if (host_.stop_requested()) return Status::stopped();
  for (const Tree* tree : {&inbox_, &outbox_}) sweep_temporaries(tree->root(), journal_);
  // Not again when a folder of a batch is opened: lists are written there too.
  swept_.insert(outbox_.token() + "/");
  journal_.resolve([&](const Intent& intent) { return over.contains(intent.id); });
  checkpoint();
  lists_->start();
  return Status::success();
}

// What was open may be decided once a mount below a place, or a disk that failed, is back.
void Relay::retry_recovery(std::uint64_t now_ns) {
  if (must_recover_ || journal_.left().empty() || now_ns < retry_due_ns_) return;
  // A reload comes here while a place is away, too.
  if (!inbox_.is_in_place() || !outbox_.is_in_place() || !reporter_.flush().ok()) return;
  const std::uint64_t cpu_begin = thread_cpu_ns();
  Delivered delivered;
  std::set<std::uint64_t> over;
  Status status = resolve_left(&delivered, &over);
  if (status.ok() && !over.empty()) status = removal_->recover(delivered);
  if (!status.ok() && status.fault != Fault::kStopped) reporter_.report_problem("recovery", status.message);
  if (status.ok() && !over.empty()) {
    journal_.resolve([&](const Intent& intent) { return over.contains(intent.id); });
    checkpoint();
    schedule_.set_now(Task::kScan);
  }
  retry_due_ns_ =
      host_.monotonic_ns() + std::max(kRetryInterval, (thread_cpu_ns() - cpu_begin) * kRetryShare);
}

// Decides about each intent that is left, and undoes or completes its delivery. `*over` receives those that
// the journal may forget, `*delivered` the sources of what was delivered to the present inbox.
Status Relay::resolve_left(Delivered* delivered, std::set<std::uint64_t>* over) {
  const Evidence evidence{.inbox = inbox_,
                          .outbox = outbox_,
                          .is_logged = [this](const Intent& intent) { return is_logged(intent); },
                          .stop = [this] { return host_.stop_requested(); },
                          .boot = journal_.boot()};
  std::vector<std::pair<const Intent*, Verdict>> verdicts;
  std::vector<std::uint64_t> aborted;
  for (const Intent& intent : journal_.left()) {
    Verdict verdict;
    if (Status status = judge(intent, evidence, &verdict); !status.ok()) return status;
    if (verdict.outcome == Fate::kUndelivered && intent.prepared) aborted.push_back(intent.id);
    verdicts.emplace_back(&intent, std::move(verdict));
  }
  // Before a temporary goes away the journal must not read any more as if that meant delivery.
  if (Status status = journal_.abort(aborted); !status.ok()) return status;
  std::string problem;
  Flushed flushed;
  for (const auto& [intent, verdict] : verdicts) {
    Status status;
    if (verdict.outcome == Fate::kDelivered) status = flush_name(*intent, evidence, &flushed);
    if (!status.ok()) {
      problem = status.message;
      continue;
    }
    if (verdict.outcome == Fate::kUndelivered) status = undo(*intent, evidence);
    if (verdict.outcome == Fate::kDelivered) status = tidy(*intent, verdict, evidence);
    if (verdict.outcome == Fate::kDelivered) finish_recovered(*intent, verdict, delivered);
    if (verdict.outcome == Fate::kUndecided) hold(*intent, verdict.why);
    if (verdict.outcome == Fate::kOpen) problem = intent->source + ": " + verdict.why;
    if (!status.ok()) problem = status.message;
    if (status.ok() && verdict.outcome != Fate::kOpen) over->insert(intent->id);
  }
  reporter_.report_problem("recovery", problem);
  return reporter_.flush();
}

bool Relay::is_logged(const Intent& intent) const {
  return reporter_.audit().has(short_token_of(journal_.relay_token()), intent.id, intent.log_offset);
}

// No second delivery. Its line may be missing, its source may still exist.
void Relay::finish_recovered(const Intent& intent, const Verdict& verdict, Delivered* delivered) {
  const Directory& base = intent.into_inbox ? inbox_.root() : outbox_.root();
  const std::string from = inbox_.root().path_of(intent.source);
  const std::string to = base.path_of(join(intent.folder, verdict.name));
  if (!intent.finished && !is_logged(intent)) {
    const Published published = intent.duplicate              ? Published::kDuplicate
                                : verdict.name != intent.name ? Published::kConflict
                                                              : Published::kDelivered;
    std::vector<Event> events = delivery_events(
        intent, {.source = from, .target = to, .published = published}, journal_.relay_token(), *receiver_);
    events.back().texts.emplace_back("note", "finished after a restart");
    for (const Event& event : events) reporter_.log(event);
  }
  // With its own record of the end, it has that of the list too.
  if (lists_->is_on() && intent.container && !intent.finished) {
    SentEntry entry = lists_->entry_of(intent, verdict.name);
    if (lists_->lacks(&entry, intent.duplicate)) journal_.note_sent(entry);
    lists_->note_sent();
  }
  const SourceRecord record{.identity = intent.identity,
                            .digest = intent.source_digest,
                            .nested = intent.source_nested,
                            .original = intent.repair ? intent.repair->digest : ""};
  // Another inbox is here now: that one's sources are recognized when it is back.
  if (intent.source_place != inbox_.token())
    return journal_.remember(intent.source_place, intent.source, record);
  const Candidate source = candidate_of(intent.source, intent.identity);
  removal_->note_folder(source.folder);
  delivered->emplace_back(intent.source, record);
  Directory folder;
  Status status = inbox_.root().open_below(source.folder, false, &folder);
  const FileStat observed = status.ok() ? folder.stat_of(source.name) : FileStat{};
  if (status.fault == Fault::kGone && !intent.source_nested) return;
  if (status.ok() && observed.kind != FileKind::kUnknown &&
      (observed.kind != FileKind::kRegular ||
       match_source(intent.identity, observed.identity) == SourceMatch::kOther))
    return;
  // The first scan removes it, or keeps it, as the policy says.
  journal_.remember(intent.source_place, intent.source, record);
}

// ---- held files ------------------------------------------------------------------------------------------

// The source of a delivery that can be neither proven nor ruled out.
void Relay::hold(const Intent& intent, const std::string& why) {
  const SourceRecord* known = journal_.held().find(intent.source_place, intent.source);
  const bool is_reported = known != nullptr && known->identity == intent.identity;
  // Whoever touches the file delivers it again: its entry must be there for that, and no receipt may say that
  // it was delivered.
  journal_.refuse_entry(intent.id, "held");
  journal_.hold(intent.source_place, intent.source,
                {.identity = intent.identity, .nested = intent.source_nested});
  if (is_reported) return;
  reporter_.log({.level = Level::kError,
                 .name = "held",
                 .source = inbox_.root().path_of(intent.source),
                 .status = "blocked",
                 .message = "it may have been delivered as " + intent.name + ": " + why,
                 .advice = kRemedy});
}

// Files that were in the inbox when the journal lost what it may have said about them.
void Relay::hold_unseen() {
  std::vector<std::string> folders;
  for (const auto& [place, folder] : journal_.unseen())
    if (place == inbox_.token()) folders.push_back(folder);
  for (const std::string& relative : folders) {
    Directory folder;
    Status status = inbox_.root().open_below(relative, false, &folder);
    if (!status.ok() && status.fault != Fault::kGone) continue;
    journal_.see(inbox_.token(), relative);
    if (status.ok()) hold_folder(folder, relative);
  }
}

// A receipt is about lists that neither the journal nor the folder has: sources that were there when it was
// made may have been sent.
void Relay::hold_older(std::int64_t made) {
  // Where sources go at once, those that are there were not sent.
  if (policy_.auto_delete && !kept_->is_on()) return;
  // The clock of the receiver, and that of the file system, may be another one.
  constexpr std::int64_t kSlack = 3600;
  const std::int64_t last = std::min(made, host_.realtime_s()) + kSlack;
  hold_folder(inbox_.root(), "", last * static_cast<std::int64_t>(kSecond));
  checkpoint();
}

// Those that have not changed since a time.
void Relay::hold_folder(const Directory& folder, const std::string& relative, std::int64_t before_ns) {
  std::vector<std::string> names;
  const bool is_unseen = before_ns == INT64_MAX;
  auto list = [&] {
    names.clear();
    Status status = folder.list([&](const char* name) {
      names.emplace_back(name);
      return true;
    });
    if (!status.ok()) journal_.add_unseen(inbox_.token(), relative);
  };
  list();
  // A removal that was broken off: unless it is known as delivered, the file gets its name back first.
  const auto tombstone =
      std::partition(names.begin(), names.end(), [](const std::string& name) { return !is_tombstone(name); });
  if (tombstone != names.end()) {
    for (auto name = tombstone; name != names.end() && !(is_unseen && host_.stop_requested()); ++name)
      std::ignore = removal_->end_removal(folder, relative, *name, name_of_tombstone(*name));
    list();
  }
  for (const std::string& name : names) {
    if (is_unseen && host_.stop_requested()) return journal_.add_unseen(inbox_.token(), relative);
    if (is_never_taken(name)) continue;
    const FileStat observed = folder.stat_of(name);
    const std::string path = join(relative, name);
    if (observed.kind == FileKind::kDirectory && config_.recursive) {
      Directory below;
      if (folder.open_below(name, false, &below).ok())
        hold_folder(below, path, before_ns);
      else
        journal_.add_unseen(inbox_.token(), path);
    }
    if (observed.kind == FileKind::kUnknown) journal_.add_unseen(inbox_.token(), relative);
    if (observed.kind != FileKind::kRegular || observed.identity.ctime_ns > before_ns) continue;
    if (journal_.match_done(inbox_.token(), path, observed.identity) != SourceMatch::kOther) continue;
    journal_.hold(inbox_.token(), path,
                  {.identity = observed.identity, .nested = folder.device() != inbox_.root().device()});
  }
}

bool Relay::is_held(const Candidate& candidate) {
  const std::string path = candidate.path();
  std::string why;
  const char* remedy = kRemedy;
  for (const auto& [place, folder] : journal_.unseen())
    if (place == inbox_.token() && is_within(path, folder)) why = "its folder could not be read";
  if (const SourceRecord* held = journal_.held().find(inbox_.token(), path)) {
    if (match_source(held->identity, candidate.identity) != SourceMatch::kOther)
      why = "it may have been delivered, and the journal cannot say";
    else
      journal_.release(inbox_.token(), path);
  }
  for (const Intent& intent : journal_.left())
    if (!intent.finished && (intent.prepared || intent.doubtful) && intent.source == path &&
        intent.source_place == inbox_.token() &&
        match_source(intent.identity, candidate.identity) != SourceMatch::kOther) {
      why = "its delivery as " + intent.name + " was broken off, and where it went is not here now";
      remedy = kOpenRemedy;
    }
  if (why.empty()) return false;
  why += std::string(": ") + remedy;
  const Wait* wait = ledger_->find_wait(path, candidate.identity);
  if (wait != nullptr && wait->state == FileState::kHeld && wait->reason == why) return true;
  if (ledger_
          ->note(path, candidate.identity, FileState::kHeld, false, "held", why, host_.monotonic_ns(),
                 host_.realtime_ns())
          .is_news)
    reporter_.log({.level = Level::kWarn,
                   .name = "held",
                   .source = inbox_.root().path_of(path),
                   .status = "blocked",
                   .message = why});
  return true;
}

}  // namespace paxect::link

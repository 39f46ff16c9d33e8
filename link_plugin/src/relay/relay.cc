#include "relay/relay.h"

#include <poll.h>

#include <algorithm>
#include <set>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/host.h"
#include "base/read_lease.h"
#include "base/relay_paths.h"
#include "base/sidecar.h"
#include "stages/gate.h"

namespace paxect::link {
namespace {

constexpr std::size_t kBatchFiles = 256;
constexpr std::uint64_t kBatchBytes = std::uint64_t{64} << 20;
constexpr std::size_t kMinBatchFiles = 2;
// Descriptors that are not those of small files: our own, those of large files, and those that the workers
// need for a moment.
constexpr std::size_t kOtherDescriptors = 64;
constexpr std::uint64_t kJournalLimit = std::uint64_t{8} << 20;
constexpr std::uint64_t kScanShare = 20;  // a scan may take one part in so many of a processor's time
constexpr std::uint64_t kMaxScanPause = 30 * kSecond;
// Between two tries of what a problem of our own holds up.
constexpr std::uint64_t kMinStallDelay = kSecond / 4;
constexpr std::uint64_t kMaxStallDelay = 5 * kSecond;
// Between two checks whether an inbox or outbox that is missing is back; each costs a system call.
constexpr std::uint64_t kPlaceInterval = kSecond;
// Between two reports on a large file that is in hand.
constexpr std::uint64_t kReportInterval = kSecond;
// Steps in a row that may end in an exception. Then a new process may do better.
constexpr unsigned kMaxExceptions = 10;

// As many files as can have their sources and products open at the same time, in the two batches that
// overlap, and where they are in folders also those.
std::size_t max_batch_files(std::size_t max_open, bool in_folders) {
  std::size_t room =
      max_open > kOtherDescriptors ? (max_open - kOtherDescriptors) / (in_folders ? 10 : 6) : 0;
  return std::clamp(room, kMinBatchFiles, kBatchFiles);
}

}  // namespace

paxect_plugin_status Relay::step(paxect_step* result) {
  result->state = PAXECT_STEP_WAIT;
  result->wake_at_ns = Schedule::kNever;
  if (host_.stop_requested()) return PAXECT_PLUGIN_OK;
  try {
    const paxect_plugin_status status = started_ ? step_work(result) : step_start(result);
    exceptions_ = 0;
    return status;
  } catch (const std::exception& error) {
    if (++exceptions_ > kMaxExceptions) throw;
    note_exception(exception_text(error), result);
    return PAXECT_PLUGIN_OK;
  }
}

// Memory that could not be had, most likely. What the step had in hand is given up by the next one, as the
// journal says: where the exception ended a batch is not known.
void Relay::note_exception(const char* what, paxect_step* result) {
  must_recover_ = true;
  schedule_.set(Task::kStalled, host_.monotonic_ns() + kSecond);
  result->state = PAXECT_STEP_WAIT;
  result->watch_count = 0;
  result->wake_at_ns = schedule_.due_ns(Task::kStalled);
  try {
    reporter_.report_problem("step", std::string(what) + ": the files in hand are tried again");
  } catch (const std::exception&) {
    // There is no memory for the report either.
  }
}

paxect_plugin_status Relay::step_work(paxect_step* result) {
  drain_events();
  // Before a batch is advanced: in a place that was moved away nothing is given a name.
  const bool is_there = check_places();
  // First what an earlier batch could not finish: nothing new is begun on top of that.
  const bool is_free = is_there && advance_batches();
  if (is_free) {
    stalls_ = 0;
    reporter_.report_problem("step", "");
    schedule_.set(Task::kStalled, Schedule::kNever);
    work(result);
  } else {
    ++stalls_;
    const std::uint64_t delay = backoff_delay_ns(config_.backoff_ns, stalls_, random_());
    stall(!is_there ? kPlaceInterval : std::clamp(delay, kMinStallDelay, kMaxStallDelay), result);
  }
  flush_log();
  serve_reports();
  if (result->state == PAXECT_STEP_WAIT) result->wake_at_ns = schedule_.next_ns();
  return PAXECT_PLUGIN_OK;
}

void Relay::flush_log() {
  const Status status = reporter_.flush();
  if (status.ok()) failures_->note_flushed();
  reporter_.report_problem("log", status.message);
}

// What is due, large files for the lanes that are idle, and one batch of small ones.
void Relay::work(paxect_step* result) {
  const std::uint64_t now = host_.monotonic_ns();
  if (schedule_.is_due(Task::kUpkeep, now)) upkeep(now);
  if (schedule_.is_due(Task::kScan, now)) scan(now);
  start_large_files();
  std::vector<Transfer> transfers = next_batch();
  const bool worked = !transfers.empty();
  if (worked)
    lanes_->run_small(std::move(transfers), !intake_->empty());
  else
    lanes_->commit_small();
  note_ended_batches();
  const bool listed = !worked && tend_lists();
  if (worked || listed || (!intake_->empty() && !lists_->is_full()) || lanes_->is_done())
    result->state = PAXECT_STEP_AGAIN;
  else
    schedule_wakeup(result);
}

// While no batch is there that carries the lists of those before.
bool Relay::tend_lists() {
  const std::uint64_t now = host_.monotonic_ns();
  // Nothing comes after a run with --once.
  const bool is_due = now >= lists_->due_ns() || host_.once();
  if (is_due && lists_->owes() && (intake_->empty() || lists_->is_full())) {
    lists_->tend();
    schedule_.set(Task::kLists, lists_->due_ns());
    return true;
  }
  schedule_.set(Task::kLists, lists_->due_ns());
  return false;
}

// A problem of our own holds everything up, for `delay_ns` at least.
void Relay::stall(std::uint64_t delay_ns, paxect_step* result) {
  schedule_.set(Task::kStalled, host_.monotonic_ns() + delay_ns);
  // What is due in the meantime needs what is missing.
  schedule_.set(Task::kScan, schedule_.due_ns(Task::kStalled));
  schedule_.set(Task::kUpkeep, schedule_.due_ns(Task::kStalled));
  // No descriptor ends a stall: that of a lane which is done stays readable until the batch may be advanced.
  schedule_reports();
  if (!host_.once()) return;
  result->state = PAXECT_STEP_DONE;
  result->outcome = PAXECT_PLUGIN_INCOMPLETE;
}

void Relay::serve_reports() {
  const std::uint64_t now = host_.monotonic_ns();
  schedule_.set_no_later(Task::kState, state_file_->due_ns());
  if (schedule_.is_due(Task::kState, now)) {
    write_state();
    schedule_.set(Task::kState, now + StateFile::kAliveInterval);
  }
  state_file_->keep_alive(now, host_.realtime_ns());
  if (metrics_ && metrics_->due(now)) write_metrics(true);
  if (metrics_) schedule_.set(Task::kMetrics, metrics_->due_ns());
}

// ---- intake --------------------------------------------------------------------------------------------

void Relay::scan(std::uint64_t begin) {
  const std::uint64_t cpu_begin = thread_cpu_ns();
  scanned_ns_ = begin;
  worked_since_scan_ = false;
  completeness_->begin_scan();
  receiver_->scan(begin);
  Status removal;
  Status status = intake_->scan(
      inbox_.root(), begin, [this](const Candidate& candidate) { return classify(candidate); },
      [this](const std::string& path, const std::string& event, const std::string& why) {
        reporter_.log({.level = Level::kWarn,
                       .name = event,
                       .source = inbox_.root().path_of(path),
                       .status = "skipped",
                       .message = why});
      },
      [&](const Directory& folder, const std::string& relative, const std::string& name) {
        if (Status ended = removal_->end_removal(folder, relative, name, name_of_tombstone(name));
            !ended.ok())
          removal = ended;
      });
  reporter_.report_problem("scan", status.message);
  reporter_.report_problem("removal", removal.message);
  // A scan takes a small part of the processor, and at most half of the time where the file system is slow.
  const std::uint64_t end = host_.monotonic_ns();
  const std::uint64_t pause = std::max(end - begin, (thread_cpu_ns() - cpu_begin) * kScanShare);
  scan_pause_ends_ns_ = end + std::min(pause, kMaxScanPause);
  schedule_.set(Task::kScan, std::max(begin + config_.poll_ns, scan_pause_ends_ns_));
  schedule_.set_no_later(Task::kScan, std::max(receiver_->due_ns(), scan_pause_ends_ns_));
}

// What is to become of a complete file.
FileState Relay::classify(const Candidate& candidate) {
  const std::string path = candidate.path();
  std::uint64_t now = host_.monotonic_ns();
  std::shared_ptr<const Directory> folder;
  if (!inbox_.folder(candidate.folder, &folder).ok()) return FileState::kSettling;
  // A sidecar goes the way of its container, and waits for nothing any more when that is there.
  if (is_sidecar(candidate.name) &&
      folder->stat_of(container_of_sidecar(candidate.name)).kind == FileKind::kRegular) {
    ledger_->end_wait(path);
    return FileState::kAttached;
  }
  const Wait* wait = ledger_->find_wait(path, candidate.identity);
  // What is held is decided again each time: a place that is back may have told what became of it.
  const bool was_held = wait != nullptr && wait->state == FileState::kHeld;
  if (wait != nullptr && !was_held && wait->next_try_ns > now) return wait->state;
  if (journal_.match_done(inbox_.token(), path, candidate.identity) == SourceMatch::kSame) {
    if (policy_.auto_delete && !kept_->keeps(inbox_.token(), path)) removal_->remove_done(candidate);
    const Wait* failed = ledger_->find_wait(path, candidate.identity);
    return failed == nullptr ? FileState::kDone : failed->state;
  }
  if (is_held(candidate)) return FileState::kHeld;
  if (was_held) ledger_->end_wait(path);
  wait = ledger_->find_wait(path, candidate.identity);
  if (is_sidecar(candidate.name)) {
    // One without gets some time for its container to come.
    if (wait != nullptr || host_.once()) return FileState::kReady;
    ledger_->note(path, candidate.identity, FileState::kPending, false, "waiting", "no container yet", now,
                  host_.realtime_ns());
    return FileState::kPending;
  }
  if (!is_container(candidate.name)) return FileState::kReady;
  FileStat sidecar;
  const std::string beside = find_sidecar(*folder, candidate.name, &sidecar);
  const bool is_ready = sidecar.kind != FileKind::kRegular ||
                        intake_->is_ready(*folder, {candidate.folder, beside, sidecar.identity}, now);
  return is_ready ? FileState::kReady : FileState::kSettling;
}

// The oldest large files that may pass, one for each lane that is idle.
void Relay::start_large_files() {
  Candidate candidate;
  while (lanes_->room() > 0 && intake_->take_large(lanes_->room(), &candidate)) {
    Transfer transfer;
    if (!admit(candidate, &transfer)) continue;
    transfer.taken_utc_ns = host_.realtime_ns();
    transfer.bytes_read = std::make_shared<std::atomic<std::uint64_t>>(0);
    lanes_->start_large(std::move(transfer));
  }
}

// The oldest complete small files that may pass, as many as share one commit.
std::vector<Transfer> Relay::next_batch() {
  std::vector<Transfer> batch;
  std::uint64_t bytes = 0;
  const std::size_t max_files = max_batch_files(descriptors_.max_open(), config_.recursive);
  while (!intake_->empty() && !lists_->is_full() && batch.size() < max_files && bytes < kBatchBytes) {
    Candidate candidate = intake_->take();
    Transfer transfer;
    const bool is_twice = std::any_of(batch.begin(), batch.end(), [&](const Transfer& each) {
      return each.source.name == candidate.name && each.source.folder == candidate.folder;
    });
    if (is_twice || !admit(candidate, &transfer)) continue;
    bytes += transfer.source.identity.size;
    batch.push_back(std::move(transfer));
  }
  return batch;
}

// ---- policy --------------------------------------------------------------------------------------------

bool Relay::admit(const Candidate& candidate, Transfer* transfer) {
  // It may have come to the window a second time while it was in hand.
  const LedgerEntry* entry = ledger_->find(candidate.path());
  if (entry != nullptr && entry->working) return false;
  if (journal_.match_done(inbox_.token(), candidate.path(), candidate.identity) == SourceMatch::kSame)
    return false;
  transfer->source = candidate;
  Status status = inbox_.folder(candidate.folder, &transfer->source_directory);
  if (!status.ok()) {
    failures_->note(candidate, status);
    return false;
  }
  const std::string rejected =
      policy_.require_sig ? peers_.rejected_sender(config_.inbox, inbox_.token()) : "";
  const std::string reason =
      block_reason(policy_, config_.mode, config_.node, rejected, candidate.name, candidate.identity.size);
  if (!reason.empty()) status = Status::blocked(reason);
  if (status.ok()) {
    plan_paths(transfer);
    status = open_target_folder(transfer->intent, &transfer->target_directory);
  }
  const Intent& intent = transfer->intent;
  std::size_t longest = intent.container ? sidecar_of(intent.name).size() : intent.name.size();
  if (status.ok() && longest > kNameMax)
    status = Status::blocked("name_too_long:" + std::to_string(longest) + "B");
  if (status.ok() && lists_->is_on() && !is_entry_name(join(intent.folder, intent.name)))
    status =
        Status::blocked("name_too_long:" + std::to_string(join(intent.folder, intent.name).size()) + "B");
  if (status.ok() && intent.into_inbox && config_.ignore.matches(intent.name))
    status = Status::blocked("ignored_container:" + intent.name);
  // What is still written to is neither judged nor moved.
  const std::string path = candidate.path();
  if (watcher_.is_written(path) ||
      (!may_lease(*transfer->source_directory, candidate.name) && watcher_.may_be_open(path)) ||
      (status.fault == Fault::kBlocked && is_open_for_writing(*transfer->source_directory, candidate.name)))
    status = open_for_writing(path);
  if (!status.ok()) {
    failures_->note(candidate, status);
    return false;
  }
  if (is_container(candidate.name)) {
    FileStat sidecar;
    const std::string beside = find_sidecar(*transfer->source_directory, candidate.name, &sidecar);
    if (sidecar.kind == FileKind::kRegular) transfer->source_sidecar = beside;
    if (sidecar.kind != FileKind::kRegular ||
        intake_->is_ready(*transfer->source_directory, {candidate.folder, beside, sidecar.identity},
                          host_.monotonic_ns()))
      transfer->settled_sidecar = sidecar.identity;
  }
  if (journal_.match_done(inbox_.token(), candidate.path(), candidate.identity) == SourceMatch::kPerhaps)
    if (const SourceRecord* done = journal_.done().find(inbox_.token(), candidate.path()))
      transfer->known = {done->digest, done->original};
  transfer->intent.source_nested = transfer->source_directory->device() != inbox_.root().device();
  const Directory& target_root = transfer->intent.into_inbox ? inbox_.root() : outbox_.root();
  transfer->intent.target_nested = transfer->target_directory->device() != target_root.device();
  transfer->product.directory = transfer->target_directory.get();
  transfer->sidecar.directory = transfer->target_directory.get();
  return true;
}

// Which way the file goes, and under which names.
void Relay::plan_paths(Transfer* transfer) {
  const Candidate& source = transfer->source;
  Intent& intent = transfer->intent;
  bool container = is_container(source.name);
  transfer->max_bytes = policy_.max_file_bytes;
  transfer->route = route_of(source.name, config_.mode);
  intent.source = source.path();
  intent.identity = source.identity;
  intent.into_inbox = config_.mode == Mode::kRelay && !container;
  intent.container = transfer->makes_container();
  intent.folder = source.folder;
  intent.source_place = inbox_.token();
  const Tree& target = intent.into_inbox ? inbox_ : outbox_;
  intent.target_place = target.token();
  intent.target_instance = target.instance();
  intent.boot = journal_.boot();
  intent.name = transfer->route == Route::kEncode    ? container_of(source.name, config_.naming)
                : transfer->route == Route::kForward ? source.name
                                                     : data_of(source.name);
  transfer->product.name = intent.name;
  if (intent.container) transfer->sidecar.name = sidecar_of(intent.name);
}

// ---- batch ---------------------------------------------------------------------------------------------

bool Relay::advance_batches() {
  const bool is_free = lanes_->advance();
  note_ended_batches();
  return is_free;
}

void Relay::note_ended_batches() {
  const Lanes::Ended ended = lanes_->take_ended();
  if (!ended.any) return;
  worked_since_scan_ = true;
  if (ended.has_news) schedule_.set_no_later(Task::kScan, scan_pause_ends_ns_);
  if (journal_.grown() > kJournalLimit) checkpoint();
}

// Before a stop. In a place that may be away nothing is given a name or removed.
void Relay::end_batches() {
  if (inbox_.is_in_place() && outbox_.is_in_place() && !must_recover_)
    lanes_->finish();
  else
    lanes_->give_up();
}

void Relay::note_delivered(const Transfer& transfer) {
  count_delivery(transfer);
  if (!transfer.intent.into_inbox || transfer.published == Published::kDuplicate) return;
  // What was encoded in place is decoded next.
  const std::string& folder = transfer.source.folder;
  FileStat observed = transfer.target_directory->stat_of(transfer.product.name);
  if (observed.kind != FileKind::kRegular) return;
  const std::uint64_t now = host_.monotonic_ns();
  intake_->add({folder, transfer.product.name, observed.identity}, now);
  FileStat sidecar = transfer.target_directory->stat_of(transfer.sidecar.name);
  intake_->made(join(folder, transfer.sidecar.name), sidecar.identity, now);
}

void Relay::checkpoint() {
  if (!inbox_.is_open() || journal_.is_clear(inbox_.token()) || !removal_->flush().ok()) return;
  Status status = journal_.clear(inbox_.token(), [this](const std::string& path, const SourceRecord& record) {
    Directory folder;
    Status opened = inbox_.root().open_below(folder_of(path), false, &folder);
    // Only a folder that can be read shows that a name is not there.
    if (!opened.ok()) return opened.fault == Fault::kGone && !record.nested;
    if ((folder.device() != inbox_.root().device()) != record.nested) return false;
    return folder.stat_of(std::string(base_name(path))).kind == FileKind::kMissing;
  });
  reporter_.report_problem("journal", status.message);
}

// ---- waiting ----------------------------------------------------------------------------------------------

bool Relay::has_trouble() const {
  return failures_->has_quarantined() || !reporter_.problems().empty() || !ledger_->waits().empty() ||
         intake_->unsettled() > 0 || intake_->unread() > 0 || !lanes_->is_empty();
}

// Nothing is ready now.
void Relay::schedule_wakeup(paxect_step* result) {
  const bool once = host_.once();
  if (lists_->is_full()) {  // nothing is taken before a list is made
    result->state = once ? PAXECT_STEP_DONE : PAXECT_STEP_WAIT;
    result->outcome = PAXECT_PLUGIN_INCOMPLETE;
    return;
  }
  const std::uint64_t settled = std::min(intake_->next_observation_ns(!once), receiver_->due_ns());
  const bool changed = worked_since_scan_ || ledger_->has_returned();
  if (intake_->has_more() || (once && changed)) {
    schedule_.set_now(Task::kScan);
    result->state = PAXECT_STEP_AGAIN;
    return;
  }
  if (once && settled == Schedule::kNever && !lanes_->is_working()) {
    issue_receipts(host_.monotonic_ns(), true);
    result->state = PAXECT_STEP_DONE;
    result->outcome = has_trouble() ? PAXECT_PLUGIN_INCOMPLETE : PAXECT_PLUGIN_OK;
    return;
  }
  if (watcher_.has_news()) {
    result->state = PAXECT_STEP_AGAIN;
    return;
  }
  schedule_.set_no_later(Task::kScan, settled);
  if (!once) schedule_.set_no_later(Task::kScan, ledger_->next_try_ns(scanned_ns_));
  schedule_reports();
  set_watches(result);
}

// While a file is in hand the reports change with every moment.
void Relay::schedule_reports() {
  if (lanes_->is_working()) schedule_.set_no_later(Task::kState, host_.monotonic_ns() + kReportInterval);
}

void Relay::set_watches(paxect_step* result) {
  watches_.clear();
  if (watcher_.fd() >= 0) watches_.push_back({watcher_.fd(), POLLIN, 0});
  for (int fd : lanes_->fds()) watches_.push_back({fd, POLLIN, 0});
  result->watches = watches_.data();
  result->watch_count = static_cast<std::uint32_t>(watches_.size());
}

// The folder was away for a moment: it is swept when it is opened again, the place itself at the next upkeep.
void Relay::note_left_behind(const Intent& intent) {
  swept_.erase(intent.target_place + "/" + intent.folder);
}

Status Relay::open_target_folder(const Intent& intent, std::shared_ptr<const Directory>* out) {
  Status status = intent.into_inbox ? inbox_.folder(intent.folder, out)
                                    : outbox_.folder(intent.folder, IfMissing::kCreate, out);
  // Once for each folder: what an earlier process left there and the journal does not know.
  if (status.ok() && swept_.insert(intent.target_place + "/" + intent.folder).second)
    sweep_temporaries(**out, journal_);
  return status;
}

}  // namespace paxect::link

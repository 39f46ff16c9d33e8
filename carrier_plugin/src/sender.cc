#include "sender.h"

#include <algorithm>
#include <utility>

#include "json_object.h"
#include "streams.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kPatience = 10 * kSecond;  // for the reply to a chunk, at first
constexpr std::size_t kBuffer = 1024 * 1024;
constexpr std::uint64_t kAskPresent = 4;  // chunks; fewer are published again without a question
constexpr std::size_t kFilesAtOnce = 16;  // prepared in one step
constexpr std::uint64_t kClaimsTogether = 50 * kMillisecond;  // with one flush
constexpr std::uint64_t kMaxStuck = 60 * kSecond;
// A receiver asks again after 5 seconds, and gets the first answer that decides not before the sender has
// waited for receipts of earlier deliveries.
constexpr std::uint64_t kQuestionsEnd = 7 * kSecond;
// Between two steps: receivers may have announced themselves in the meantime.
constexpr std::uint64_t kStoodStill = 5 * kSecond;

}  // namespace

Sender::Sender(const Host& host, const Settings& settings, const StateDirectory& state,
               Connection* connection)
    : host_(host),
      settings_(settings),
      state_(state),
      connection_(*connection),
      names_(settings.subject),
      exchange_(host, connection,
                [this](std::unique_ptr<Message> message) { on_message(std::move(message)); }),
      problems_(host),
      refusals_(host, *connection, names_, &problems_),
      epoch_(host, &exchange_, names_, &refusals_),
      log_(host, settings.log),
      foreign_(host, &problems_),
      readiness_(
          host, connection, &epoch_, &problems_, &refusals_, [this] { return tend_streams(); },
          [this] { return remove_epoch(connection_.jetstream(), names_); }),
      quorum_(host, connection, &exchange_, names_, &problems_),
      identity_(host, settings, state, connection, &problems_),
      window_(kPatience),
      buffer_(kBuffer) {
  for (const char* what : {"receipt", "claim", "report"}) connection_.subscribe(names_.subject(what, "*"));
  connection_.subscribe(names_.ask());
}

Outgoing* Sender::find(const std::string& id) {
  const auto found = files_.find(id);
  return found == files_.end() ? nullptr : &found->second;
}

std::uint64_t Sender::step() {
  connection_.wait(0);
  exchange_.dispatch();
  tend_connection();
  tend_folder();
  const std::uint64_t now = host_.monotonic_ns();
  flush_claims(now);
  if (folder_.is_open()) {
    remove_receipted();
    if ((changed_ && now >= next_early_scan_ns_) || now >= next_scan_ns_) scan();
  }
  bool busy = false;
  if (readiness_.is_ready()) {
    tend_epoch();
    wait_for_room();
    busy = send_chunks();
    for (std::size_t i = 0; i < kFilesAtOnce && folder_.is_open() && prepare(); ++i) busy = true;
    end_first_scan();
    tend_lists();
    tend_forgetting();
    check_waiting();
    send_receipt_questions();
    clean_up();
    delete_list_receipts();
    sweep();
  }
  if (busy) return 0;
  report_held();
  foreign_.tend();
  std::uint64_t wake = exchange_.dispatch();
  // While the folder is away a scan is due, and cannot be made.
  if (folder_.is_open()) wake = std::min(wake, next_scan_ns_);
  if (changed_ && folder_.is_open()) wake = std::min(wake, std::max(now + kMillisecond, next_early_scan_ns_));
  if (claimed_since_ns_ != 0) wake = std::min(wake, claimed_since_ns_ + kClaimsTogether);
  if (has_removals()) wake = std::min(wake, now + 20 * kMillisecond);
  if (folder_.is_open()) wake = std::min(wake, std::max(now + 20 * kMillisecond, receipted_.next_due_ns()));
  if (!claim_reads_.empty()) wake = std::min(wake, std::max(now + kMillisecond, claim_reads_.front().first));
  if (paused_until_ns_ > now) wake = std::min(wake, paused_until_ns_);
  return std::min(wake, now + kSecond);
}

// After a loss of power here and at the server nobody but the records knows who has claimed what. Mostly a
// receipt follows at once, whose flush serves the claim too.
void Sender::flush_claims(std::uint64_t now) {
  if (claimed_since_ns_ == 0 || now < claimed_since_ns_ + kClaimsTogether) return;
  Status status = records_.flush();
  if (!status.ok()) status = rewrite_records();
  problems_.set("the records cannot be written", status.message());
  claimed_since_ns_ = status.ok() ? 0 : now + kSecond;
}

bool Sender::is_idle() const {
  return scanned_ && candidates_.empty() && fresh_.empty() && preparing_ == nullptr && sending_.empty() &&
         !has_removals() && exchange_.outstanding() == 0 && !is_to_decide_ && !expects_questions();
}

// Whether receivers deliver its job only after this sender has said that it is not delivered yet.
bool Sender::must_answer(const Outgoing& file) const {
  return file.phase == Phase::kWaiting && !file.is_statement() &&
         (file.is_stored_repeated || file.stored_epoch != epoch_.value());
}

// A run with --once may be the only one in which they get an answer.
bool Sender::expects_questions() const {
  const std::uint64_t now = host_.monotonic_ns();
  if (now - std::max(epoch_changed_ns_, question_ns_) >= kQuestionsEnd ||
      now - std::max(epoch_changed_ns_, receipt_ns_) >= kMaxStuck)
    return false;
  return std::any_of(files_.begin(), files_.end(), [&](const auto& one) { return must_answer(one.second); });
}

std::string Sender::unfinished_text() const {
  std::uint64_t sent = 0;
  std::uint64_t unanswered = 0;
  std::string first;
  for (const auto& [id, file] : files_) {
    if (file.phase != Phase::kWaiting) continue;
    ++sent;
    if (must_answer(file) && unanswered++ == 0) first = file.job.name;
    if (first.empty()) first = file.job.name;
  }
  if (sent == 0) return "";
  const std::string fact = std::to_string(sent) + " files of " + settings_.folder +
                           " are on the server and have no receipt yet, such as " + first;
  if (unanswered == 0) return fact + ": the receivers deliver them; run the sender again for the receipts";
  return fact + ": the store of the servers is another one since " + std::to_string(unanswered) +
         " of them were sent, and their receivers must ask this sender first: run it while the receivers run";
}

bool Sender::is_blocked() const {
  const bool is_stuck = stuck_since_ns_ != 0 && host_.monotonic_ns() - stuck_since_ns_ > kMaxStuck;
  return readiness_.has_failed() || !folder_.is_open() || !is_folder_read_ || is_stuck;
}

Status Sender::tend_streams() {
  Status status = ensure_streams(connection_.jetstream(), names_, settings_);
  std::vector<std::string> differences;
  if (status.ok())
    compare_streams(read_streams(connection_.jetstream(), names_, ReadStreams::kUntilFailure), names_,
                    settings_, &differences);
  if (!status.ok() || differences == differences_) return status;
  for (const std::string& one : differences) host_.log(PAXECT_LOG_WARN, one);
  differences_ = std::move(differences);
  return status;
}

void Sender::tend_connection() {
  if (exchange_.take_silence()) readiness_.lose_streams();
  const bool is_new = readiness_.tend(folder_.is_open());
  const std::uint64_t now = host_.monotonic_ns();
  const std::uint64_t last = std::exchange(step_ns_, now);
  if (is_new || now - last > kStoodStill) listens_since_ns_ = now;
  // While the stream is full only its room is read: see wait_for_room().
  if (full_since_ns_ != 0) refusals_.renew("data");
  refusals_.tend();
  quorum_.tend(readiness_.is_ready());
  identity_.tend({.waiting = waiting()});
  const std::uint64_t dropped = connection_.take_dropped();
  if (dropped > 0)
    host_.log(PAXECT_LOG_WARN, std::to_string(dropped) +
                                   " messages came faster than they could be taken and were "
                                   "dropped: what they were about is looked for");
  if (is_new || dropped > 0) check_all();
}

// Receipts and claims may have been missed.
void Sender::check_all() {
  next_check_ns_ = next_consumers_ns_ = 0;
  for (auto& [id, file] : files_) {
    file.checked_ns = 0;
    file.since_ns = host_.monotonic_ns();
    file.job_sequence = 0;  // of a store that may be another one
    file.unclaimed.begin_again();
  }
}

// Another store may be an older one: everything that waits is looked for in it.
void Sender::tend_epoch() {
  bool missing = false;
  epoch_.poll(&missing);
  if (missing) readiness_.lose_streams();
  if (epoch_.value().empty() || epoch_.value() == seen_epoch_) return;
  seen_epoch_ = epoch_.value();
  epoch_changed_ns_ = host_.monotonic_ns();
  check_all();
}

// Everything again, but what the server still has.
void Sender::restart(Outgoing* file) {
  file->phase = Phase::kSending;
  file->job_sequence = 0;
  file->unclaimed.begin_again();
  file->is_full = false;
  begin_round(file);
  file->is_present_known = file->job.chunks() < kAskPresent || file->is_statement();
  sending_.push_back(file->job.id);
}

void Sender::begin_round(Outgoing* file) {
  file->next_chunk = file->stored_chunks = file->in_flight = 0;
  file->again.clear();
  file->present.clear();
  file->is_present_known = true;
  file->round = ++rounds_;
}

void Sender::withdraw(const std::string& id) {
  exchange_.post("$JS.API.STREAM.PURGE." + names_.stream("data"),
                 JsonObject().add("filter", names_.subject("data", id) + ".*").text());
}

// A file that is not there any more, or is another one. Its chunks go, also when there is no connection now.
void Sender::give_up(const std::string& id) {
  const Outgoing* file = find(id);
  if (file == nullptr) return;
  if (!file->is_statement()) {
    withdraw(id);
    remember_begun(id);
    clean_ups_.push_back(
        {.due_ns = host_.monotonic_ns() + kCleanUpAfter, .id = id, .kind = CleanUp::Kind::kGivenUp});
  }
  drop(id);
}

void Sender::drop(const std::string& id) {
  const auto found = files_.find(id);
  if (found == files_.end()) return;
  close_read(id);
  holders_.erase(id);
  published_.erase(id);
  kept_lists_.erase(id);
  unremoved_.erase(id);
  if (const auto path = ids_.find(found->second.job.name); path != ids_.end() && path->second == id)
    ids_.erase(path);
  files_.erase(found);
}

}  // namespace paxect::carrier

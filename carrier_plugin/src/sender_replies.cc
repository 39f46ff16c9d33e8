// What a sender does with what comes from the server: receipts, claims, reports and questions; and how it
// looks for what it has not received.
#include <algorithm>
#include <utility>

#include "json_object.h"
#include "sender.h"
#include "streams.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kReplyTime = 10 * kSecond;
constexpr std::uint64_t kCheckEvery = 60 * kSecond;
constexpr std::uint64_t kCheckKept = 600 * kSecond;
constexpr std::uint64_t kSkipped = 15 * kSecond;  // so long a job may be there while its consumer is idle
constexpr std::uint64_t kSettle = 5 * kSecond;    // after a change of the server, for receivers to come back
constexpr std::uint64_t kHoldTime = 3600 * kSecond;  // after max_attempts
constexpr std::uint64_t kFirstPause = kSecond / 2;   // 2 s after two attempts, then twice as long each time
constexpr std::uint64_t kMaxPause = 60 * kSecond;
constexpr std::uint64_t kClaimReadDelay = kSecond / 20;
constexpr std::size_t kChecksAtOnce = 256;
constexpr std::size_t kMaxRefusals = 16;             // of a list, that are known with their reasons
constexpr unsigned kClaimMisses = 2;                 // one may come from a leader that is none any more
constexpr std::uint64_t kUnclaimed = 600 * kSecond;  // so long a job may wait for a claim, at least
constexpr std::uint64_t kAckWaits = 10;              // and so many times AckWait
constexpr std::uint64_t kSlowest = 128 * 1024;       // bytes a second, of a receiver that fetches it

// After 5, 10, 20, 40 s and so on, at last every minute. A list that waits for a receiver which is away is
// looked for when that one comes back.
std::uint64_t check_interval(const Outgoing& file, std::uint64_t age_ns) {
  return std::clamp(age_ns / 2, 5 * kSecond, file.had_by.empty() ? kCheckEvery : kCheckKept);
}

}  // namespace

void Sender::on_message(std::unique_ptr<Message> message) {
  const std::string_view subject = message->subject();
  if (subject == names_.ask()) return on_question(*message);
  if (subject == names_.peers()) {
    note_peer(*message);
    return identity_.take(*message, {.waiting = waiting()});
  }
  if (subject.starts_with(names_.subject("receipt", "")))
    return on_receipt(subject, message->data(), Source::kPublished);
  if (subject.starts_with(names_.subject("claim", ""))) return on_claim(subject, message->data());
  if (subject.starts_with(names_.subject("report", ""))) return on_report(subject, message->data());
}

void Sender::note_foreign(std::string_view subject, std::string_view text, std::string_view what) {
  foreign_.note(subject, what, text.size(), connection_.last_url());
}

void Sender::on_receipt(std::string_view subject, std::string_view text, Source source) {
  Receipt receipt;
  const std::string token = id_of_subject(subject);
  if (!parse_receipt(text, &receipt) ||
      (token != receipt.id && token != list_receipt_of(receipt.id, receipt.receiver)))
    return note_foreign(subject, text, "a receipt");
  Outgoing* file = find(receipt.id);
  if (file == nullptr) {
    // A receiver published it again after a restart of the server: it must go too.
    if (!done_.contains(receipt.id)) return;
    known_receipt_ns_ = host_.monotonic_ns();
    clean_ups_.push_back({.due_ns = known_receipt_ns_ + kCleanUpAfter, .id = receipt.id});
    return;
  }
  if (receipt.digest != file->job.digest || receipt.name != file->job.name ||
      receipt.size != file->job.size) {
    host_.log(PAXECT_LOG_WARN, "a receipt of " + receipt.receiver + " for " + file->job.name +
                                   " does not match the file and does not count");
    return;
  }
  if (file->is_statement()) {
    if (source == Source::kPublished) note_receiver(receipt.receiver);
    return take_list_receipt(file, receipt.receiver);
  }
  receipt_ns_ = host_.monotonic_ns();
  receipted_.add({.id = receipt.id, .receiver = receipt.receiver});
}

// A claim that is seen as it is published may be refused, because another receiver has claimed the file
// while this sender was not connected. What is seen is recorded at once, since the store may lose what it has
// taken; who holds it is what the stream says.
void Sender::on_claim(std::string_view subject, std::string_view text) {
  Claim claim;
  if (!parse_claim(text, &claim) || id_of_subject(subject) != claim.id)
    return note_foreign(subject, text, "a claim");
  if (find(claim.id) == nullptr) return;  // of another sender
  const auto holder = holders_.find(claim.id);
  if (holder != holders_.end() && holder->second == claim.receiver) return;
  if (holder == holders_.end()) set_holder(claim);
  // Mostly a receipt follows soon, and then nobody asks any more.
  Outgoing* file = find(claim.id);
  if (!std::exchange(file->is_claim_to_be_read, true))
    claim_reads_.emplace_back(host_.monotonic_ns() + kClaimReadDelay, claim.id);
}

void Sender::read_claims() {
  const std::uint64_t now = host_.monotonic_ns();
  for (std::size_t i = 0; i < kChecksAtOnce && !claim_reads_.empty() && claim_reads_.front().first <= now;
       ++i) {
    const std::string id = std::move(claim_reads_.front().second);
    claim_reads_.pop_front();
    Outgoing* file = find(id);
    if (file == nullptr) continue;
    file->is_claim_to_be_read = false;
    if (!is_receipted(id)) read_claim(id);
  }
}

void Sender::set_holder(const Claim& claim) {
  Outgoing* file = find(claim.id);
  if (file == nullptr) return;
  file->holder = claim.receiver;
  file->unclaimed.end();
  std::string& holder = holders_[claim.id];
  if (std::exchange(holder, claim.receiver) == claim.receiver) return;
  if (claimed_since_ns_ == 0) claimed_since_ns_ = host_.monotonic_ns();
  records_.append(
      JsonObject().add("record", "claimed").add("id", claim.id).add("receiver", claim.receiver).text());
}

// A claim that was in the store, and is not there while the store is the same one, was removed on purpose: by
// an operator who knows that its holder has not delivered, or by the holder itself because it came too late.
void Sender::read_claim(const std::string& id) {
  exchange_.send("$JS.API.DIRECT.GET." + names_.stream("claim") + "." + names_.subject("claim", id), "",
                 kReplyTime, [this, id, epoch = epoch_.value()](const Message* reply) {
                   Outgoing* file = find(id);
                   if (reply != nullptr && reply->status() == 503) readiness_.lose_streams();
                   if (reply == nullptr || file == nullptr) return;
                   Claim claim;
                   const bool is_there = reply->sequence() != 0;
                   const bool is_claim = is_there && parse_claim(reply->data(), &claim) && claim.id == id;
                   if (is_there && !is_claim)
                     note_foreign(names_.subject("claim", id), reply->data(), "a claim");
                   if (is_claim) {
                     set_holder(claim);
                     file->claim_epoch = epoch;
                     file->claim_misses = 0;
                   } else if (reply->status() == 404 && !epoch.empty() && file->claim_epoch == epoch) {
                     confirm_no_claim(id);
                   }
                 });
}

void Sender::confirm_no_claim(const std::string& id) {
  look_up_at_leader("claim", names_.subject("claim", id),
                    [this, id, epoch = epoch_.value()](Lookup claim, std::uint64_t) {
                      Outgoing* file = find(id);
                      if (claim != Lookup::kMissing || file == nullptr || epoch != epoch_.value() ||
                          file->claim_epoch != epoch || ++file->claim_misses < kClaimMisses)
                        return;
                      file->claim_epoch.clear();
                      file->holder.clear();
                      holders_.erase(id);
                      records_.append(JsonObject().add("record", "unclaimed").add("id", id).text());
                    });
}

void Sender::on_report(std::string_view subject, std::string_view text) {
  Report report;
  if (!parse_report(text, &report) || id_of_subject(subject) != report.id)
    return note_foreign(subject, text, "a report");
  Outgoing* file = find(report.id);
  if (file == nullptr) return;  // of another sender
  if (file->phase != Phase::kWaiting && file->phase != Phase::kPublishing) return;
  file->unclaimed.begin_again();
  const std::string trouble = "the receiver " + report.receiver + " reports: " + report.reason;
  const auto known = file->refusals.find(report.receiver);
  // A receiver publishes a report until it is stored.
  const bool is_known = !report.again && known != file->refusals.end() && known->second == trouble;
  file->trouble = trouble;
  if (known != file->refusals.end() || file->refusals.size() < kMaxRefusals)
    file->refusals[report.receiver] = trouble;
  if (!is_known) {
    ++counts_.reports;
    host_.log(PAXECT_LOG_WARN, file->job.name + ": " + trouble);
    log_.write("reported", file->job, report.receiver, report.reason);
  }
  if (file->is_statement()) {  // it may be gone from the stream
    file->checked_ns = 0;
    next_check_ns_ = 0;
    return;
  }
  if (!report.again) return;
  ++counts_.resent;
  // What is missing or damaged is published at once, and the rest stays.
  if (++file->attempts == 1 && settings_.max_attempts > 1) return restart(file);
  // That did not help. A server that was killed may refuse a chunk as one that it has, and not give it to
  // anybody: it has to forget all of them, for which there is time before the next try.
  withdraw(file->job.id);
  file->phase = Phase::kHeld;
  const std::uint64_t now = host_.monotonic_ns();
  file->held_until_ns = now + std::min(kFirstPause << std::min(file->attempts, 7U), kMaxPause);
  if (file->attempts < settings_.max_attempts) return;
  file->held_until_ns = now + kHoldTime;
  host_.log(PAXECT_LOG_ERROR, file->job.name + " was sent " + std::to_string(file->attempts) +
                                  " times and not delivered; it is sent again in an hour");
}

void Sender::on_question(const Message& message) {
  Question question;
  if (message.reply().empty() || !parse_question(message.data(), &question))
    return note_foreign(message.subject(), message.data(), "a question");
  Answer answer;
  const bool is_ours = question.sender == state_.token();
  const std::uint64_t now = host_.monotonic_ns();
  const auto holder = holders_.find(question.id);
  if (done_.contains(question.id) || is_receipted(question.id)) {
    answer.state = "done";
  } else if (Outgoing* file = find(question.id); file != nullptr) {
    // As long as receivers publish again what they have delivered, more may come.
    const bool is_settled = question.epoch == epoch_.value() && now - epoch_changed_ns_ >= kSettle &&
                            now - known_receipt_ns_ >= kSecond;
    answer.state = is_settled ? "open" : "wait";
    if (holder != holders_.end() && holder->second != question.receiver)
      answer = {.state = "held", .holder = holder->second};
  } else if (is_ours) {
    // A file that has not been read yet has no ID: the answer comes when all have been read.
    // Nor does a copy of this sender know what the original one has in its folder.
    const bool all_read = scanned_all_ && candidates_.empty() && preparing_ == nullptr && folder_.is_open() &&
                          !identity_.is_shared();
    answer.state = all_read ? "done" : "wait";
  } else {
    return;
  }
  question_ns_ = now;
  connection_.publish(std::string(message.reply()), answer_text(answer));
}

std::string Sender::unclaimed_text(const Outgoing& file) {
  return file.job.name + " was published " + std::to_string(file.unclaimed.waited_ns() / (60 * kSecond)) +
         " minutes ago and nobody has claimed it";
}

// After each reconnect, then less and less often, at last every minute: is what waits for its receipt still
// on the server?
void Sender::check_waiting() {
  read_claims();
  check_for_returned();
  const std::uint64_t now = host_.monotonic_ns();
  if (now < next_check_ns_) return;
  for (auto& [id, file] : files_)
    if (file.phase == Phase::kHeld && now >= file.held_until_ns) restart(&file);
  std::size_t checks = 0;
  bool has_old = false;
  for (auto& [id, file] : files_) {
    if (file.phase != Phase::kWaiting ||
        (file.checked_ns != 0 && now - file.checked_ns < check_interval(file, now - file.since_ns)))
      continue;
    if (++checks > kChecksAtOnce) break;
    has_old = has_old || (file.checked_ns != 0 && file.holder.empty() && !file.is_statement());
    file.checked_ns = now;
    check(&file);
  }
  next_check_ns_ = now + (checks > kChecksAtOnce ? kSecond / 10 : kSecond);
  if (has_old) check_consumer();
}

void Sender::check(Outgoing* file) {
  const std::string id = file->job.id;
  if (file->is_statement()) ask_list_receipts(*file);
  const auto on_reply = [this, id](const Message* reply) {
    Outgoing* found = find(id);
    if (found == nullptr) return;
    if (reply != nullptr && reply->status() == 404) {
      read_claim(id);  // it may have been made while this sender was not connected
      return check_job(id);
    }
    if (reply != nullptr && reply->status() == 0) {
      on_receipt(names_.subject("receipt", id), reply->data(), Source::kStored);
      if (!is_receipted(id)) return check_job(id);
    }
    if (reply != nullptr && reply->status() == 503) readiness_.lose_streams();
    if (reply == nullptr || reply->status() == 503) found->checked_ns = 1;
    if (found->phase == Phase::kChecking) found->phase = Phase::kWaiting;
  };
  const std::string stream = names_.stream("receipt");
  if (exchange_.send("$JS.API.DIRECT.GET." + stream + "." + names_.subject("receipt", id), "", kReplyTime,
                     on_reply))
    return;
  file->checked_ns = 0;
  if (file->phase == Phase::kChecking) file->phase = Phase::kWaiting;
}

void Sender::check_job(const std::string& id) {
  Outgoing* file = find(id);
  const std::string what = file->is_statement() ? "list" : "job";
  const auto then = [this, id](Lookup job, std::uint64_t sequence) {
    Outgoing* found = find(id);
    if (found == nullptr || (found->phase != Phase::kWaiting && found->phase != Phase::kChecking)) return;
    if (job == Lookup::kMissing) {
      if (found->phase == Phase::kWaiting) ++counts_.resent;
      return restart(found);
    }
    if (job == Lookup::kFound) found->job_sequence = sequence;
    found->phase = Phase::kWaiting;
    found->checked_ns = std::max<std::uint64_t>(found->checked_ns, 1);
    if (job == Lookup::kFound && found->is_statement()) offer_again(found);
  };
  const std::string stream = names_.stream(what);
  const std::string subject = names_.subject(what, id);
  const auto on_reply = [this, id, what, subject, then](const Message* reply) {
    if (reply != nullptr && reply->status() == 503) readiness_.lose_streams();
    Outgoing* found = find(id);
    Job stored;
    if (found != nullptr && reply != nullptr && reply->status() == 0 && parse_job(reply->data(), &stored)) {
      found->stored_epoch = stored.epoch;
      found->is_stored_repeated = stored.is_repeated;
    }
    if (reply == nullptr || reply->status() != 404)
      return then(reply == nullptr || reply->status() != 0 ? Lookup::kUnknown : Lookup::kFound,
                  reply == nullptr ? 0 : reply->sequence());
    if (!look_up_at_leader(what, subject, then)) then(Lookup::kUnknown, 0);
  };
  if (!exchange_.send("$JS.API.DIRECT.GET." + stream + "." + subject, "", kReplyTime, on_reply)) {
    file->checked_ns = 0;
    file->phase = Phase::kWaiting;
  }
}

// A loss of power can leave a consumer that is ahead of its stream: it would never hand out what has numbers
// that it has seen. Debian's server also skips a job now and then when a receiver is killed with a fetch
// open. Jobs that nobody gets are published again, under new numbers: soon where the consumer has nothing
// else, and in time also where other jobs keep it busy.
void Sender::check_consumer() {
  bool exists = false;
  QueueState queue;
  if (!read_queue(connection_.jetstream(), names_, &exists, &queue).ok() || !exists) return;
  const bool is_idle = queue.left == 0 && queue.in_hand == 0;
  const std::uint64_t ack_waits = kAckWaits * static_cast<std::uint64_t>(settings_.ack_wait_ms) * 1'000'000;
  const std::uint64_t now = host_.monotonic_ns();
  for (auto& [id, file] : files_) {
    if (file.phase != Phase::kWaiting || file.is_statement() || !file.holder.empty()) continue;
    // A receiver claims what it has fetched all of.
    const std::uint64_t patience = std::max(kUnclaimed, ack_waits) + file.job.size / kSlowest * kSecond;
    const bool is_overdue = file.unclaimed.observe(queue, file.job_sequence, patience, now);
    if (!is_overdue && (!is_idle || now - file.since_ns < kSkipped)) continue;
    if (is_overdue) host_.log(PAXECT_LOG_WARN, unclaimed_text(file) + ": it is published again");
    tidy_server(file);
    ++counts_.resent;
    restart(&file);
  }
}

}  // namespace paxect::carrier

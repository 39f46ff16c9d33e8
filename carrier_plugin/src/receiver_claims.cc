// How a receiver claims what is durable under a hidden name, and gives up what it cannot deliver.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "json_object.h"
#include "receiver.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kReplyTime = 5 * kSecond;
constexpr std::uint64_t kSeenTime = 60 * kSecond;      // so long a job that was seen counts as there
constexpr std::uint64_t kDeliverTime = 300 * kSecond;  // and so long a claim may follow
constexpr std::uint64_t kHeldDelay = 5 * kSecond;
constexpr std::uint64_t kMaxRefusedDelay = 3600 * kSecond;

}  // namespace

void Receiver::claim() {
  std::vector<Intent*> open;
  std::vector<std::string> gone;
  for (auto& [id, intent] : intents_) {
    Presence presence = Presence::kThere;
    if (intent.claimed || !intent.recorded ||
        !folder_.find_surely(temporary_of(intent.job.name, id), &presence).ok())
      continue;
    if (presence == Presence::kThere) open.push_back(&intent);
    // It was not renamed, since its name is not recorded: somebody removed it.
    if (presence == Presence::kAbsent && intent.at.empty()) gone.push_back(id);
  }
  for (const std::string& id : std::exchange(gone, {})) drop(id);
  drop_receipted(&open);
  if (open.empty() || !epoch_.read([&] { return pulse(); })) return;
  if (on_epoch()) return;
  confirm(&open, &gone);
  std::vector<std::string> asked;
  for (const Intent* intent : open) {
    const std::string& id = intent->job.id;
    if (exchange_.send(names_.subject("claim", id),
                       claim_text({.id = id, .receiver = state_.token(), .run = intent->run}), kReplyTime,
                       [this, key = id](const Message* reply) { on_claimed(key, reply); }))
      asked.push_back(id);
  }
  for (const std::string& id : gone) drop(id);
  exchange_.await(
      [&] {
        return std::all_of(asked.begin(), asked.end(), [&](const std::string& id) {
          const auto found = intents_.find(id);
          return found == intents_.end() || found->second.claimed || disputed_claims_.contains(id) ||
                 late_.contains(id);
        });
      },
      kReplyTime, [&] { return pulse(); });
  remove_late_claims();
  read_claims();
}

// An intent of an earlier process whose hidden file is there was not delivered by that process. A receipt is
// then that of another one, with a copy of the records: see Identity.
void Receiver::drop_receipted(std::vector<Intent*>* open) {
  std::vector<std::string> ids;
  for (const Intent* intent : *open)
    if (intent->is_recovered) ids.push_back(intent->job.id);
  if (ids.empty()) return;
  const std::vector<Found> found = look_up_surely("receipt", ids);
  std::vector<std::string> receipted;
  std::set<std::string> unknown;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (found[i].result == Lookup::kUnknown) unknown.insert(ids[i]);
    if (found[i].result == Lookup::kFound && is_receipt_of(intents_.at(ids[i]).job, found[i].text))
      receipted.push_back(ids[i]);
  }
  std::erase_if(*open, [&](const Intent* intent) {
    const std::string& id = intent->job.id;
    return unknown.contains(id) || std::find(receipted.begin(), receipted.end(), id) != receipted.end();
  });
  for (const std::string& id : receipted) {
    host_.log(PAXECT_LOG_WARN,
              intents_.at(id).job.name +
                  " has a receipt that this process did not write: another one delivered it");
    drop(id);
  }
}

// Leaves in `open` what may be claimed now; `gone` gets the IDs of what nobody waits for any more.
//
// A claim is good only while the sender cannot have removed the one of another receiver, which it does 10
// minutes after it has removed the job: so the job must have been there lately. And it is good only in the
// store in which the job was decided about. What does not fulfil both is decided by its sender, also where
// the claim of this receiver is there already: it may be the late one of an earlier try.
void Receiver::confirm(std::vector<Intent*>* open, std::vector<std::string>* gone) {
  std::vector<std::string> stale;
  for (const Intent* intent : *open)
    if (intent->seen_ns == 0 || boottime_ns() - intent->seen_ns >= kSeenTime) stale.push_back(intent->job.id);
  const std::uint64_t asked_ns = boottime_ns();
  std::vector<std::string> subjects;
  subjects.reserve(stale.size());
  for (const std::string& id : stale) subjects.push_back(names_.subject("job", id));
  const std::vector<Found> found = look_up_at_leader("job", subjects);
  std::set<std::string> missing;
  std::set<std::string> unknown;
  for (std::size_t i = 0; i < stale.size(); ++i) {
    Intent& intent = intents_.at(stale[i]);
    if (found[i].result == Lookup::kFound) intent.seen_ns = asked_ns;
    if (found[i].result == Lookup::kMissing) missing.insert(stale[i]);
    if (found[i].result == Lookup::kUnknown) unknown.insert(stale[i]);
  }
  std::vector<const Job*> asked;
  for (const Intent* intent : *open) {
    const bool is_same_store = intent->epoch == epoch_.value() || intent->job.epoch == epoch_.value();
    if (missing.contains(intent->job.id) || (!is_same_store && !unknown.contains(intent->job.id)))
      asked.push_back(&intent->job);
  }
  const std::map<std::string, Verdict> answers = ask_senders(asked);
  std::vector<Intent*> good;
  for (Intent* intent : *open) {
    const std::string& id = intent->job.id;
    const auto answer = answers.find(id);
    const Verdict verdict = answer == answers.end() ? Verdict::kDeliver : answer->second;
    if (verdict == Verdict::kDeliver && answer != answers.end() && !missing.contains(id))
      intent->epoch = epoch_.value();
    if (verdict == Verdict::kFinished) gone->push_back(id);
    if (verdict == Verdict::kFinished && !missing.contains(id)) remove_job(id);
    // One whose job is not there is published again by its sender.
    const bool is_good = verdict == Verdict::kDeliver && !missing.contains(id) && !unknown.contains(id);
    intent->waits = !is_good;
    if (is_good) good.push_back(intent);
  }
  *open = std::move(good);
}

void Receiver::on_claimed(const std::string& id, const Message* reply) {
  const auto found = intents_.find(id);
  // Senders listen on the subject too, so that a stream that somebody removed shows by silence.
  if (reply == nullptr || reply->status() == 503) readiness_.lose_streams();
  std::uint64_t sequence = 0;
  const Stored stored = refusals_.take(names_.subject("claim", id), reply, &sequence);
  if (found == intents_.end()) return;
  if (stored == Stored::kAlready) disputed_claims_.insert(id);
  if (stored != Stored::kYes) return;
  found->second.claimed = boottime_ns() - found->second.seen_ns < kDeliverTime;
  if (!found->second.claimed) late_[id] = sequence;
}

// This process stood still before its claim, so long that the claim of another receiver may have come and
// gone.
void Receiver::remove_late_claims() {
  for (const auto& [id, sequence] : std::exchange(late_, {})) {
    remove_message("claim", sequence);
    if (const auto found = intents_.find(id); found != intents_.end()) found->second.seen_ns = 0;
  }
}

// Whose claim was there before?
void Receiver::read_claims() {
  for (const std::string& id : std::exchange(disputed_claims_, {})) {
    const auto found = intents_.find(id);
    if (found == intents_.end() || found->second.claimed) continue;
    Claim claim;
    const Found there = look_up("claim", id);
    if (there.result != Lookup::kFound) continue;
    if (!parse_claim(there.text, &claim) || claim.id != id) {
      remove_foreign("claim", id, found->second.job.name,
                     [&](std::string_view text) { return is_claim_of(id, text); });
    } else if (claim.receiver == state_.token() && claim.run == found->second.run) {
      found->second.claimed = true;
    } else {
      if (claim.receiver == state_.token()) identity_.take_claim(found->second.job.name);
      ++counts_.left;
      drop(id);
    }
  }
}

// First the record, then the files: without that record they would be looked for after a crash.
void Receiver::drop(const std::string& id) {
  const auto found = intents_.find(id);
  if (found == intents_.end()) return;
  Status status = records_.append("dropped " + id);
  if (status.ok()) status = records_.flush();
  problems_.set("the records cannot be written", status.message());
  if (!status.ok()) return;
  const Intent intent = found->second;
  intents_.erase(found);
  progress_ns_ = host_.monotonic_ns();
  folder_.remove(temporary_of(intent.job.name, id));
  folder_.remove(sidecar_temporary_of(intent.job.name, id));
  folder_.remove(witness_of(intent.job.name, id));
  if (!intent.ack.empty()) give_back(intent.ack, kHeldDelay);
}

// Whether a failure is one of this name in this folder, and not of the folder: a file where the name needs a
// subfolder, a name that the file system does not allow, a subfolder of somebody else.
bool Receiver::is_about_name(const Job& job, const Status& status) {
  switch (status.error()) {
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case EINVAL:
    case EILSEQ:
    case EEXIST:
      return true;
    case EACCES:
    case EPERM:
    case EROFS:
      return !folder_of(job.name).empty();
    default:
      return false;
  }
}

// What has been claimed and cannot get its name here, and never had it: another receiver may be able to
// deliver it, so its claim is removed. A claim that was left would keep it from everybody, so that only the
// leader of the stream can say that there is none: a replica may be behind.
void Receiver::release(const std::string& id, const std::string& reason) {
  if (const auto named = intents_.find(id); named == intents_.end() || named->second.is_renamed) return;
  const Found at_leader = look_up_at_leader("claim", {names_.subject("claim", id)})[0];
  if (at_leader.result == Lookup::kUnknown) return;  // it is tried again
  if (at_leader.result == Lookup::kFound) {
    const Found there = look_up("claim", id);
    Claim claim;
    if (there.result != Lookup::kFound || there.sequence != at_leader.sequence) return;
    const bool is_ours = parse_claim(there.text, &claim) && claim.receiver == state_.token();
    if (is_ours && !remove_message("claim", there.sequence)) return;
  }
  const auto found = intents_.find(id);
  if (found == intents_.end()) return;
  found->second.claimed = false;
  const Intent intent = found->second;
  found->second.ack.clear();
  drop(id);
  if (!intents_.contains(id)) refuse(intent.job, intent.ack, reason);
}

// Its hidden file is gone and nothing shows whether it had got its name. Its claim stays, so that nobody
// delivers it until the operator has looked.
void Receiver::leave_to_operator(const std::string& id) {
  const auto found = intents_.find(id);
  if (found == intents_.end()) return;
  const Job job = found->second.job;
  drop(id);
  if (intents_.contains(id)) return;  // the records could not be written
  host_.log(PAXECT_LOG_WARN, "another program removed the hidden files of " + job.name +
                                 " while it was delivered: whether it is delivered is not known");
  refuse_own_claim(job);
}

bool Receiver::is_refused(const std::string& id) const {
  const auto refused = refused_.find(id);
  return refused != refused_.end() && host_.monotonic_ns() < refused->second.until_ns;
}

// Reports a job or list that this receiver cannot deliver, here and to its sender, and gives it back.
void Receiver::refuse(const Job& job, const std::string& ack, const std::string& reason) {
  Refused& refused = refused_[job.id];
  refused.delay_ns = std::clamp(2 * refused.delay_ns, kRefusedDelay, kMaxRefusedDelay);
  refused.until_ns = host_.monotonic_ns() + refused.delay_ns;
  refused.job = job;
  refused.reason = reason;
  log_.write("refused", job, job.sender, reason);
  reports_.add({.id = job.id, .receiver = state_.token(), .reason = reason, .again = false});
  give_back(ack, kRefusedDelay);
}

// It is delivered, here or elsewhere, or is to be delivered no more.
void Receiver::forget_refused(const std::string& id) {
  refused_.erase(id);
  reports_.drop(id);
}

}  // namespace paxect::carrier

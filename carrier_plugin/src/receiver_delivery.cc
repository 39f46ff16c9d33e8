// How a receiver delivers what is durable under hidden names: claims, names, records, receipts.
#include <algorithm>
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
constexpr std::size_t kReceiptsAtOnce = 256;
constexpr std::size_t kDeletesByNumber = 4;
constexpr std::uint64_t kMaxRecords = 64 * 1024 * 1024;

}  // namespace

Status Receiver::flush_records() {
  const Status status = records_.flush();
  // What could not be flushed may be lost: everything that is known, in a new file.
  return status.ok() ? status : rewrite_records();
}

// Claims what has no claim yet, and delivers what is claimed. Called again for what could not be finished.
void Receiver::finish() {
  claim();
  std::vector<std::string> delivered;
  std::set<std::string> folders;
  for (const auto& [id, intent] : intents_) {
    const std::string temporary = temporary_of(intent.job.name, id);
    // A hidden file that is gone was renamed: nobody else removes it.
    const bool was_renamed = intent.recorded && !folder_.exists(temporary);
    if (!was_renamed && !intent.claimed) continue;
    std::string at = intent.job.name;
    if (!was_renamed) {
      const Status status = deliver(intent, &at, &folders);
      problems_.set("the folder cannot be written", status.message());
      if (!status.ok()) break;
    }
    folders.insert(folder_of(intent.job.name));
    delivered_[id] = {.name = intent.job.name,
                      .digest = intent.job.digest,
                      .size = intent.job.size,
                      .at = at,
                      .time_ns = host_.realtime_ns()};
    delivered.push_back(id);
  }
  if (delivered.empty()) return;
  Status status;
  for (const std::string& folder : folders)
    if (status.ok()) status = folder_.sync_names(join(folder, "x"));
  for (const std::string& id : delivered)
    if (status.ok()) status = records_.append(delivered_record(id, delivered_.at(id)));
  if (status.ok()) status = flush_records();
  problems_.set("the folder cannot be written", status.message());
  if (!status.ok()) {
    for (const std::string& id : delivered) delivered_.erase(id);
    return;
  }
  for (const std::string& id : delivered) {
    const Intent& intent = intents_.at(id);
    ++counts_.delivered;
    counts_.delivered_bytes += intent.job.size;
    log_.write("delivered", intent.job, intent.job.sender);
    recent_.emplace_back(boottime_ns(), delivered_.at(id).at);
    unconfirmed_.insert(id);
    finished_.push_back(intent);
    intents_.erase(id);
  }
  publish_receipts();
}

void Receiver::claim() {
  const auto needs_claim = [&](const auto& one) { return !one.second.claimed && one.second.recorded; };
  if (std::none_of(intents_.begin(), intents_.end(), needs_claim) || !epoch_.read([&] { return pulse(); }))
    return;
  on_epoch();
  std::vector<std::string> asked;
  std::vector<std::string> gone;
  for (auto& [id, intent] : intents_) {
    if (intent.claimed || !intent.recorded || !folder_.exists(temporary_of(intent.job.name, id))) continue;
    bool is_gone = false;
    if (!confirm_seen(&intent, &is_gone)) continue;
    if (is_gone) gone.push_back(id);
    if (is_gone || intent.claimed || !confirm_epoch(&intent, &is_gone)) continue;
    if (is_gone) gone.push_back(id);
    if (is_gone) continue;
    if (exchange_.send(names_.subject("claim", id), claim_text({.id = id, .receiver = state_.token()}),
                       kReplyTime, [this, key = id](const Message* reply) { on_claimed(key, reply); }))
      asked.push_back(id);
  }
  for (const std::string& id : gone) drop(id);
  exchange_.await(
      [&] {
        return std::all_of(asked.begin(), asked.end(), [&](const std::string& id) {
          const auto found = intents_.find(id);
          return found == intents_.end() || found->second.claimed || disputed_.contains(id);
        });
      },
      kReplyTime, [&] { return pulse(); });
  read_claims();
}

// A claim is good only while the sender cannot have removed the one of another receiver, which it does 10
// minutes after the job. `*gone`: the job is not there any more, and nobody waits for it.
bool Receiver::confirm_seen(Intent* intent, bool* gone) {
  if (intent->seen_ns != 0 && boottime_ns() - intent->seen_ns < kSeenTime) return true;
  std::string text;
  std::uint64_t sequence = 0;
  const std::string& id = intent->job.id;
  const std::uint64_t asked = boottime_ns();
  Lookup found = look_up("job", id, &text, &sequence);
  if (found == Lookup::kUnknown) return false;
  if (found == Lookup::kFound) {
    intent->seen_ns = asked;
    intent->sequence = sequence;
    return true;
  }
  found = look_up("claim", id, &text, &sequence);
  if (found == Lookup::kUnknown) return false;
  Claim claim;
  intent->claimed = found == Lookup::kFound && parse_claim(text, &claim) && claim.receiver == state_.token();
  *gone = !intent->claimed;
  return true;
}

// A claim is good only in the store in which the job was decided about. In another one the sender decides
// again.
bool Receiver::confirm_epoch(Intent* intent, bool* gone) {
  if (intent->epoch == epoch_.value() || intent->job.epoch == epoch_.value()) return true;
  switch (ask_senders(intent->job, intent->sequence)) {
    case Verdict::kDeliver:
      intent->epoch = epoch_.value();
      return true;
    case Verdict::kFinished:
      *gone = true;
      return true;
    case Verdict::kLater:
      break;
  }
  return false;
}

void Receiver::on_claimed(const std::string& id, const Message* reply) {
  const auto found = intents_.find(id);
  if (found == intents_.end() || reply == nullptr || reply->status() != 0) return;
  std::uint64_t sequence = 0;
  std::string reason;
  const Stored stored = parse_publication(reply->data(), &sequence, &reason);
  if (stored == Stored::kAlready) disputed_.insert(id);
  if (stored == Stored::kYes) found->second.claimed = boottime_ns() - found->second.seen_ns < kDeliverTime;
}

// Whose claim was there before?
void Receiver::read_claims() {
  for (const std::string& id : std::exchange(disputed_, {})) {
    const auto found = intents_.find(id);
    if (found == intents_.end() || found->second.claimed) continue;
    std::string text;
    std::uint64_t sequence = 0;
    Claim claim;
    if (look_up("claim", id, &text, &sequence) != Lookup::kFound) continue;
    if (!parse_claim(text, &claim) || claim.id != id) {
      host_.log(PAXECT_LOG_WARN, "the claim of " + found->second.job.name + " in the stream " +
                                     names_.stream("claim") + " is none and is removed");
      remove_message("claim", sequence);
    } else if (claim.receiver == state_.token()) {
      found->second.claimed = true;
    } else {
      ++counts_.left;
      drop(id);
    }
  }
}

// First the record, then the file: a file that is gone without that record counts as delivered.
void Receiver::drop(const std::string& id) {
  const auto found = intents_.find(id);
  if (found == intents_.end()) return;
  Status status = records_.append("dropped " + id);
  if (status.ok()) status = records_.flush();
  problems_.set("the records cannot be written", status.message());
  if (!status.ok()) return;
  const Intent intent = found->second;
  intents_.erase(found);
  folder_.remove(temporary_of(intent.job.name, id));
  folder_.remove(sidecar_temporary_of(intent.job.name, id));
  if (!intent.ack.empty()) give_back(intent.ack, kHeldDelay);
}

Status Receiver::deliver(const Intent& intent, std::string* at, std::set<std::string>* folders) {
  const Job& job = intent.job;
  const std::string temporary = temporary_of(job.name, job.id);
  folders->insert(folder_of(job.name));
  for (const std::size_t digits : {0U, 8U, 16U, 32U}) {
    *at = digits == 0 ? job.name : conflict_of(job.name, job.id.substr(0, digits));
    if (folder_.exists(*at)) continue;
    bool taken = false;
    if (!job.sidecar.empty())
      if (Status status = place_sidecar(job, *at, &taken); !status.ok()) return status;
    if (taken) continue;
    Status status = folder_.rename_new(temporary, *at, &taken);
    if (!status.ok() || !taken) return status;
    // Somebody was faster with the name: the sidecar goes back under its hidden one.
    if (!job.sidecar.empty()) {
      folder_.rename_new(sidecar_of(*at), sidecar_temporary_of(job.name, job.id), &taken);
    }
  }
  return Status::failure("all names for " + job.name + " are taken in " + folder_.path());
}

// A sidecar of the same text counts as ours: a crash may have been right behind its name.
Status Receiver::place_sidecar(const Job& job, const std::string& name, bool* taken) {
  const std::string hidden = sidecar_temporary_of(job.name, job.id);
  const std::string target = sidecar_of(name);
  if (folder_.exists(target)) {
    std::string there;
    FileIdentity ignored;
    bool missing = false;
    const bool is_read = folder_.read_small(target, kMaxSidecar, &there, &ignored, &missing).ok();
    *taken = !is_read || there != job.sidecar;
    return *taken ? Status::success() : folder_.remove(hidden);
  }
  if (!folder_.exists(hidden))
    if (Status status = write_sidecar(job, Flush::kNow); !status.ok()) return status;
  return folder_.rename_new(hidden, target, taken);
}

void Receiver::publish_receipts() {
  std::vector<std::string> asked;
  for (const std::string& id : unconfirmed_) {
    if (asked.size() >= kReceiptsAtOnce) break;
    const auto found = delivered_.find(id);
    if (found == delivered_.end()) continue;
    const Delivered& done = found->second;
    const Receipt receipt{.id = id,
                          .name = done.name,
                          .digest = done.digest,
                          .size = done.size,
                          .receiver = state_.token(),
                          .at = done.at};
    if (exchange_.send(names_.subject("receipt", id), receipt_text(receipt), kReplyTime,
                       [this, key = id](const Message* reply) { on_receipted(key, reply); }))
      asked.push_back(id);
  }
  // Each goes from `unconfirmed_` when it is stored.
  exchange_.await(
      [&] {
        return std::none_of(asked.begin(), asked.end(), [&](const std::string& id) {
          return unconfirmed_.contains(id) && !disputed_.contains(id);
        });
      },
      kReplyTime, [&] { return pulse(); });
  for (const std::string& id : std::exchange(disputed_, {})) check_receipt(id);
  for (auto at = finished_.begin(); at != finished_.end();) {
    const bool is_stored = !unconfirmed_.contains(at->job.id);
    if (is_stored) tidy_server(*at);
    at = is_stored || at->seen_generation != generation_ ? finished_.erase(at) : std::next(at);
  }
  if (records_.size() > kMaxRecords)
    if (const Status status = rewrite_records(); !status.ok()) host_.log(PAXECT_LOG_WARN, status.message());
}

void Receiver::on_receipted(const std::string& id, const Message* reply) {
  if (reply == nullptr || reply->status() != 0) return;
  std::uint64_t sequence = 0;
  std::string reason;
  const Stored stored = parse_publication(reply->data(), &sequence, &reason);
  if (stored == Stored::kAlready) disputed_.insert(id);
  if (stored == Stored::kYes) confirm(id);
}

void Receiver::confirm(const std::string& id) {
  unconfirmed_.erase(id);
  records_.append("receipted " + id);  // without a flush: after a loss of power it is published once more
}

// There is a receipt: it must be one that the sender accepts.
void Receiver::check_receipt(const std::string& id) {
  std::string text;
  std::uint64_t sequence = 0;
  if (look_up("receipt", id, &text, &sequence) != Lookup::kFound) return;
  Receipt receipt;
  if (parse_receipt(text, &receipt) && receipt.digest == delivered_.at(id).digest) return confirm(id);
  host_.log(PAXECT_LOG_WARN, "the receipt of " + delivered_.at(id).name + " in the stream " +
                                 names_.stream("receipt") + " is none and is replaced");
  remove_message("receipt", sequence);
}

void Receiver::tidy_server(const Intent& intent) {
  acknowledge(intent.ack, "+ACK");
  const std::string stream = names_.stream("data");
  const bool all_known = !intent.chunk_sequences.empty() && intent.chunk_sequences.size() <= kDeletesByNumber;
  if (intent.job.chunks() == 0) return;
  if (!all_known) {
    exchange_.post("$JS.API.STREAM.PURGE." + stream,
                   JsonObject().add("filter", names_.subject("data", intent.job.id) + ".*").text());
    return;
  }
  for (const std::uint64_t sequence : intent.chunk_sequences)
    exchange_.post("$JS.API.STREAM.MSG.DELETE." + stream,
                   JsonObject().add("seq", sequence).add("no_erase", true).text());
}

}  // namespace paxect::carrier

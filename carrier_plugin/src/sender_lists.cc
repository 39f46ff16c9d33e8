// When a sender removes a list: with the receipts of all receivers that it knows. The first receipt of a list
// is at S.receipt.ID, as that of a container; those of further receivers are at S.receipt.ID-RECEIVER.
#include <unistd.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "forgetting.h"
#include "json_object.h"
#include "sender.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kReplyTime = 10 * kSecond;
constexpr std::uint64_t kConsumersEvery = 5 * kSecond;  // while a list is kept
constexpr std::uint64_t kConsumersIdle = 60 * kSecond;
constexpr std::uint64_t kForgettingEvery = kSecond;
constexpr std::uint64_t kDeleteAgain = 60 * kSecond;
constexpr std::uint64_t kMaxOfferPause = 3600 * kSecond;
constexpr std::size_t kMaxKept = 20'000;
constexpr std::size_t kNamed = 3;  // receivers, in a text

}  // namespace

void Sender::note_receiver(const std::string& id) {
  std::string record;
  const bool may_lack = receivers_.note_sign(id, host_.realtime_ns(), host_.monotonic_ns(), &record);
  if (!record.empty()) records_.append(record);
  if (!may_lack) return;
  next_consumers_ns_ = next_check_ns_ = 0;
  returned_.insert(id);
}

// What the server has lost in the meantime is published again now for those that came, and not at the next
// turn. One walk serves all that came together.
void Sender::check_for_returned() {
  if (returned_.empty()) return;
  const std::set<std::string> returned = std::exchange(returned_, {});
  for (const std::string& list : kept_lists_)
    if (Outgoing* file = find(list);
        file != nullptr && std::any_of(returned.begin(), returned.end(),
                                       [&](const std::string& id) { return !file->had_by.contains(id); }))
      file->checked_ns = 0;
}

void Sender::note_peer(const Message& message) {
  if (!message.reply().empty()) return;  // a question
  Peer peer;
  if (!parse_peer(message.data(), &peer))
    return note_foreign(message.subject(), message.data(), "an announcement");
  if (peer.mode != "receive") return;
  note_receiver(peer.id);
  const std::string record = receivers_.note_place(peer.id, peer.host + " [" + peer.section + "]");
  if (!record.empty()) records_.append(record);
}

void Sender::take_list_receipt(Outgoing* file, const std::string& receiver) {
  file->had_by.insert(receiver);
  file->refusals.erase(receiver);
  if (is_receipted(file->job.id)) return;
  file->trouble = file->refusals.empty() ? "" : file->refusals.begin()->second;
  if (kept_lists_.insert(file->job.id).second)
    next_consumers_ns_ = std::min(next_consumers_ns_, host_.monotonic_ns() + kConsumersEvery);
  finish_list(file);
}

// Without the consumers a receiver may be there of which this sender has never heard.
void Sender::finish_list(Outgoing* file) {
  const std::string& id = file->job.id;
  if (file->had_by.empty() || is_receipted(id) || consumers_generation_ != readiness_.generation()) return;
  const bool has_room = kept_lists_.size() <= kMaxKept;
  if (has_room && !receivers_.next_other(file->had_by, "").empty()) return;
  kept_lists_.erase(id);
  receipted_.add({.id = id, .receiver = *file->had_by.begin()});
}

void Sender::finish_lists() {
  problems_.set("too many lists wait for receivers",
                kept_lists_.size() < kMaxKept
                    ? ""
                    : std::to_string(kMaxKept) +
                          " lists wait for receivers that are away: the server alone has further ones. Start "
                          "the receivers, or give up those that are gone: paxect carrier forget RECEIVER");
  problems_.set("too many receivers",
                receivers_.is_full()
                    ? "more than " + std::to_string(KnownReceivers::kMax) +
                          " receivers of lists announce themselves or have a consumer: lists do "
                          "not wait for further ones. Remove consumers that nobody uses from the stream " +
                          names_.stream("list")
                    : "");
  for (const std::string& id : std::set<std::string>(kept_lists_))
    if (Outgoing* file = find(id); file != nullptr) finish_list(file);
  kept_had_.clear();
  for (const std::string& id : kept_lists_)
    if (const Outgoing* file = find(id); file != nullptr)
      for (const std::string& receiver : file->had_by) ++kept_had_[receiver];
}

std::vector<Sender::ListedReceiver> Sender::receivers(std::size_t max) const {
  std::vector<ListedReceiver> all;
  const std::uint64_t now = host_.monotonic_ns();
  receivers_.for_each([&](const KnownReceivers::Known& known) {
    const auto had = kept_had_.find(known.id);
    const std::uint64_t has = had == kept_had_.end() ? 0 : had->second;
    const std::uint64_t kept = kept_lists_.size();
    all.push_back({.known = known,
                   .is_there = receivers_.is_there(known.id, now),
                   .lists = known.is_absent ? 0 : kept - std::min(kept, has)});
  });
  const auto is_before = [](const ListedReceiver& a, const ListedReceiver& b) {
    return std::tuple(a.is_there, b.lists, a.known.id) < std::tuple(b.is_there, a.lists, b.known.id);
  };
  std::sort(all.begin(), all.end(), is_before);
  if (all.size() > max) all.resize(max);
  return all;
}

// The requests of the command `forget`, also those from before the start. A sender that has not been
// connected for long has not heard of receivers that are there.
void Sender::tend_forgetting() {
  const std::uint64_t now = host_.monotonic_ns();
  if (now < next_forgetting_ns_) return;
  next_forgetting_ns_ = now + kForgettingEvery;
  const std::vector<std::string> requests = forget_requests(settings_.state);
  is_to_decide_ = !requests.empty() && now - listens_since_ns_ <= KnownReceivers::kSilent;
  if (is_to_decide_) return;
  for (const std::string& id : requests)
    if (forget(id)) unlink(forget_request(settings_.state, id).c_str());
}

// False when it is to be tried again.
bool Sender::forget(const std::string& id) {
  std::string record;
  const bool is_new = receivers_.forget(id, host_.monotonic_ns(), &record);
  if (!is_new && !receivers_.is_forgotten(id)) {
    host_.log(PAXECT_LOG_WARN, "the receiver " + id + " is not forgotten: it is connected, or not known");
    return true;
  }
  Status status = is_new ? records_.append(record) : rewrite_records();
  if (is_new && status.ok()) status = records_.flush();
  if (is_new && !status.ok()) status = rewrite_records();
  problems_.set("the records cannot be written", status.message());
  if (!status.ok()) return false;
  host_.log(PAXECT_LOG_WARN,
            "the receiver " + id + " is forgotten, as the operator wants: no list waits for it");
  finish_lists();
  return true;
}

void Sender::tend_lists() {
  const std::uint64_t now = host_.monotonic_ns();
  const bool is_read = consumers_generation_ == readiness_.generation();
  std::vector<std::string> records;
  receivers_.count_day(host_.realtime_ns(), now, &records);
  for (const std::string& record : records) records_.append(record);
  // Without an epoch nothing shows later whether a consumer was removed or its store was lost.
  if (now < next_consumers_ns_ || epoch_.value().empty()) return;
  next_consumers_ns_ = now + (is_read && kept_lists_.empty() ? kConsumersIdle : kConsumersEvery);
  read_consumers({});
}

// The server gives 1,024 names at a time.
void Sender::read_consumers(const std::set<std::string>& before) {
  const auto on_reply = [this, before, generation = readiness_.generation(),
                         epoch = epoch_.value()](const Message* reply) {
    if (reply == nullptr || generation != readiness_.generation() || epoch != epoch_.value()) return;
    const JsonReader reader(reply->data());
    const json::Value* names = reader.find("consumers");
    std::uint64_t total = 0;
    if (!reader.get("total", &total)) return;
    std::set<std::string> all = before;
    if (names != nullptr && names->IsArray())
      for (const json::Value& name : names->GetArray())
        if (name.IsString()) all.emplace(name.GetString(), name.GetStringLength());
    if (all.size() < total && all.size() > before.size()) return read_consumers(all);
    std::vector<std::string> records;
    receivers_.take_consumers(all, epoch, host_.realtime_ns(), &records);
    for (const std::string& record : records) records_.append(record);
    consumers_generation_ = generation;
    finish_lists();
  };
  exchange_.send("$JS.API.CONSUMER.NAMES." + names_.stream("list"),
                 JsonObject().add("offset", std::uint64_t{before.size()}).text(), kReplyTime, on_reply);
}

// Which receivers have it, and then whether it is still there for the others.
void Sender::ask_list_receipts(const Outgoing& file) {
  receipt_questions_.add(file.job.id);
  send_receipt_questions();
}

void Sender::send_receipt_questions() {
  const auto next = [this](const std::string& list, const std::string& after) {
    const Outgoing* file = find(list);
    return file == nullptr ? "" : receivers_.next_other(file->had_by, after);
  };
  ReceiverQuestions::Question question;
  while (receipt_questions_.next(next, &question)) {
    const std::string subject = names_.subject("receipt", list_receipt_of(question.list, question.receiver));
    const auto on_reply = [this, subject](const Message* reply) {
      receipt_questions_.close();
      if (reply != nullptr && reply->status() == 0) on_receipt(subject, reply->data(), Source::kStored);
    };
    if (exchange_.send("$JS.API.DIRECT.GET." + names_.stream("receipt") + "." + subject, "", kReplyTime,
                       on_reply))
      continue;
    receipt_questions_.close();
    return;
  }
}

// The receipts that further receivers of a list have published, when the list is done with.
void Sender::delete_list_receipts() {
  const auto next = [this](const std::string&, const std::string& after) { return receivers_.next(after); };
  const std::uint64_t now = host_.monotonic_ns();
  if (now >= next_deletions_ns_) {
    next_deletions_ns_ = now + kDeleteAgain;
    receipt_deletions_.retry();
  }
  ReceiverQuestions::Question question;
  while (connection_.is_connected() && receipt_deletions_.next(next, &question))
    delete_last("receipt", list_receipt_of(question.list, question.receiver),
                [this, list = question.list](bool ok) {
                  if (ok) return receipt_deletions_.close();
                  receipt_deletions_.fail(list);
                });
}

// A consumer can pass over what its stream has: a loss of power leaves it ahead, and Debian's server skips a
// message now and then when a receiver is killed with a fetch open. What is published under a new number is
// given out. Those that have the list compare it and send their receipts again.
void Sender::offer_again(Outgoing* file) {
  const std::uint64_t now = host_.monotonic_ns();
  const auto is_meant = [&](const std::string& receiver) {
    return receivers_.is_there(receiver, now) && !file->refusals.contains(receiver);
  };
  const std::string lacking = receivers_.next_other(file->had_by, "", is_meant);
  if (lacking.empty()) {
    file->lacked_since_ns = 0;
    return;
  }
  if (file->lacked_since_ns == 0) file->lacked_since_ns = now;
  const std::uint64_t lacked = now - file->lacked_since_ns;
  if (lacked < file->offer_pause_ns) return;
  file->lacked_since_ns = now;
  file->offer_pause_ns = std::min(2 * file->offer_pause_ns, kMaxOfferPause);
  host_.log(PAXECT_LOG_WARN, "the receiver " + lacking + " is there and has not reported " + file->job.name +
                                 " for " + std::to_string(lacked / kSecond) +
                                 " s: it is published again, since the server may have passed it over");
  ++counts_.resent;
  delete_last("list", file->job.id, [this, id = file->job.id](bool ok) {
    Outgoing* again = find(id);
    if (ok && again != nullptr && again->phase == Phase::kWaiting) restart(again);
  });
}

// "" for what no receiver has, and for other files.
std::string Sender::lacking_text(const Outgoing& file) const {
  if (!kept_lists_.contains(file.job.id)) return "";
  const std::size_t others = receivers_.count_others(file.had_by);
  std::string names;
  std::string receiver;
  const std::uint64_t now = host_.monotonic_ns();
  const auto is_away = [&](const std::string& one) { return !receivers_.is_there(one, now); };
  const std::string away = receivers_.next_other(file.had_by, "", is_away);
  for (std::size_t i = 0; i < std::min(others, kNamed); ++i) {
    receiver = receivers_.next_other(file.had_by, receiver);
    names += (names.empty() ? "" : ", ") + receiver;
  }
  if (others > kNamed) names += " and " + std::to_string(others - kNamed) + " others";
  return "delivered to " + std::to_string(file.had_by.size()) +
         " receivers, and kept until these have it: " + names +
         (away.empty() ? ""
                       : "; " + away + " is away: if it is gone for good, run: paxect carrier forget " +
                             away + " (one that is silent for 35 days counts as gone)");
}

}  // namespace paxect::carrier

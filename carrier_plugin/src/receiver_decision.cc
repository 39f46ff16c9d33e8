// Which jobs of a batch a receiver may deliver. The questions to the server, and those to the senders, go out
// for all jobs together: after a restart of the server thousands of jobs may need them, and one that gets no
// answer must not delay the others.
#include <utility>

#include "json_object.h"
#include "receiver.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kReplyTime = 5 * kSecond;
constexpr unsigned kLookupAttempts = 3;             // the last one waits so long, those before less
constexpr std::uint64_t kAnswerTime = 2 * kSecond;  // of a sender
constexpr std::uint64_t kSilence = 10 * kSecond;    // until a sender that did not answer is asked again
constexpr std::uint64_t kForgotten = 60 * kSecond;
constexpr std::uint64_t kDeferred = 30 * kSecond;  // until it is reported
constexpr std::uint64_t kHeldDelay = 5 * kSecond;

}  // namespace

// One of the servers that have the stream answers; one that hangs is believed to be there for minutes. So
// what gets no reply is requested again, perhaps from another one.
std::vector<Receiver::Found> Receiver::look_up(const std::string& what, const std::vector<std::string>& ids) {
  std::vector<Found> found(ids.size());
  std::vector<bool> replied(ids.size());
  for (unsigned attempt = 0; attempt < kLookupAttempts; ++attempt) {
    std::vector<Exchange::Request> requests;
    std::vector<std::size_t> places;
    requests.reserve(ids.size());
    places.reserve(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (replied[i]) continue;
      requests.push_back(
          {"$JS.API.DIRECT.GET." + names_.stream(what) + "." + names_.subject(what, ids[i]), std::string()});
      places.push_back(i);
    }
    if (requests.empty()) break;
    exchange_.ask_all(
        requests, kReplyTime >> (kLookupAttempts - 1 - attempt), [&] { return pulse(); },
        [&](std::size_t index, const Message& reply) {
          const std::size_t place = places[index];
          replied[place] = true;
          if (reply.status() == 404) found[place].result = Lookup::kMissing;
          if (reply.status() == 503) readiness_.lose_streams();  // somebody removed the stream
          if (reply.status() != 0) return;
          found[place] = {Lookup::kFound, std::string(reply.data()), reply.sequence()};
        });
    if (host_.stop_requested() || !connection_.is_connected()) break;
  }
  return found;
}

std::vector<Receiver::Found> Receiver::look_up_at_leader(const std::string& what,
                                                         const std::vector<std::string>& subjects) {
  std::vector<Found> found(subjects.size());
  std::vector<Exchange::Request> requests;
  requests.reserve(subjects.size());
  for (const std::string& subject : subjects)
    requests.push_back(
        {"$JS.API.STREAM.MSG.GET." + names_.stream(what), JsonObject().add("last_by_subj", subject).text()});
  exchange_.ask_all(
      requests, kReplyTime, [&] { return pulse(); },
      [&](std::size_t index, const Message& reply) {
        found[index].result = parse_lookup(reply.data(), &found[index].sequence);
      });
  return found;
}

std::vector<Receiver::Found> Receiver::look_up_surely(const std::string& what,
                                                      const std::vector<std::string>& ids) {
  std::vector<Found> found = look_up(what, ids);
  std::vector<std::string> subjects;
  std::vector<std::size_t> places;
  subjects.reserve(ids.size());
  places.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (found[i].result != Lookup::kMissing) continue;
    subjects.push_back(names_.subject(what, ids[i]));
    places.push_back(i);
  }
  const std::vector<Found> surely = look_up_at_leader(what, subjects);
  for (std::size_t i = 0; i < places.size(); ++i)
    if (surely[i].result != Lookup::kMissing) found[places[i]].result = Lookup::kUnknown;
  return found;
}

// Keeps in the batch what may be delivered. A job that comes for the first time, from the store that has
// acknowledged it, needs no question, unless it was published before: it may have been delivered from a store
// that was lost. One that is older than its consumer may have been given out by the consumer before.
void Receiver::decide(std::vector<Incoming>* batch) {
  std::vector<Incoming*> open;
  for (Incoming& job : *batch) {
    job.verdict = Verdict::kDeliver;
    const bool is_first = job.position.deliveries == 1 && job.position.stored_ns > consumer_made_ns_;
    if (!is_first || must_ask(job.job)) open.push_back(&job);
  }
  settle_by_receipts(&open);
  settle_by_claims(&open);
  std::erase_if(open, [&](const Incoming* job) { return !must_ask(job->job); });
  std::vector<const Job*> asked;
  asked.reserve(open.size());
  for (const Incoming* job : open) asked.push_back(&job->job);
  const std::map<std::string, Verdict> answers = ask_senders(asked);
  for (Incoming* job : open) {
    job->verdict = answers.at(job->job.id);
    if (job->verdict == Verdict::kFinished) remove_message("job", job->position.sequence);
  }
  for (const Incoming& job : *batch) {
    if (job.verdict == Verdict::kLater) give_back(job.ack, kHeldDelay);
    if (job.verdict == Verdict::kFinished) acknowledge(job.ack, "+ACK");
    if (job.verdict != Verdict::kLater) waiting_for_senders_.clear(job.job.id);
    if (job.verdict == Verdict::kFinished) forget_refused(job.job.id);
  }
  std::erase_if(*batch, [](const Incoming& job) { return job.verdict != Verdict::kDeliver; });
  report_waiting();
}

bool Receiver::must_ask(const Job& job) const { return job.is_repeated || job.epoch != epoch_.value(); }

// Leaves in `open` what has no receipt. One that a replica does not have yet costs the work of a download: no
// second claim is stored.
void Receiver::settle_by_receipts(std::vector<Incoming*>* open) {
  std::vector<std::string> ids;
  ids.reserve(open->size());
  for (const Incoming* job : *open) ids.push_back(job->job.id);
  const std::vector<Found> found = look_up("receipt", ids);
  std::vector<Incoming*> left;
  for (std::size_t i = 0; i < open->size(); ++i) {
    Incoming* job = (*open)[i];
    if (found[i].result == Lookup::kUnknown) {
      job->verdict = Verdict::kLater;
    } else if (found[i].result == Lookup::kFound && is_receipt_of(job->job, found[i].text)) {
      ++counts_.repeated;
      job->verdict = Verdict::kFinished;
    } else {
      if (found[i].result == Lookup::kFound)
        remove_foreign("receipt", job->job.id, job->job.name,
                       [&](std::string_view text) { return is_receipt_of(job->job, text); });
      left.push_back(job);
    }
  }
  *open = std::move(left);
}

// What has the subject of a claim or receipt and is none keeps the true one from being stored. Its headers
// can say any number, so that the leader of the stream is asked for it.
void Receiver::remove_foreign(const char* what, const std::string& id, const std::string& name,
                              const std::function<bool(std::string_view)>& is_true) {
  std::uint64_t sequence = 0;
  std::string text;
  exchange_.ask(
      "$JS.API.STREAM.MSG.GET." + names_.stream(what),
      JsonObject().add("last_by_subj", names_.subject(what, id)).text(), kReplyTime, [&] { return pulse(); },
      [&](const Message& reply) {
        if (parse_lookup(reply.data(), &sequence, &text) != Lookup::kFound) sequence = 0;
      });
  if (sequence == 0 || is_true(text)) return;  // another receiver was faster
  ++counts_.poison;
  host_.log(PAXECT_LOG_WARN, "the message " + std::to_string(sequence) + " of the stream " +
                                 names_.stream(what) + " at " + connection_.last_url() +
                                 " has the subject of the " + what + " of " + name +
                                 " and is none: it is removed");
  remove_message(what, sequence);
}

// Leaves in `open` what nobody has claimed.
void Receiver::settle_by_claims(std::vector<Incoming*>* open) {
  std::vector<std::string> ids;
  ids.reserve(open->size());
  for (const Incoming* job : *open) ids.push_back(job->job.id);
  const std::vector<Found> found = look_up("claim", ids);
  std::vector<Incoming*> left;
  for (std::size_t i = 0; i < open->size(); ++i) {
    Incoming* job = (*open)[i];
    Claim claim;
    const bool is_claim =
        found[i].result == Lookup::kFound && parse_claim(found[i].text, &claim) && claim.id == job->job.id;
    if (found[i].result == Lookup::kUnknown) {
      job->verdict = Verdict::kLater;
    } else if (is_claim && claim.receiver == state_.token()) {
      job->verdict = refuse_own_claim(job->job);
    } else if (is_claim) {
      ++counts_.left;
      job->verdict = Verdict::kLater;
    } else {
      if (found[i].result == Lookup::kFound)
        remove_foreign("claim", job->job.id, job->job.name,
                       [&](std::string_view text) { return is_claim_of(job->job.id, text); });
      waiting_for_operator_.clear(job->job.id);
      left.push_back(job);
    }
  }
  *open = std::move(left);
}

// We have claimed it, and the records do not have it: they were damaged or put back, and it may be delivered.
Verdict Receiver::refuse_own_claim(const Job& job) {
  waiting_for_operator_.set(
      job.id,
      job.name + " is claimed by this receiver, whose records do not have it: it may be in " +
          folder_.path() + " already and is left; if it is not, run: nats stream purge " +
          names_.stream("claim") + " --subject " + names_.subject("claim", job.id),
      host_.monotonic_ns());
  return Verdict::kLater;
}

// What the senders say about jobs of another store, for each of them. Without an answer it waits.
std::map<std::string, Verdict> Receiver::ask_senders(const std::vector<const Job*>& jobs) {
  std::map<std::string, Verdict> verdicts;
  std::vector<const Job*> asked;
  std::vector<Exchange::Request> requests;
  const std::uint64_t now = host_.monotonic_ns();
  std::erase_if(silent_senders_, [&](const auto& one) { return now >= one.second; });
  for (const Job* job : jobs) {
    verdicts[job->id] = Verdict::kLater;
    if (silent_senders_.contains(job->sender)) {
      waiting_for_senders_.set(job->id, no_answer(*job), now);
      continue;
    }
    const Question question{
        .id = job->id, .sender = job->sender, .receiver = state_.token(), .epoch = epoch_.value()};
    asked.push_back(job);
    requests.push_back({names_.ask(), question_text(question)});
  }
  std::vector<Answer> answers(asked.size());
  std::vector<bool> replied(asked.size());
  exchange_.ask_all(
      requests, kAnswerTime, [&] { return pulse(); },
      [&](std::size_t index, const Message& reply) {
        replied[index] = true;
        if (reply.status() != 0 || !parse_answer(reply.data(), &answers[index])) answers[index].state = "";
      });
  if (host_.stop_requested() || !connection_.is_connected() ||
      connection_.generation() != readiness_.generation())
    return verdicts;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Job& job = *asked[i];
    if (answers[i].state.empty()) {
      // Other senders of the subject are connected, and this one is not: the server waits in vain.
      if (!replied[i]) silent_senders_[job.sender] = host_.monotonic_ns() + kSilence;
      waiting_for_senders_.set(job.id, no_answer(job), host_.monotonic_ns());
      continue;
    }
    if (answers[i].state == "wait") {
      defer(job);
    } else {
      deferred_.erase(job.id);
      waiting_for_senders_.clear(job.id);
    }
    verdicts[job.id] = verdict_of(job, answers[i]);
  }
  report_waiting();
  return verdicts;
}

// A sender that has just started is asked at once: it may run for some seconds only.
void Receiver::note_sender(const Message& message) {
  if (silent_senders_.empty()) return;
  Peer peer;
  if (parse_peer(message.data(), &peer) && peer.mode == "send" && !peer.run.empty() && peer.age_ns < kSilence)
    silent_senders_.erase(peer.id);
}

Verdict Receiver::verdict_of(const Job& job, const Answer& answer) {
  if (answer.state == "open") return Verdict::kDeliver;
  if (answer.state == "done") return Verdict::kFinished;
  if (answer.state == "held" && answer.holder == state_.token())
    return intents_.contains(job.id) ? Verdict::kDeliver : refuse_own_claim(job);
  return Verdict::kLater;
}

// Its sender is there and cannot say yet: it reads its folder, or receipts come again. That ends soon.
void Receiver::defer(const Job& job) {
  const std::uint64_t now = host_.monotonic_ns();
  Deferred& deferred = deferred_.try_emplace(job.id, Deferred{.since_ns = now, .seen_ns = now}).first->second;
  deferred.seen_ns = now;
  if (now - deferred.since_ns >= kDeferred)
    waiting_for_senders_.set(job.id,
                             "the sender " + job.sender + " cannot say yet whether " + job.name +
                                 " is delivered: can it read all of its folder?",
                             now);
}

std::string Receiver::no_answer(const Job& job) {
  return "the store of the servers is another one since " + job.name + " was sent, and the sender " +
         job.sender + " does not answer whether it is delivered: it waits until it does";
}

void Receiver::report_waiting() {
  const std::uint64_t now = host_.monotonic_ns();
  problems_.set("jobs wait for their sender", waiting_for_senders_.text(now));
  problems_.set("jobs are claimed and not in the records", waiting_for_operator_.text(now));
  std::erase_if(deferred_, [&](const auto& one) { return now - one.second.seen_ns > kForgotten; });
  // One that another receiver has delivered, or whose sender has taken it back, does not come again.
  std::erase_if(refused_, [&](const auto& one) { return now > one.second.until_ns + kForgotten; });
  problems_.set("files cannot be delivered",
                refused_.empty() ? ""
                                 : refused_.begin()->second.job.name +
                                       " cannot be delivered here: " + refused_.begin()->second.reason +
                                       (refused_.size() > 1 ? " (others neither)" : ""));
}

}  // namespace paxect::carrier

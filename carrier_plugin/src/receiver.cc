#include "receiver.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <limits>
#include <utility>

#include "json_object.h"
#include "streams.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kExpires = 5 * kSecond;
// Of one batch, which shares its flushes. Who waits for its first container waits for all of it.
constexpr std::size_t kBatch = 512;
constexpr std::size_t kListBatch = 128;  // of up to 512 KiB each: see kMaxRequestedBytes of the mailbox
constexpr std::uint64_t kBatchBytes = 64 * 1024 * 1024;
constexpr std::uint64_t kPatience = 5 * kSecond;  // for a chunk, at first
constexpr std::uint64_t kRecent = 60 * kSecond;
constexpr std::uint64_t kRepublish = 3600 * kSecond;
constexpr std::uint64_t kReceiptsFirst = 30 * kSecond;  // so long they may keep everything else waiting
constexpr std::int64_t kKept = std::int64_t{35} * 86'400 * 1'000'000'000;
constexpr std::size_t kEpochDigits = 16;
constexpr std::uint64_t kHeldDelay = 5 * kSecond;
constexpr std::uint64_t kPoisonTime = 5 * kSecond;  // for a reply
constexpr std::uint64_t kMaxStuck = 60 * kSecond;

template <typename Number>
bool parse_number(std::string_view text, Number* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::uint64_t boottime_ns() {
  timespec time{};
  clock_gettime(CLOCK_BOOTTIME, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * kSecond + static_cast<std::uint64_t>(time.tv_nsec);
}

bool parse_ack_subject(std::string_view subject, AckSubject* out) {
  std::vector<std::string_view> tokens;
  for (std::size_t begin = 0; begin <= subject.size();) {
    const std::size_t end = std::min(subject.find('.', begin), subject.size());
    tokens.push_back(subject.substr(begin, end - begin));
    begin = end + 1;
  }
  if (tokens.size() < 9 || tokens[0] != "$JS" || tokens[1] != "ACK") return false;
  const std::size_t first = tokens.size() == 9 ? 4 : 6;  // newer servers add a domain and an account
  return tokens.size() > first + 3 && parse_number(tokens[first], &out->deliveries) &&
         parse_number(tokens[first + 1], &out->sequence) && parse_number(tokens[first + 2], &out->given) &&
         parse_number(tokens[first + 3], &out->stored_ns);
}

Receiver::Receiver(const Host& host, const Settings& settings, const StateDirectory& state,
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
      readiness_(
          host, connection, &epoch_, &problems_, &refusals_, [this] { return ensure_consumers(); },
          [this] { return remove_epoch(connection_.jetstream(), names_); }),
      quorum_(host, connection, &exchange_, names_, &problems_),
      identity_(host, settings, state, connection, &problems_),
      reports_(host, &exchange_, names_, &refusals_, [this] { readiness_.lose_streams(); }),
      window_(kPatience) {}

// Also removes the witnesses.
Receiver::~Receiver() { flush_records(); }

Status Receiver::start() {
  std::uint64_t damaged = 0;
  const std::int64_t now = host_.realtime_ns();
  const auto each = [&](const std::string& record) {
    const std::size_t blank = record.find(' ');
    const std::string word = record.substr(0, blank);
    const std::string rest = blank == std::string::npos ? "" : record.substr(blank + 1);
    Intent intent;
    if (word == "intent" && parse_intent(rest, &intent)) intents_[intent.job.id] = intent;
    if (word == "naming") take_naming(rest);
    if (word == "dropped") intents_.erase(rest);
    if (word == "receipted") unconfirmed_.erase(rest);
    if (word == "epoch" && is_hex(rest, kEpochDigits)) settled_epoch_ = rest;
    if (word != "delivered") return;
    const JsonReader reader(rest);
    std::string id;
    Delivered done;
    if (!reader.get("id", &id) || !reader.get("name", &done.name) || !reader.get("digest", &done.digest) ||
        !reader.get("size", &done.size) || !reader.get("at", &done.at) ||
        !reader.get("time_ns", &done.time_ns))
      return;
    intents_.erase(id);
    unconfirmed_.insert(id);
    delivered_[id] = done;
  };
  const std::string path = state_.path("receiver.records");
  if (Status status = Records::read(path, each, &damaged); !status.ok()) return status;
  if (damaged > 0)
    host_.log(PAXECT_LOG_WARN,
              std::to_string(damaged) + " records of " + path + " are damaged and were passed over");
  seen_epoch_ = settled_epoch_;
  std::erase_if(delivered_, [&](const auto& one) {
    return now - one.second.time_ns > kKept && !unconfirmed_.contains(one.first);
  });
  return rewrite_records();
}

bool Receiver::is_idle() const {
  return idle_ && jobs_.empty() && lists_.empty() && unconfirmed_.empty() && witnesses_.empty() &&
         !is_working() && setting_aside_ == 0 && !reports_.has_new();
}

// Whether what was fetched may be delivered soon. Not when its sender is away, who alone knows whether it is
// delivered already, nor when nothing has changed for a minute.
bool Receiver::is_working() const {
  const std::uint64_t now = host_.monotonic_ns();
  if (now - progress_ns_ >= kMaxStuck) return false;
  const auto comes_again = [&](const auto& one) { return now - one.second.seen_ns < 2 * kHeldDelay; };
  return std::any_of(deferred_.begin(), deferred_.end(), comes_again) ||
         std::any_of(intents_.begin(), intents_.end(), [](const auto& one) { return !one.second.waits; });
}

std::uint64_t Receiver::step() {
  connection_.wait(0);
  exchange_.dispatch();
  tend_connection();
  tend_folder();
  report_waiting();
  const std::uint64_t now = host_.monotonic_ns();
  forget_old_partials(now);
  flush_late_records(now);
  if (identity_.must_wait()) return_jobs();
  if (readiness_.is_ready()) {
    bool missing = false;
    epoch_.poll(&missing);
    if (missing) readiness_.lose_streams();
  }
  if (!readiness_.is_ready() || !folder_.is_open() || identity_.must_wait()) return now + kSecond / 2;
  on_epoch();
  // First what has been delivered: another receiver may be about to ask for it.
  if (!unconfirmed_.empty() && now >= next_receipts_ns_) {
    next_receipts_ns_ = now + 2 * kSecond;
    publish_receipts();
  }
  if (!unconfirmed_.empty() && now < receipts_first_until_ns_) {
    pulse();
    return next_receipts_ns_;
  }
  const std::uint64_t next_report_ns = reports_.tend();
  if (!intents_.empty() && now >= next_finish_ns_) {
    next_finish_ns_ = now + kSecond;
    finish();
  }
  if (now < paused_until_ns_) return paused_until_ns_;
  if (!lists_.empty() || !jobs_.empty()) {
    work();
    return 0;
  }
  fetch();
  watch_consumer(now);
  guard_consumers(now);
  std::uint64_t wake = now + kSecond;
  if (job_fetch_.number == 0) wake = now + 20 * kMillisecond;  // the folder is full
  if (!intents_.empty()) wake = std::min(wake, next_finish_ns_);
  if (!unconfirmed_.empty()) wake = std::min(wake, next_receipts_ns_);
  wake = std::min(wake, next_report_ns);
  return std::min(wake, exchange_.dispatch());
}

void Receiver::tend_connection() {
  if (exchange_.take_silence()) readiness_.lose_streams();
  if (ensure_again_ns_ != 0 && host_.monotonic_ns() >= ensure_again_ns_) {
    ensure_again_ns_ = 0;
    readiness_.lose_streams();
  }
  const bool is_new = readiness_.tend(folder_.is_open() && !identity_.must_wait());
  refusals_.tend();
  quorum_.tend(readiness_.is_ready());
  identity_.tend(work_in_hand());
  if (const std::uint64_t dropped = connection_.take_dropped(); dropped > 0)
    host_.log(PAXECT_LOG_WARN, std::to_string(dropped) +
                                   " messages came faster than they could be taken and were "
                                   "dropped; jobs among them come again");
  if (!is_new) return;
  progress_ns_ = host_.monotonic_ns();
  next_receipts_ns_ = next_finish_ns_ = 0;
  for (Fetch* fetch : {&job_fetch_, &list_fetch_}) {
    note_answered(fetch);  // of another server nothing is known
    fetch->end();
  }
  watch_.reset();
  reports_.retry();
  jobs_.clear();  // they come again
  lists_.clear();
  replace_at_ns_ = 0;
  forget_acks();
}

// Nothing in hand can be acknowledged any more: it comes again.
void Receiver::forget_acks() {
  in_hand_.clear();
  lists_in_hand_.clear();
  for (auto& [id, intent] : intents_) intent.ack.clear();
  for (Intent& intent : finished_) intent.ack.clear();
}

// Another process with this identity goes on: it gets what this one has fetched.
void Receiver::return_jobs() {
  for (auto* queue : {&jobs_, &lists_}) {
    for (const auto& message : *queue) acknowledge(std::string(message->reply()), "-NAK");
    queue->clear();
  }
}

Status Receiver::ensure_consumers() {
  Status status = ensure_streams(connection_.jetstream(), names_, settings_);
  EnsuredConsumer jobs;
  if (status.ok())
    status = ensure_consumer(connection_.jetstream(), names_, "job", kReceivers, settings_, &jobs);
  if (status.ok()) {
    take_ensured(&job_consumer_, jobs);
    consumer_made_ns_ = jobs.created_ns;
    last_given_ = 0;
    is_consumer_in_doubt_ = false;
    if (acks_are_of_ns_ != consumer_made_ns_) take_consumer();
  }
  EnsuredConsumer lists;
  if (status.ok())
    status = ensure_consumer(connection_.jetstream(), names_, "list", state_.token(), settings_, &lists);
  if (status.ok()) take_ensured(&list_consumer_, lists);
  return status;
}

// Another store may be an older one. What was delivered lately is published again, before others claim it.
// True when it is another one.
bool Receiver::on_epoch() {
  if (epoch_.value().empty() || epoch_.value() == seen_epoch_) return false;
  seen_epoch_ = epoch_.value();
  next_receipts_ns_ = next_finish_ns_ = 0;
  receipts_first_until_ns_ = host_.monotonic_ns() + kReceiptsFirst;
  const std::int64_t since = host_.realtime_ns() - static_cast<std::int64_t>(kRepublish);
  for (const auto& [id, done] : delivered_)
    if (done.time_ns > since) unconfirmed_.insert(id);
  remember_epoch();
  return true;
}

void Receiver::tend_folder() {
  const bool was_open = folder_.is_open();
  Status status = was_open ? folder_.check()
                           : folder_.open(settings_.folder, state_.path("place"), state_.path("own_place"));
  if (status.ok()) status = folder_.lock();
  problems_.set(kFolderProblem, status.message());
  if (status.ok() && !was_open) remove_temporaries();
}

void Receiver::remove_temporaries() {
  std::vector<std::string> paths;
  const Status status = folder_.scan_temporaries([&](const std::string& path) {
    std::string id;
    if (is_temporary(base_of(path), &id) && !intents_.contains(id) && !partial_.contains(id))
      paths.push_back(path);
  });
  if (!status.ok()) host_.log(PAXECT_LOG_WARN, status.message());
  for (const std::string& path : paths) folder_.remove(path);
}

void Receiver::on_message(std::unique_ptr<Message> message) {
  if (message->subject() == names_.peers()) {
    note_sender(*message);
    return identity_.take(*message, work_in_hand());
  }
  for (Fetch* fetch : {&job_fetch_, &list_fetch_}) {
    if (fetch->number == 0 || message->request != fetch->number) continue;
    // The end of a fetch. Without a consumer nobody answers: it is made again.
    if (message->status() == 503 || message->status() == 409)
      is_consumer_in_doubt_ = is_consumer_in_doubt_ || fetch == &job_fetch_;
    const bool is_empty = message->status() == 404 || message->status() == 408;
    if (fetch == &job_fetch_) idle_ = is_empty;
    if (is_empty) note_answered(fetch);
    if (!is_empty)
      note_refused_fetch(
          fetch, std::to_string(message->status()) + " " + std::string(message->header("Description")));
    fetch->end();
    return;
  }
  if (!message->reply().starts_with("$JS.ACK.")) return;
  // A message of a stream keeps its subject, so that only its acknowledgement shows to which fetch it
  // belongs.
  idle_ = false;
  const bool is_list = message->reply().find("." + names_.stream("list") + ".") != std::string_view::npos;
  (is_list ? lists_in_hand_ : in_hand_).emplace(message->reply());
  Fetch& fetch = is_list ? list_fetch_ : job_fetch_;
  note_answered(&fetch);
  if (fetch.open > 0 && --fetch.open == 0) fetch.end();
  if (!is_list) note_given(*message);
  (is_list ? lists_ : jobs_).push_back(std::move(message));
}

// How many containers more the folder may get: those of the last minute that link has not taken yet count.
std::size_t Receiver::room() {
  const std::uint64_t now = boottime_ns();
  while (!recent_.empty() && now - recent_.front().first > kRecent) recent_.pop_front();
  // What waits for its sender must not keep out what others send.
  const auto counts = [](const auto& one) { return !one.second.waits; };
  const auto open = static_cast<std::size_t>(std::count_if(intents_.begin(), intents_.end(), counts));
  // Which of them are still there is looked at only when it makes a difference.
  if (recent_.size() + open + kBatch > settings_.backlog)
    std::erase_if(recent_, [&](const auto& one) {
      Presence presence = Presence::kThere;
      return folder_.find(one.second, &presence).ok() && presence == Presence::kAbsent;
    });
  return settings_.backlog - std::min(settings_.backlog, recent_.size() + open);
}

// Each job of a batch has its file open. The limit of descriptors is one of the process, which may run other
// instances.
std::size_t Receiver::max_batch() const {
  constexpr std::size_t kShare = 8;
  if (is_cautious_) return 1;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kBatch;
  return std::clamp<std::size_t>(limit.rlim_cur / kShare, 1, kBatch);
}

void Receiver::fetch() {
  const std::uint64_t now = host_.monotonic_ns();
  const auto begin = [&](Fetch* fetch, const std::string& what, const std::string& consumer,
                         std::size_t batch) {
    if (fetch->number != 0 && now < fetch->until_ns) return;
    if (fetch->number != 0) note_refused_fetch(fetch, "no reply");
    fetch->end();
    if (batch == 0) return;
    JsonObject object;
    object.add("batch", std::uint64_t{batch}).add("expires", kExpires);
    fetch->number = connection_.request("$JS.API.CONSUMER.MSG.NEXT." + names_.stream(what) + "." + consumer,
                                        object.text());
    fetch->open = batch;
    fetch->until_ns = now + kExpires + 2 * kSecond;
  };
  begin(&list_fetch_, "list", state_.token(), kListBatch);
  if (job_fetch_.number == 0 || now >= job_fetch_.until_ns)
    begin(&job_fetch_, "job", kReceivers,
          was_large_ ? std::min<std::size_t>(room(), 1) : std::min(room(), max_batch()));
}

void Receiver::work() {
  while (!lists_.empty() && !host_.stop_requested()) {
    const std::unique_ptr<Message> message = std::move(lists_.front());
    lists_.pop_front();
    take_list(*message);
  }
  if (jobs_.empty()) return;
  if (!epoch_.read([&] { return pulse(); })) {
    paused_until_ns_ = host_.monotonic_ns() + kSecond / 10;
    return;
  }
  if (on_epoch()) return;  // the jobs stay in hand
  std::vector<Incoming> batch;
  was_large_ = false;
  std::uint64_t bytes = 0;
  const std::size_t most = max_batch();
  while (!jobs_.empty() && batch.size() < most && bytes < kBatchBytes && !was_large_ && pulse()) {
    const std::unique_ptr<Message> message = std::move(jobs_.front());
    jobs_.pop_front();
    const std::size_t before = batch.size();
    take(*message, &batch);
    if (batch.size() > before) bytes += batch.back().job.size;
    was_large_ = !batch.empty() && batch.back().job.size > kLarge;
  }
  // Beside a large one, others would wait here while another receiver could take them.
  while (was_large_ && !jobs_.empty()) {
    acknowledge(std::string(jobs_.front()->reply()), "-NAK");
    jobs_.pop_front();
  }
  decide(&batch);
  if (!batch.empty()) download(&batch);
  finish();
}

// Adds a job to the batch, unless it is none or already in hand.
void Receiver::take(const Message& message, std::vector<Incoming>* batch) {
  Incoming job;
  job.ack = message.reply();
  job.seen_ns = boottime_ns();
  if (!parse_ack_subject(message.reply(), &job.position)) return;
  if (!parse_job(message.data(), &job.job)) return poison(message, "job", "it is no job");
  if (id_of_subject(message.subject()) != job.job.id)
    return poison(message, "job", "its subject is that of another job");
  const std::string& id = job.job.id;
  if (!refused_.contains(id)) reports_.drop(id);  // its sender has published it again
  if (delivered_.contains(id)) {
    ++counts_.repeated;
    unconfirmed_.insert(id);
    next_receipts_ns_ = 0;
    acknowledge(job.ack, "+ACK");
    return;
  }
  if (const auto intent = intents_.find(id); intent != intents_.end()) {
    if (intent->second.ack != job.ack) in_hand_.erase(intent->second.ack);  // that one is void
    intent->second.ack = job.ack;
    intent->second.seen_ns = job.seen_ns;
    return;
  }
  for (const Incoming& other : *batch)
    if (other.job.id == id) return acknowledge(job.ack, "-NAK");
  if (is_refused(id)) return give_back(job.ack, kRefusedDelay);
  batch->push_back(std::move(job));
}

// It is acknowledged when the server has stored it, for which nothing waits. `then` is called afterwards,
// also when it could not be stored: then the message comes again.
void Receiver::poison(const Message& message, const char* what, const std::string& reason,
                      const std::function<void()>& then) {
  AckSubject position;
  parse_ack_subject(message.reply(), &position);
  const std::string ack(message.reply());
  const std::string subject =
      names_.subject("poison", std::string(what) + "-" + std::to_string(position.sequence));
  const std::string text = "the message " + std::to_string(position.sequence) + " of the stream " +
                           names_.stream(what) + " at " + connection_.last_url() + ", subject " +
                           std::string(message.subject()) + ", is set aside: " + reason +
                           "; see the stream " + names_.stream("poison");
  const std::string removal = "$JS.API.STREAM.MSG.DELETE." + names_.stream(what);
  const auto on_removed = [this, ack, then](const Message*) {
    --setting_aside_;
    acknowledge(ack, "+TERM");
    if (then) then();
  };
  const auto fail = [this, ack, then] {
    --setting_aside_;
    give_back(ack, kHeldDelay);
    if (then) then();
  };
  const auto on_stored = [this, sequence = position.sequence, subject, text, removal, on_removed,
                          fail](const Message* reply) {
    if (reply != nullptr && reply->status() == 503) readiness_.lose_streams();
    std::uint64_t ignored = 0;
    if (refusals_.take(subject, reply, &ignored) != Stored::kYes) return fail();
    ++counts_.poison;
    host_.log(PAXECT_LOG_WARN, text);
    if (!exchange_.send(removal, JsonObject().add("seq", sequence).add("no_erase", true).text(), kPoisonTime,
                        on_removed))
      fail();
  };
  ++setting_aside_;
  if (!exchange_.send(subject, poison_text(message.subject(), position.sequence, reason, message.data()),
                      kPoisonTime, on_stored))
    fail();
}

}  // namespace paxect::carrier

// How a receiver gets the contents of jobs, and makes them durable under hidden names.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "json_object.h"
#include "receiver.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kReplyTime = 5 * kSecond;
constexpr std::size_t kMaxRequests = 256;  // for chunks, at the same time
constexpr std::size_t kMaxPartials = 4;
constexpr std::uint64_t kPartialTime = 3600 * kSecond;
constexpr unsigned kChunkAttempts = 3;
constexpr std::size_t kMaxMissing = 8;         // chunks, before the others are requested
constexpr std::uint64_t kDeletesByNumber = 4;  // chunks
constexpr std::size_t kReadBack = 16;          // chunks, between two messages
constexpr std::size_t kFlushAlone = 4;         // files that are flushed one by one
constexpr std::uint64_t kDelay = 2 * kSecond;
constexpr std::uint64_t kPatience = std::uint64_t{365} * 86'400 * kSecond;  // await() ends by other means

}  // namespace

void Receiver::acknowledge(const std::string& ack, std::string_view word) {
  const bool is_list = lists_in_hand_.erase(ack) > 0;
  // What was given out before the connection or the consumer changed is nobody's any more.
  if (!is_list && (in_hand_.erase(ack) == 0 || is_consumer_in_doubt_)) return;
  connection_.publish(ack, word);
}

void Receiver::give_back(const std::string& ack, std::uint64_t delay_ns) {
  acknowledge(ack, "-NAK " + JsonObject().add("delay", delay_ns).text());
}

// Reports what is in hand to the server, so that it gives it to nobody else. False when there is no point in
// going on.
bool Receiver::pulse() {
  const std::uint64_t now = host_.monotonic_ns();
  const std::uint64_t third = static_cast<std::uint64_t>(settings_.ack_wait_ms) * 1'000'000 / 3;
  if (now - pulse_ns_ >= third) {
    pulse_ns_ = now;
    for (const std::string& ack : lists_in_hand_) connection_.publish(ack, "+WPI");
    if (!is_consumer_in_doubt_)
      for (const std::string& ack : in_hand_) connection_.publish(ack, "+WPI");
  }
  identity_.tend(work_in_hand());
  if (observer_) observer_();
  return !host_.stop_requested() && connection_.is_connected() &&
         connection_.generation() == readiness_.generation();
}

bool Receiver::call(const std::string& subject, std::string_view data) {
  const Stored stored = store(subject, data);
  return stored == Stored::kYes || stored == Stored::kAlready;
}

Stored Receiver::store(const std::string& subject, std::string_view data) {
  Stored stored = Stored::kFailed;
  const auto on_reply = [&](const Message& reply) {
    std::uint64_t ignored = 0;
    if (reply.status() == 503) readiness_.lose_streams();
    stored = refusals_.take(subject, &reply, &ignored);
  };
  exchange_.ask(
      subject, data, kReplyTime, [&] { return pulse(); }, on_reply);
  return stored;
}

bool Receiver::remove_message(const std::string& what, std::uint64_t sequence) {
  bool removed = false;
  exchange_.ask(
      "$JS.API.STREAM.MSG.DELETE." + names_.stream(what),
      JsonObject().add("seq", sequence).add("no_erase", true).text(), kReplyTime, [&] { return pulse(); },
      [&](const Message& reply) {
        removed = reply.data().find("\"success\":true") != std::string_view::npos;
      });
  return removed;
}

// By its subject: the sequence that it had when it was fetched may be that of another job, in another store.
void Receiver::remove_job(const std::string& id) {
  exchange_.ask(
      "$JS.API.STREAM.PURGE." + names_.stream("job"),
      JsonObject().add("filter", names_.subject("job", id)).text(), kReplyTime, [&] { return pulse(); },
      [](const Message&) {});
}

void Receiver::download(std::vector<Incoming>* batch) {
  struct Reset {
    const std::vector<Incoming>** pointer;
    ~Reset() { *pointer = nullptr; }
  };
  fetching_ = batch;
  const Reset reset{&fetching_};
  download_batch(batch);
}

// The chunks of all jobs of a batch are requested together, a window of them at a time.
void Receiver::download_batch(std::vector<Incoming>* batch) {
  Status status;
  for (Incoming& job : *batch) {
    if (status.ok() && resume(&job)) continue;
    job.digest = std::make_unique<Digest>();
    if (job.job.chunks() <= kDeletesByNumber) job.sequences.resize(job.job.chunks());
    const Status created =
        status.ok() ? folder_.create(temporary_of(job.job.name, job.job.id), &job.file) : status;
    if (created.ok()) continue;
    if (!is_about_name(job.job, created)) {
      status = created;
      continue;
    }
    job.verdict = Verdict::kLater;
    refuse(job.job, job.ack, created.message());
  }
  std::erase_if(*batch, [](const Incoming& job) { return job.verdict == Verdict::kLater; });
  if (!status.ok()) return fail(status.message(), batch);
  trouble_.clear();
  chunks_in_flight_ = 0;
  bytes_in_flight_ = 0;
  std::uint64_t next_bytes = 0;
  const auto has_room = [&] {
    return chunks_in_flight_ < kMaxRequests && window_.has_room(bytes_in_flight_, next_bytes);
  };
  const auto go_on = [&] { return pulse() && trouble_.empty() && readiness_.is_ready(); };
  for (Incoming& job : *batch)
    for (std::uint64_t number = job.digested;
         number < job.job.chunks() && job.damage.empty() && !job.is_late && job.missing.size() < kMaxMissing;
         ++number) {
      next_bytes = chunk_size(job.job, number);
      if (!exchange_.await(has_room, kPatience, go_on) || !request_chunk(&job, number, 1)) {
        job.is_late = true;
        break;
      }
    }
  exchange_.await([&] { return chunks_in_flight_ == 0; }, kPatience, go_on);
  while (go_on() && request_missing(batch))
    exchange_.await([&] { return chunks_in_flight_ == 0; }, kPatience, go_on);
  ++download_;  // late replies are for nobody
  for (Incoming& job : *batch)
    if (job.damage.empty()) read_all_back(&job);
  if (!trouble_.empty()) return fail(trouble_, batch);
  for (Incoming& job : *batch) {
    const bool is_whole = job.digested == job.job.chunks();
    if (!pulse() || job.is_late || (!is_whole && job.damage.empty())) {
      give_back(job.ack, kDelay);
      interrupt(&job);
      continue;
    }
    if (job.damage.empty() && job.digest->finish() != job.job.digest)
      job.damage = "the contents do not have the digest of the job";
    // Link would set a container aside that its sidecar does not fit.
    if (job.damage.empty() && kind_of(job.job.name) == FileKind::kContainer &&
        digest_in_sidecar(job.job.sidecar) != job.job.digest)
      job.damage = "the sidecar in the job is not that of the contents";
    if (!job.damage.empty()) {
      send_again(&job);
      interrupt(&job);
      continue;
    }
    job.is_whole = true;
  }
  if (status = make_durable(batch); !status.ok()) return fail(status.message(), batch);
  for (Incoming& job : *batch) {
    if (!job.is_whole) continue;
    const Intent intent{.job = job.job,
                        .ack = job.ack,
                        .seen_ns = job.seen_ns,
                        .inode = job.inode,
                        .run = identity_.run(),
                        .chunk_sequences = job.sequences,
                        .epoch = epoch_.value(),
                        .recorded = false,
                        .seen_generation = readiness_.generation()};
    status = records_.append(intent_record(intent));
    if (!status.ok()) return fail(status.message(), batch);
    intents_[job.job.id] = intent;
  }
  if (status = flush_records(); !status.ok()) return fail(status.message(), batch);
  problems_.set("the folder cannot be written", "");
  is_cautious_ = false;
  for (auto& [id, intent] : intents_) intent.recorded = true;
  progress_ns_ = host_.monotonic_ns();
}

// Takes what is there of the contents from an earlier download. False when there is nothing.
bool Receiver::resume(Incoming* job) {
  const auto found = partial_.find(job->job.id);
  if (found == partial_.end()) return false;
  Incoming kept = std::move(found->second);
  partial_.erase(found);
  UniqueFd file;
  FileIdentity there;
  FileIdentity ours;
  bool missing = false;
  if (!folder_.open_file(temporary_of(job->job.name, job->job.id), &file, &there, &missing).ok() ||
      !identity_of(kept.file.get(), &ours) || there.device != ours.device || there.inode != ours.inode)
    return false;
  job->file = std::move(kept.file);
  job->digest = std::move(kept.digest);
  job->digested = kept.digested;
  return true;
}

// The download of the job is over, and it is not whole. Of large contents, the part that came in order stays:
// over a line that never lasts for all of them they would begin with the first chunk for ever.
void Receiver::interrupt(Incoming* job) {
  const bool is_good = job->damage.empty() || job->keeps_chunks;
  if (!is_good || job->digested == 0 || job->job.size <= kLarge) {
    job->file.reset();
    folder_.remove(temporary_of(job->job.name, job->job.id));
    return;
  }
  job->early.clear();
  job->kept_ns = host_.monotonic_ns();
  const std::string id = job->job.id;
  partial_[id] = std::move(*job);
  while (partial_.size() > kMaxPartials)
    forget_partial(std::min_element(partial_.begin(), partial_.end(), [](const auto& a, const auto& b) {
                     return a.second.kept_ns < b.second.kept_ns;
                   })->first);
}

void Receiver::forget_partial(const std::string& id) {
  const auto found = partial_.find(id);
  if (found == partial_.end()) return;
  const std::string path = temporary_of(found->second.job.name, found->first);
  partial_.erase(found);
  if (folder_.is_open()) folder_.remove(path);
}

// Another receiver may have delivered them, or their sender has taken them back.
void Receiver::forget_old_partials(std::uint64_t now) {
  std::vector<std::string> old;
  for (const auto& [id, job] : partial_)
    if (now - job.kept_ns > kPartialTime) old.push_back(id);
  for (const std::string& id : old) forget_partial(id);
}

// Chunks that a server did not have are missing if the leader of the stream does not have them either, and
// are requested again otherwise. True when some are.
bool Receiver::request_missing(std::vector<Incoming>* batch) {
  std::vector<std::string> subjects;
  for (const Incoming& job : *batch)
    for (const auto& [number, attempt] : job.missing) subjects.push_back(names_.chunk(job.job.id, number));
  if (subjects.empty()) return false;
  const std::vector<Found> found = look_up_at_leader("data", subjects);
  std::size_t index = 0;
  for (Incoming& job : *batch)
    for (const auto& [number, attempt] : std::exchange(job.missing, {})) {
      const Lookup result = found[index++].result;
      if (result == Lookup::kMissing) {
        job.damage = "chunk " + std::to_string(number) + " is missing in the stream " + names_.stream("data");
        job.keeps_chunks = true;
      }
      if (result == Lookup::kUnknown || attempt > kChunkAttempts) job.is_late = true;
      if (result == Lookup::kFound && !job.is_late)
        job.is_late = !request_chunk(&job, number, attempt) || job.is_late;
    }
  return chunks_in_flight_ > 0;
}

// After a failure of our own disk: nothing of the batch has been claimed, so that all of it can go to others.
void Receiver::fail(const std::string& what, std::vector<Incoming>* batch) {
  problems_.set("the folder cannot be written", what);
  is_cautious_ = true;
  while (!partial_.empty()) forget_partial(partial_.begin()->first);  // they may be what fills the disk
  for (Incoming& job : *batch) {
    job.file.reset();
    const auto intent = intents_.find(job.job.id);
    if (intent != intents_.end() && intent->second.recorded) continue;
    // A record may be on disk: as long as the file is there it is no delivery.
    if (intent != intents_.end()) {
      drop(job.job.id);
      continue;
    }
    folder_.remove(temporary_of(job.job.name, job.job.id));
    folder_.remove(sidecar_temporary_of(job.job.name, job.job.id));
    give_back(job.ack, kDelay);
  }
  paused_until_ns_ = host_.monotonic_ns() + kDelay;
}

bool Receiver::request_chunk(Incoming* job, std::uint64_t number, unsigned attempt) {
  const std::string subject =
      "$JS.API.DIRECT.GET." + names_.stream("data") + "." + names_.chunk(job->job.id, number);
  const std::uint64_t bytes = chunk_size(job->job, number);
  const auto on_reply = [this, job, number, attempt, bytes, download = download_, line = window_.round(),
                         sent_ns = host_.monotonic_ns()](const Message* reply) {
    if (reply == nullptr) window_.on_silence(line);
    if (reply != nullptr) window_.on_reply(bytes, host_.monotonic_ns() - sent_ns, line);
    if (reply != nullptr && reply->status() == 0) counts_.fetched_bytes += reply->data().size();
    if (download != download_) return;  // the batch is over, and `job` with it
    --chunks_in_flight_;
    bytes_in_flight_ -= bytes;
    on_chunk(job, number, attempt, reply);
  };
  if (!exchange_.send(subject, "", window_.patience_ns(), on_reply)) return false;
  ++chunks_in_flight_;
  bytes_in_flight_ += bytes;
  return true;
}

void Receiver::on_chunk(Incoming* job, std::uint64_t number, unsigned attempt, const Message* reply) {
  if (!job->damage.empty() || job->is_late || !trouble_.empty()) return;
  // Also without a reply: that is how a stream that somebody removed answers.
  if (reply == nullptr || reply->status() == 503) readiness_.lose_streams();
  if (reply == nullptr || (reply->status() != 0 && reply->status() != 404)) {
    job->is_late = attempt >= kChunkAttempts || !request_chunk(job, number, attempt + 1);
    return;
  }
  if (reply->status() == 404) {
    job->missing.emplace_back(number, attempt + 1);  // a replica may be behind: see download()
    return;
  }
  if (number < job->sequences.size()) job->sequences[number] = reply->sequence();
  const std::uint64_t expected = chunk_size(job->job, number);
  if (reply->data().size() != expected) {
    job->damage = "chunk " + std::to_string(number) + " has " + std::to_string(reply->data().size()) +
                  " bytes instead of " + std::to_string(expected);
    return;
  }
  if (const Status status = write_chunk(job, number, reply->data()); !status.ok())
    trouble_ = status.message();
}

Status Receiver::write_chunk(Incoming* job, std::uint64_t number, std::string_view data) {
  if (Status status = write_all(job->file.get(), data.data(), data.size(), number * kChunkSize,
                                folder_.path() + "/" + temporary_of(job->job.name, job->job.id));
      !status.ok())
    return status;
  // Servers of a cluster may answer out of order; the digest needs the order.
  if (number != job->digested) {
    job->early.insert(number);
    return Status::success();
  }
  job->digest->update(data.data(), data.size());
  ++job->digested;
  Status status;
  for (std::size_t i = 0; i < kReadBack && status.ok() && job->early.contains(job->digested); ++i)
    status = read_back(job);
  return status;
}

// The chunk whose turn it is came early and is in the file already.
Status Receiver::read_back(Incoming* job) {
  const std::uint64_t offset = job->digested * kChunkSize;
  std::vector<char> buffer(std::min<std::uint64_t>(kChunkSize, job->job.size - offset));
  for (std::size_t done = 0; done < buffer.size();) {
    const ssize_t got =
        pread(job->file.get(), buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return Status::system("cannot read " + folder_.path() + "/" + temporary_of(job->job.name, job->job.id),
                            got < 0 ? errno : EIO);
    done += static_cast<std::size_t>(got);
  }
  job->digest->update(buffer.data(), buffer.size());
  job->early.erase(job->digested);
  ++job->digested;
  return Status::success();
}

// After a late chunk there may be as much to read as the container has, and the server must hear of us
// meanwhile.
void Receiver::read_all_back(Incoming* job) {
  while (trouble_.empty() && pulse() && job->early.contains(job->digested))
    if (const Status status = read_back(job); !status.ok()) trouble_ = status.message();
}

// Many small files are flushed by one call, where the file system is one on which it counts, and they are in
// it: a subfolder may be another one.
Status Receiver::make_durable(std::vector<Incoming>* batch) {
  const bool is_one_call = batch->size() > kFlushAlone && folder_.has_flush_for_all();
  Status status;
  std::set<std::string> folders;
  for (Incoming& job : *batch) {
    if (!status.ok() || !job.is_whole) continue;
    pulse();  // hundreds of flushes may take longer than the server waits; also without it they are finished
    FileIdentity identity;
    if (!identity_of(job.file.get(), &identity))
      status = Status::system("cannot stat " + folder_.path() + "/" + job.job.name);
    job.inode = identity.inode;
    const bool is_alone = !is_one_call || identity.device != folder_.device();
    if (status.ok() && is_alone && fsync(job.file.get()) != 0)
      status = Status::system("cannot flush " + folder_.path() + "/" + job.job.name);
    if (status.ok() && !job.job.sidecar.empty())
      status = write_sidecar(job.job, is_alone ? Flush::kNow : Flush::kLater);
    if (is_alone) folders.insert(folder_of(job.job.name));
  }
  if (status.ok() && is_one_call) status = folder_.flush_all();
  for (const std::string& folder : folders)
    if (status.ok()) status = folder_.sync_names(join(folder, "x"));
  for (Incoming& job : *batch) job.file.reset();
  return status;
}

Status Receiver::write_sidecar(const Job& job, Flush flush) {
  const std::string path = sidecar_temporary_of(job.name, job.id);
  UniqueFd file;
  if (Status status = folder_.create(path, &file); !status.ok()) return status;
  if (Status status =
          write_all(file.get(), job.sidecar.data(), job.sidecar.size(), 0, folder_.path() + "/" + path);
      !status.ok())
    return status;
  if (flush == Flush::kLater || fsync(file.get()) == 0) return Status::success();
  return Status::system("cannot flush " + folder_.path() + "/" + path);
}

// Chunks that may be damaged and the job go first, then the report: the sender publishes at once what it
// reads there, and would be refused.
void Receiver::send_again(Incoming* job) {
  // Another receiver may have delivered it and removed the chunks.
  const Found found = look_up("receipt", job->job.id);
  if (found.result == Lookup::kFound && is_receipt_of(job->job, found.text))
    return acknowledge(job->ack, "+ACK");
  if (found.result == Lookup::kUnknown) return give_back(job->ack, kDelay);
  ++counts_.damaged;
  host_.log(PAXECT_LOG_WARN,
            job->job.name + " is not delivered: " + job->damage + "; its sender sends it again");
  log_.write("damaged", job->job, job->job.sender, job->damage);
  if (!job->keeps_chunks)
    exchange_.ask(
        "$JS.API.STREAM.PURGE." + names_.stream("data"),
        JsonObject().add("filter", names_.subject("data", job->job.id) + ".*").text(), kReplyTime,
        [&] { return pulse(); }, [](const Message&) {});
  if (!remove_message("job", job->position.sequence)) return give_back(job->ack, kDelay);
  reports_.add({.id = job->job.id, .receiver = state_.token(), .reason = job->damage, .again = true});
  acknowledge(job->ack, "+TERM");
}

}  // namespace paxect::carrier

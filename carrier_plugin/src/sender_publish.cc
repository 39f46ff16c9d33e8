// How a sender publishes what it has read: chunks in a window, then the job or the list.
#include <sodium.h>

#include <algorithm>
#include <utility>

#include "json_object.h"
#include "sender.h"
#include "streams.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kReplyTime = 10 * kSecond;
constexpr std::size_t kMaxOutstanding = 512;
constexpr std::uint64_t kFullPatience = 5 * kSecond;
constexpr std::uint64_t kTooLarge = 60 * kSecond;  // until the server may allow more

}  // namespace

// True when it published something and could publish more.
bool Sender::send_chunks() {
  const std::uint64_t now = host_.monotonic_ns();
  if (now < paused_until_ns_) return false;
  bool sent = false;
  for (std::size_t i = 0; i < sending_.size();) {
    const std::string id = sending_[i];
    Outgoing* file = find(id);
    if (file == nullptr || file->phase != Phase::kSending) {
      sending_.erase(sending_.begin() + static_cast<std::ptrdiff_t>(i));
      continue;
    }
    ++i;
    if (file->is_full) continue;
    if (!file->is_present_known) {
      if (exchange_.outstanding() >= kMaxOutstanding) return sent;
      ask_present(file);
      continue;
    }
    const std::uint64_t chunks = file->is_statement() ? 0 : file->job.chunks();
    while (!file->is_full && (!file->again.empty() || file->next_chunk < chunks)) {
      const bool is_again = !file->again.empty();
      const std::uint64_t number = is_again ? file->again.front() : file->next_chunk;
      if (!window_.has_room(in_flight_bytes_, chunk_size(file->job, number)) ||
          exchange_.outstanding() >= kMaxOutstanding)
        return sent;
      if (is_again) {
        file->again.pop_front();
      } else {
        ++file->next_chunk;
      }
      if (number < file->present.size() && file->present[number]) {
        file->present[number] = false;  // once: a chunk that is published again is published
        ++file->stored_chunks;
        continue;
      }
      const Sent result = send_chunk(file, number);
      if (result == Sent::kNoConnection) return false;
      if (result == Sent::kUnreadable) break;
      sent = true;
      if (host_.stop_requested()) return false;
    }
    file = find(id);
    if (file != nullptr && file->phase == Phase::kSending && file->stored_chunks == chunks &&
        exchange_.outstanding() < kMaxOutstanding && !publish(file))
      return false;
  }
  return sent;
}

// A line that ends again and again must not begin with the first chunk each time: what the server has is not
// published again. A reply that says nothing about a chunk has it published, and the server refuses it then.
void Sender::ask_present(Outgoing* file) {
  if (file->is_asked) return;
  const std::string filter = names_.subject("data", file->job.id) + ".*";
  file->is_asked = exchange_.send(
      "$JS.API.STREAM.INFO." + names_.stream("data"), JsonObject().add("subjects_filter", filter).text(),
      kReplyTime,
      [this, id = file->job.id, round = file->round](const Message* reply) { on_present(id, round, reply); });
}

void Sender::on_present(const std::string& id, std::uint64_t round, const Message* reply) {
  Outgoing* file = find(id);
  if (file == nullptr) return;
  file->is_asked = false;
  if (file->round != round || reply == nullptr) return;
  file->is_present_known = true;
  file->present.assign(file->job.chunks(), false);
  for_each_chunk(reply->data(), [&](const std::string&, std::uint64_t number) {
    if (number < file->present.size()) file->present[number] = true;
  });
}

// False when it cannot be opened now, or is not there any more: then it is given up.
bool Sender::open_to_read(Outgoing* file, std::uint64_t number) {
  const std::string& id = file->job.id;
  if (reading_.id == id) return true;
  reading_ = {};
  bool missing = false;
  FileIdentity ignored;
  if (folder_.open_file(file->job.name, &reading_.file, &ignored, &missing).ok()) {
    reading_.id = id;
    return true;
  }
  if (missing) {
    give_up(std::string(id));
  } else {
    file->again.push_back(number);
  }
  return false;
}

void Sender::close_read(const std::string& id) {
  if (reading_.id == id) reading_ = {};
}

// A message that the server does not allow is never written. Its file is put off, or it would hold up all
// that are behind it.
bool Sender::is_too_large(Outgoing* file, std::uint64_t bytes) {
  const std::uint64_t max = connection_.max_payload();
  if (max == 0 || bytes <= max) return false;
  file->trouble = "the server " + connection_.last_url() + " takes messages of up to " + std::to_string(max) +
                  " bytes, and one of " + std::to_string(bytes) + " is needed: set its max_payload to 2MB";
  file->phase = Phase::kHeld;
  file->held_until_ns = host_.monotonic_ns() + kTooLarge;
  close_read(file->job.id);
  return true;
}

Sender::Sent Sender::send_chunk(Outgoing* file, std::uint64_t number) {
  const std::uint64_t offset = number * kChunkSize;
  const std::uint64_t bytes = chunk_size(file->job, number);
  const std::string id = file->job.id;
  if (is_too_large(file, bytes)) return Sent::kUnreadable;
  if (!open_to_read(file, number)) return Sent::kUnreadable;
  const ssize_t size = pread(reading_.file.get(), buffer_.data(), bytes, static_cast<off_t>(offset));
  FileIdentity now;
  if (!identity_of(reading_.file.get(), &now) || !now.same_but_name(file->identity) ||
      size != static_cast<ssize_t>(bytes)) {
    changed_ = true;
    give_up(id);
    return Sent::kUnreadable;
  }
  remember_begun(id);
  const std::uint64_t round = file->round;
  const bool sent = exchange_.send(names_.chunk(id, number), {buffer_.data(), bytes}, window_.patience_ns(),
                                   [this, id, round, number, bytes, line = window_.round(),
                                    sent_ns = host_.monotonic_ns()](const Message* reply) {
                                     in_flight_bytes_ -= bytes;
                                     if (reply == nullptr) window_.on_silence(line);
                                     if (reply != nullptr)
                                       window_.on_reply(bytes, host_.monotonic_ns() - sent_ns, line);
                                     on_chunk(id, round, number, reply);
                                   });
  if (!sent) {
    file->again.push_back(number);
    return Sent::kNoConnection;
  }
  in_flight_bytes_ += bytes;
  ++file->in_flight;
  if (file->again.empty() && file->next_chunk == file->job.chunks()) close_read(id);
  return Sent::kYes;
}

void Sender::on_chunk(const std::string& id, std::uint64_t round, std::uint64_t number,
                      const Message* reply) {
  Outgoing* file = find(id);
  if (file == nullptr || file->round != round) return;
  --file->in_flight;
  std::uint64_t sequence = 0;
  std::string reason;
  const Stored stored = refusals_.read(names_.chunk(id, number), reply, &sequence, &reason);
  if (reply != nullptr && reply->status() != 503) {
    if (stored == Stored::kYes || stored == Stored::kAlready) {
      ++file->stored_chunks;
      end_refusal();
      return;
    }
    if (stored == Stored::kFull) on_full(file);
    if (stored == Stored::kFailed) on_refused(file, reason);
  } else if (reply != nullptr) {
    readiness_.lose_streams();  // nobody stores the subject: the stream was removed
    paused_until_ns_ = host_.monotonic_ns() + kSecond;
  }
  file->again.push_back(number);
}

void Sender::on_full(Outgoing* file) {
  if (full_since_ns_ == 0) full_since_ns_ = host_.monotonic_ns();
  if (stuck_since_ns_ == 0) stuck_since_ns_ = host_.monotonic_ns();
  file->is_full = true;
  close_read(file->job.id);
}

// While files wait for room, it is read every second; what fits goes on, also before a larger one. After 5
// seconds the chunks of unfinished files are taken back: two senders with half a container each would wait
// for each other for ever.
void Sender::wait_for_room() {
  const std::uint64_t now = host_.monotonic_ns();
  if (full_since_ns_ == 0 || now < next_room_ns_) return;
  next_room_ns_ = now + kSecond / 2 + randombytes_uniform(static_cast<std::uint32_t>(kSecond / 2));
  std::vector<Outgoing*> waiting;
  for (const std::string& id : sending_)
    if (Outgoing* file = find(id); file != nullptr && file->phase == Phase::kSending && file->is_full)
      waiting.push_back(file);
  if (now - full_since_ns_ > kFullPatience)
    for (Outgoing* file : waiting) {
      if (file->next_chunk == 0 || file->in_flight > 0) continue;
      withdraw(file->job.id);
      begin_round(file);
      next_room_ns_ = now + kSecond + randombytes_uniform(static_cast<std::uint32_t>(4 * kSecond));
    }
  StreamRoom room;
  if (!waiting.empty()) {
    const bool is_read = read_room(connection_.jetstream(), names_.stream("data"), &room).ok();
    const auto max = static_cast<std::uint64_t>(settings_.max_stream_mb) * 1024 * 1024;
    // Somebody removed it, or made it smaller: both are mended where the streams are made.
    if (!is_read || (room.max_bytes != 0 && room.max_bytes < max)) readiness_.lose_streams();
    if (!is_read) return;
  }
  bool is_full = false;
  for (Outgoing* file : waiting) {
    const std::uint64_t needed = file->job.size - std::min(file->job.size, file->stored_chunks * kChunkSize) +
                                 file->job.chunks() * kMessageOverhead;
    file->is_full = file->in_flight > 0 || (room.max_bytes != 0 && room.bytes + needed > room.max_bytes);
    if (!file->is_full) room.bytes += needed;
    is_full = is_full || file->is_full;
  }
  if (is_full) return;
  // The account or the disk of the server may have no room, while the stream has: only a chunk shows it.
  if (sending_.empty()) end_refusal();
}

void Sender::end_refusal() {
  stuck_since_ns_ = 0;
  if (full_since_ns_ == 0) return refusals_.end("data");
  const bool is_full = std::any_of(sending_.begin(), sending_.end(), [this](const std::string& id) {
    const Outgoing* file = find(id);
    return file != nullptr && file->is_full;
  });
  if (is_full) stuck_since_ns_ = host_.monotonic_ns();
  if (is_full) return;
  full_since_ns_ = 0;
  refusals_.end("data");
}

void Sender::on_refused(Outgoing* file, const std::string& reason) {
  file->trouble = reason;
  if (stuck_since_ns_ == 0) stuck_since_ns_ = host_.monotonic_ns();
  paused_until_ns_ = host_.monotonic_ns() + kSecond;
}

// False when there is no connection.
bool Sender::publish(Outgoing* file) {
  if (epoch_.value().empty()) return true;
  file->job.epoch = epoch_.value();
  file->job.is_repeated = !file->is_statement() && !remember_published(file->job.id);
  const std::string id = file->job.id;
  std::string text;
  if (file->is_statement()) {
    std::string contents;
    FileIdentity now;
    bool missing = false;
    const Status status = folder_.read_small(file->job.name, kChunkSize, &contents, &now, &missing);
    if (!status.ok() || digest_of(contents) != file->job.digest) {
      changed_ = true;
      drop(id);
      return true;
    }
    text = list_text(file->job, contents);
  } else {
    text = job_text(file->job);
  }
  if (is_too_large(file, text.size())) return true;
  const bool sent = exchange_.send(names_.subject(file->is_statement() ? "list" : "job", id), text,
                                   kReplyTime, [this, id](const Message* reply) { on_published(id, reply); });
  if (sent) file->phase = Phase::kPublishing;
  return sent;
}

// False when it was published before, also by an earlier process.
bool Sender::remember_published(const std::string& id) {
  if (!published_.insert(id).second) return false;
  begun_.erase(id);
  records_.append(JsonObject().add("record", "published").add("id", id).text());
  return true;
}

// Without a flush: after a loss of power the sweep finds what it has left.
void Sender::remember_begun(const std::string& id) {
  if (published_.contains(id) || !begun_.insert(id).second) return;
  records_.append(JsonObject().add("record", "begun").add("id", id).text());
}

void Sender::on_published(const std::string& id, const Message* reply) {
  Outgoing* file = find(id);
  if (file == nullptr || file->phase != Phase::kPublishing) return;
  std::uint64_t sequence = 0;
  std::string reason;
  const std::string what = file->is_statement() ? "list" : "job";
  const Stored stored = refusals_.read(names_.subject(what, id), reply, &sequence, &reason);
  if (reply != nullptr && reply->status() == 503) readiness_.lose_streams();
  // A connection that ended was looked at before its requests are ended.
  if (reply == nullptr && readiness_.generation() == connection_.generation())
    refusals_.note_silence(names_.subject(what, id));
  if (stored == Stored::kYes) refusals_.end(what);
  if (stored == Stored::kYes || stored == Stored::kAlready) {
    file->phase = Phase::kWaiting;
    file->job_sequence = sequence;
    file->trouble.clear();
    if (!file->is_statement()) file->refusals.clear();
    // One that was there may have been there for long: its receipt may exist.
    file->checked_ns = stored == Stored::kAlready ? 0 : host_.monotonic_ns();
    if (stored == Stored::kAlready) next_check_ns_ = 0;
    file->stored_epoch = stored == Stored::kYes ? file->job.epoch : "";
    file->is_stored_repeated = file->job.is_repeated;
    if (stored == Stored::kYes) ++counts_.published;
    stuck_since_ns_ = full_since_ns_ == 0 ? 0 : host_.monotonic_ns();
    return;
  }
  file->phase = Phase::kSending;
  sending_.push_back(id);
  on_refused(file, reason);
}

}  // namespace paxect::carrier

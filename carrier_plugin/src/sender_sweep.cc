// How a sender finds chunks that nobody will ask for: a sender was killed while it published them, and their
// file was removed before it came back. Nobody else knows of them, and they would take up the stream for
// ever. Its records name them, if they were not lost; what nobody's records name is removed when it is old.
#include <algorithm>
#include <ctime>
#include <map>

#include "json_object.h"
#include "sender.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kReplyTime = 30 * kSecond;
constexpr std::uint64_t kSweepEvery = 3600 * kSecond;
constexpr std::uint64_t kAgain = 60 * kSecond;  // after a request without a reply
constexpr std::size_t kSweptAtOnce = 64;
constexpr std::int64_t kAge = std::int64_t{86'400} * 1'000'000'000;  // of the last chunk

// "2026-11-27T17:28:46.123456789Z", without the fraction; negative when it is none.
std::int64_t time_of(const std::string& text) {
  std::tm fields{};
  const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &fields);
  return end == nullptr ? -1 : static_cast<std::int64_t>(timegm(&fields)) * 1'000'000'000;
}

}  // namespace

// A direct get is answered by any replica, also by one that is behind: that something is absent is what the
// leader of the stream says. False when there is no connection.
bool Sender::look_up_at_leader(const std::string& what, const std::string& subject,
                               const std::function<void(Lookup, std::uint64_t sequence)>& then) {
  return exchange_.send(
      "$JS.API.STREAM.MSG.GET." + names_.stream(what), JsonObject().add("last_by_subj", subject).text(),
      kReplyTime, [then](const Message* reply) {
        std::uint64_t sequence = 0;
        const Lookup result = reply == nullptr ? Lookup::kUnknown : parse_lookup(reply->data(), &sequence);
        then(result, sequence);
      });
}

// One that has a job is delivered, whether its file is there or not. The age of the chunks does not count:
// who published them is this sender alone, and it records that it publishes a job before it does.
void Sender::withdraw_unfinished(const std::string& id) {
  const CleanUp what{.due_ns = host_.monotonic_ns() + kAgain, .id = id, .kind = CleanUp::Kind::kUnfinished};
  const auto then = [this, what](Lookup job, std::uint64_t) {
    if (files_.contains(what.id)) return;  // it is there again
    if (job == Lookup::kFound) return forget_begun(what.id);
    if (job == Lookup::kUnknown) return clean_ups_.push_back(what);
    host_.log(PAXECT_LOG_INFO, "the file of " + what.id +
                                   " is gone, and only a part of it was published: its chunks are removed");
    withdraw_surely(what);
  };
  if (!look_up_at_leader("job", names_.subject("job", id), then)) clean_ups_.push_back(what);
}

// Tries again until the server has done it.
void Sender::withdraw_surely(const CleanUp& what) {
  const auto again = [this, what] {
    clean_ups_.push_back({.due_ns = host_.monotonic_ns() + kAgain, .id = what.id, .kind = what.kind});
  };
  const auto on_reply = [this, id = what.id, again](const Message* reply) {
    const bool is_done = reply != nullptr && reply->data().find("\"success\":true") != std::string_view::npos;
    if (!is_done) return again();
    if (!files_.contains(id)) forget_begun(id);
  };
  if (!exchange_.send("$JS.API.STREAM.PURGE." + names_.stream("data"),
                      JsonObject().add("filter", names_.subject("data", what.id) + ".*").text(), kReplyTime,
                      on_reply))
    again();
}

void Sender::forget_begun(const std::string& id) {
  if (begun_.erase(id) > 0) records_.append(JsonObject().add("record", "withdrawn").add("id", id).text());
}

// Once all files of the folder are known, and every hour.
void Sender::sweep() {
  const std::uint64_t now = host_.monotonic_ns();
  if (may_be_known_ || now < next_sweep_ns_) return;
  next_sweep_ns_ = now + kSweepEvery;
  exchange_.send("$JS.API.STREAM.INFO." + names_.stream("data"),
                 JsonObject().add("subjects_filter", names_.subject("data", "*") + ".*").text(), kReplyTime,
                 [this](const Message* reply) { on_stored(reply); });
}

void Sender::on_stored(const Message* reply) {
  if (reply == nullptr) return;
  std::map<std::string, std::uint64_t> last;  // the last chunk, by ID
  for_each_chunk(reply->data(), [&](const std::string& id, std::uint64_t number) {
    if (files_.contains(id) || (last.size() >= kSweptAtOnce && !last.contains(id))) return;
    std::uint64_t& highest = last[id];
    highest = std::max(highest, number);
  });
  for (const auto& [id, chunk] : last) look_for_job(id, chunk);
}

void Sender::look_for_job(const std::string& id, std::uint64_t chunk) {
  look_up_at_leader("job", names_.subject("job", id), [this, id, chunk](Lookup job, std::uint64_t) {
    if (job == Lookup::kMissing) look_at_chunk(id, chunk);
  });
}

// Another sender may be publishing them now. One that takes days between two chunks finds them missing at the
// end, by its receiver, and publishes them again.
void Sender::look_at_chunk(const std::string& id, std::uint64_t chunk) {
  const auto on_reply = [this, id](const Message* reply) {
    if (reply == nullptr || reply->sequence() == 0 || files_.contains(id)) return;
    const std::int64_t stored = time_of(std::string(reply->header("Nats-Time-Stamp")));
    if (stored < 0 || host_.realtime_ns() - stored < kAge) return;
    host_.log(PAXECT_LOG_WARN, "the stream " + names_.stream("data") + " has chunks of " + id +
                                   " without a job, a day old: they are removed");
    withdraw(id);
  };
  exchange_.send("$JS.API.DIRECT.GET." + names_.stream("data") + "." + names_.chunk(id, chunk), "",
                 kReplyTime, on_reply);
}

}  // namespace paxect::carrier

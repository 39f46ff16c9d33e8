#include "quorum.h"

#include <utility>

#include "json_object.h"
#include "messages.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kEvery = 5 * kSecond;
constexpr std::uint64_t kReplyTime = 15 * kSecond;  // behind a chunk on a slow line
constexpr std::uint64_t kElection = 10 * kSecond;   // so long a cluster may be without a leader
constexpr std::uint64_t kLeave = 25 * kSecond;
constexpr char kNoLeader[] = "the streams have no leader";

}  // namespace

std::string without_leader(const std::string& server, const std::string& stream) {
  return "the server " + server + " has the stream " + stream +
         ", and its leader does not answer: is the server cut off from its cluster, or are most servers "
         "away?";
}

void Quorum::tend(bool has_streams) {
  const std::uint64_t generation = connection_.generation();
  if (generation != std::exchange(generation_, generation)) {
    next_ns_ = silent_since_ns_ = 0;
    is_asked_ = is_to_leave_ = false;
    problems_.set(kNoLeader, "");  // that was another server
  }
  if (!connection_.is_connected()) return;
  if (std::exchange(is_to_leave_, false)) {
    const std::string problem = problems_.text(kNoLeader) + " Connecting to the next server of the list";
    host_.log(PAXECT_LOG_WARN, problem);
    connection_.end(problem);
    return;
  }
  const std::uint64_t now = host_.monotonic_ns();
  if (has_streams && !is_asked_ && now >= next_ns_) ask(now);
}

void Quorum::ask(std::uint64_t now) {
  next_ns_ = now + kEvery;
  const auto on_reply = [this, now, generation = generation_](const Message* reply) {
    // What was outstanding on the last connection is ended before this one is looked at.
    if (generation != connection_.generation() || !connection_.is_connected()) return;
    is_asked_ = false;
    std::uint64_t ignored = 0;
    if (reply == nullptr || parse_lookup(reply->data(), &ignored) == Lookup::kUnknown) return on_silence(now);
    silent_since_ns_ = 0;
    problems_.set(kNoLeader, "");
  };
  is_asked_ = exchange_.send("$JS.API.STREAM.MSG.GET." + names_.stream("job"),
                             JsonObject().add("last_by_subj", names_.subject("job", "none")).text(),
                             kReplyTime, on_reply);
}

void Quorum::on_silence(std::uint64_t asked_ns) {
  if (silent_since_ns_ == 0) silent_since_ns_ = asked_ns;
  const std::uint64_t silent = host_.monotonic_ns() - silent_since_ns_;
  if (silent < kElection) return;
  problems_.set(kNoLeader, without_leader(connection_.last_url(), names_.stream("job")));
  is_to_leave_ = silent >= kLeave && connection_.has_other_server();
}

}  // namespace paxect::carrier

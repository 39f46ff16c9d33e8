// What a receiver does about a consumer of the jobs that gives out nothing, or that is another one than
// before.
#include <sodium.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "receiver.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kReplyTime = 5 * kSecond;
constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint32_t kMaxDelay = 10'000;  // milliseconds
constexpr std::uint64_t kEnsureAgain = 5 * kSecond;
constexpr std::uint64_t kAnnounced = 6 * kSecond;
constexpr std::uint64_t kElection = 10 * kSecond;
constexpr unsigned kRefusedFetches = 2;
constexpr char kProblem[] = "the consumer gives out nothing";
constexpr char kNoJobs[] = "the server gives out no jobs";
constexpr char kNoLists[] = "the server gives out no lists";

// The subject of a call about the consumer of the jobs: "INFO" or "DELETE".
std::string subject_of(const char* call, const Names& names) {
  return std::string("$JS.API.CONSUMER.") + call + "." + names.stream("job") + "." + kReceivers;
}

}  // namespace

// The consumer is another one than that which has given out what is in hand: its acknowledgements would act
// on jobs that the new one has given to others. It is looked at once more, because several receivers may have
// made it at the same time, and the AckWait of the last one holds.
void Receiver::take_consumer() {
  if (acks_are_of_ns_ != 0) {
    jobs_.clear();
    forget_acks();
  }
  acks_are_of_ns_ = consumer_made_ns_;
  if (!host_.once()) ensure_again_ns_ = host_.monotonic_ns() + kEnsureAgain;
}

// Numbers that begin again are those of another consumer: until it was looked at, every job may have been
// given out before.
void Receiver::note_given(const Message& message) {
  AckSubject position;
  if (!parse_ack_subject(message.reply(), &position)) return;
  watch_.on_job(host_.monotonic_ns());
  if (position.given > std::exchange(last_given_, position.given)) return;
  consumer_made_ns_ = std::numeric_limits<std::int64_t>::max();
  readiness_.lose_streams();
}

// While a fetch of ours is open, the consumer has nothing to give out, or ought to.
void Receiver::watch_consumer(std::uint64_t now) {
  if (job_fetch_.number == 0) return watch_.reset();
  if (replace_at_ns_ != 0 && now >= replace_at_ns_) return replace_consumer();
  if (now < next_watch_ns_) return;
  next_watch_ns_ = now + std::max(static_cast<std::uint64_t>(settings_.ack_wait_ms) * 1'000'000, 5 * kSecond);
  exchange_.send(subject_of("INFO", names_), "", kReplyTime,
                 [this](const Message* reply) { on_consumer(reply); });
}

void Receiver::on_consumer(const Message* reply) {
  ConsumerState state;
  if (reply == nullptr || !parse_consumer(reply->data(), &state)) return watch_.reset();
  const std::uint64_t held = in_hand_.size() + identity_.held_by_others();
  const bool gives = state.created == stalled_.created
                         ? state.given != stalled_.given || state.acknowledged != stalled_.acknowledged
                         : state.given > 0;
  if (gives || (state.in_hand == 0 && state.left == 0)) problems_.set(kProblem, "");
  if (watch_.observe(state, held, host_.monotonic_ns())) report_stalled(state);
  if (state.in_hand > 0 || state.left > 0) return end_passed_over();
  if (replace_at_ns_ == 0) search_passed_over(state);
}

// Whether the server has jobs that no receiver has in hand, so that a run that ends here leaves work behind.
// What was acknowledged right before may still count as in hand, and what others have they announce every few
// seconds.
bool Receiver::leaves_jobs() {
  const std::uint64_t deadline = host_.monotonic_ns() + kAnnounced;
  while (jobs_.empty()) {
    ConsumerState state;
    bool is_known = false;
    exchange_.ask(
        subject_of("INFO", names_), "", kReplyTime, [&] { return pulse(); },
        [&](const Message& reply) { is_known = parse_consumer(reply.data(), &state); });
    if (is_known && state.left == 0 && state.in_hand <= identity_.held_by_others())
      return !jobs_.empty() || (state.in_hand == 0 && has_passed_over(state));
    if (host_.monotonic_ns() >= deadline || !pulse()) return true;
    exchange_.await([&] { return !jobs_.empty(); }, kSecond / 5, [&] { return pulse(); });
  }
  return true;
}

// It is replaced after a random time, if it is still the same: another receiver may see the same, and be
// faster.
void Receiver::report_stalled(const ConsumerState& state) {
  problems_.set(kProblem, "the consumer " + std::string(kReceivers) + " of the stream " +
                              names_.stream("job") + " at " + connection_.last_url() + " gives out none of " +
                              std::to_string(state.in_hand + state.left) + " jobs for " +
                              std::to_string(watch_.stalled_ns(host_.monotonic_ns()) / kSecond) +
                              " s: it is made again; what is delivered already is recognised");
  watch_.reset();
  stalled_ = state;
  replace_at_ns_ = host_.monotonic_ns() + randombytes_uniform(kMaxDelay) * kMillisecond;
}

// The consumer works, whether it has something or not.
void Receiver::note_answered(Fetch* fetch) {
  fetch->refusals = 0;
  fetch->refused_since_ns = 0;
  fetch->is_removal_advised = false;
  problems_.set(fetch == &job_fetch_ ? kNoJobs : kNoLists, "");
}

// It may be away, or its stream, for the moment of an election; and what somebody removes is made again.
void Receiver::note_refused_fetch(Fetch* fetch, const std::string& reason) {
  readiness_.lose_streams();
  const std::uint64_t now = host_.monotonic_ns();
  if (fetch->refusals++ == 0) fetch->refused_since_ns = now;
  if (fetch->refusals < kRefusedFetches || now - fetch->refused_since_ns < kElection) return;
  fetch->is_removal_advised = true;
  const bool is_job = fetch == &job_fetch_;
  const std::string stream = names_.stream(is_job ? "job" : "list");
  const std::string consumer = is_job ? kReceivers : state_.token();
  const std::string server = "the server " + connection_.last_url();
  const std::string fact =
      is_job ? server + " gives out no jobs: the consumer " : server + " gives out no lists: the consumer ";
  problems_.set(is_job ? kNoJobs : kNoLists,
                fact + consumer + " of the stream " + stream + " does not answer requests for messages (" +
                    reason + "): run: nats consumer info " + stream + " " + consumer +
                    "; start the servers that it needs, or remove it, and the receiver makes it again");
}

// ensure_consumers() makes the other one. Receivers whose fetches were open are answered that it is gone.
void Receiver::replace_consumer() {
  replace_at_ns_ = 0;
  exchange_.send(subject_of("INFO", names_), "", kReplyTime, [this](const Message* reply) {
    ConsumerState state;
    if (reply == nullptr || !parse_consumer(reply->data(), &state) || state.created != stalled_.created ||
        state.given != stalled_.given || state.acknowledged != stalled_.acknowledged)
      return;
    // An open fetch may be answered before the request is.
    job_consumer_.is_replaced = true;
    exchange_.send(subject_of("DELETE", names_), "", kReplyTime, [this](const Message* answer) {
      if (answer != nullptr) readiness_.lose_streams();
    });
  });
}

}  // namespace paxect::carrier

// What a receiver does about a consumer of the jobs that gives out nothing, or that is another one than
// before.
#include <algorithm>
#include <limits>
#include <utility>

#include "receiver.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kReplyTime = 5 * kSecond;
constexpr char kProblem[] = "the consumer gives out nothing";

}  // namespace

// Numbers that begin again are those of another consumer: until it was looked at, every job may have been
// given out before.
void Receiver::note_given(const Message& message) {
  AckSubject position;
  if (!parse_ack_subject(message.reply(), &position)) return;
  watch_.on_job();
  problems_.set(kProblem, "");
  if (position.given > std::exchange(last_given_, position.given)) return;
  consumer_made_ns_ = std::numeric_limits<std::int64_t>::max();
  readiness_.lose_streams();
}

// While a fetch of ours is open, the consumer has nothing to give out, or ought to.
void Receiver::watch_consumer(std::uint64_t now) {
  if (job_fetch_.number == 0) return watch_.reset();
  if (now < next_watch_ns_) return;
  next_watch_ns_ = now + std::max(static_cast<std::uint64_t>(settings_.ack_wait_ms) * 1'000'000, 5 * kSecond);
  exchange_.send("$JS.API.CONSUMER.INFO." + names_.stream("job") + "." + kReceivers, "", kReplyTime,
                 [this](const Message* reply) { on_consumer(reply); });
}

void Receiver::on_consumer(const Message* reply) {
  ConsumerState state;
  if (reply == nullptr || !parse_consumer(reply->data(), &state)) return watch_.reset();
  const std::uint64_t held = in_hand_.size() + identity_.held_by_others();
  if (state.in_hand == 0 && state.left == 0) problems_.set(kProblem, "");
  if (watch_.observe(state, held, host_.monotonic_ns())) replace_consumer(state);
}

// ensure_consumers() makes the other one. Receivers whose fetches were open are answered that it is gone.
void Receiver::replace_consumer(const ConsumerState& state) {
  const std::string consumer = names_.stream("job") + "." + kReceivers;
  problems_.set(kProblem, "the consumer " + std::string(kReceivers) + " of the stream " +
                              names_.stream("job") + " at " + connection_.last_url() + " gives out none of " +
                              std::to_string(state.in_hand + state.left) + " jobs for " +
                              std::to_string(watch_.stalled_ns(host_.monotonic_ns()) / kSecond) +
                              " s: it is made again; what is delivered already is recognised");
  watch_.reset();
  exchange_.send("$JS.API.CONSUMER.DELETE." + consumer, "", kReplyTime, [this](const Message* reply) {
    if (reply != nullptr) readiness_.lose_streams();
  });
}

}  // namespace paxect::carrier

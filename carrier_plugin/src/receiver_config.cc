// What a receiver does about a consumer that somebody else changes or removes while it runs.
#include <sodium.h>

#include <algorithm>
#include <utility>

#include "receiver.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kReplyTime = 5 * kSecond;
constexpr std::uint64_t kMinEvery = 5 * kSecond;
constexpr std::uint32_t kMaxDelay = 2000;            // milliseconds
constexpr std::uint64_t kReported = 600 * kSecond;   // after it was mended
constexpr std::uint64_t kFirstPause = 60 * kSecond;  // between two restorations, then twice as long
constexpr std::uint64_t kMaxPause = 3600 * kSecond;

}  // namespace

std::string Receiver::consumer_text(const GuardedConsumer& one) const {
  return "the consumer " + one.name + " of the stream " + names_.stream(one.stream) + " at " +
         connection_.last_url();
}

std::string Receiver::consumer_call(const char* call, const GuardedConsumer& one) const {
  return std::string("$JS.API.CONSUMER.") + call + "." + names_.stream(one.stream) + "." + one.name;
}

// What the streams and consumers were ensured with. Whether a store was lost with the consumer shows when its
// epoch is known.
void Receiver::take_ensured(GuardedConsumer* one, const EnsuredConsumer& ensured) {
  const bool is_other = one->created_ns != ensured.created_ns;
  const Fetch& fetch = one == &job_consumer_ ? job_fetch_ : list_fetch_;
  const bool is_expected = one->is_replaced || one->is_removal_advised || fetch.is_removal_advised;
  if (one->created_ns != 0 && is_other && !is_expected) one->lost_in_epoch = seen_epoch_;
  if (is_other) one->is_replaced = false;
  if (is_other && std::exchange(one->is_removal_advised, false)) end_consumer_report(one);
  if (ensured.is_made)
    one->config.take_reply(ensured.members);
  else if (is_other)
    one->config.take_existing(ensured.members);
  one->created_ns = ensured.created_ns;
  one->next_ns = 0;
}

void Receiver::guard_consumers(std::uint64_t now) {
  const auto every =
      std::max(2 * static_cast<std::uint64_t>(settings_.ack_wait_ms) * kMillisecond, kMinEvery);
  for (GuardedConsumer* one : {&job_consumer_, &list_consumer_}) {
    if (!one->lost_in_epoch.empty() && !epoch_.value().empty()) {
      if (one->lost_in_epoch == epoch_.value())
        report_consumer(one,
                        consumer_text(*one) +
                            " was removed by somebody else, or by another receiver to which it gave "
                            "nothing, and is made again: what was delivered already is recognised; remove "
                            "no consumer of a receiver that runs");
      one->lost_in_epoch.clear();
    }
    if (one->mended_ns != 0 && now >= one->mended_ns + kReported) {
      one->is_removal_advised = false;
      end_consumer_report(one);
    }
    if (one->restore_at_ns != 0 && now >= one->restore_at_ns) {
      one->restore_at_ns = 0;
      read_config(one, true);
    } else if (now >= one->next_ns) {
      one->next_ns = now + every;
      read_config(one, false);
    }
  }
}

// It ends a while after it was mended: who changes consumers ought to be found.
void Receiver::report_consumer(GuardedConsumer* one, const std::string& text) {
  one->mended_ns = host_.monotonic_ns();
  problems_.set(one->condition, text);
}

void Receiver::end_consumer_report(GuardedConsumer* one) {
  one->mended_ns = 0;
  problems_.set(one->condition, "");
}

void Receiver::read_config(GuardedConsumer* one, bool restores) {
  exchange_.send(consumer_call("INFO", *one), "", kReplyTime,
                 [this, one, restores, generation = readiness_.generation()](const Message* reply) {
                   if (reply == nullptr || generation != connection_.generation()) return;
                   if (is_consumer_missing(reply->data())) return readiness_.lose_streams();
                   take_config(one, reply->data(), restores);
                 });
}

void Receiver::take_config(GuardedConsumer* one, std::string_view reply, bool restores) {
  ConsumerInfo info;
  const std::int64_t ack_wait = settings_.ack_wait_ms * 1'000'000;
  if (!parse_consumer_info(reply, &info)) return;
  const std::vector<ConsumerConfig::Difference> differences = one->config.compare(info, ack_wait);
  if (differences.empty()) return;
  std::string changes;
  bool is_fixed = false;
  for (const ConsumerConfig::Difference& difference : differences) {
    changes += (changes.empty() ? "" : ", ") + difference.text;
    is_fixed = is_fixed || is_fixed_member(difference.name);
  }
  const std::uint64_t now = host_.monotonic_ns();
  report_consumer(one, consumer_text(*one) + " was changed by somebody else (" + changes + "): " +
                           (is_fixed ? "run: nats consumer rm " + names_.stream(one->stream) + " " +
                                           one->name + ", and the receiver makes it again"
                                     : "the receiver restores it; find out who changes it"));
  one->is_removal_advised = one->is_removal_advised || is_fixed;
  if (is_fixed || one->restore_at_ns != 0) return;
  if (restores) return restore_config(one, restoring_request(reply, names_.stream(one->stream), ack_wait));
  // After a random time, if it is still so: another receiver may be faster. Who changes it again and again
  // is not fought.
  if (now < one->no_restore_until_ns) return;
  one->restore_at_ns = now + 1 + randombytes_uniform(kMaxDelay) * kMillisecond;
}

// The request changes the consumer that is there: its fetches stay open.
void Receiver::restore_config(GuardedConsumer* one, const std::string& request) {
  const std::uint64_t now = host_.monotonic_ns();
  const bool is_first = one->pause_ns == 0 || now > one->no_restore_until_ns + kMaxPause;
  one->pause_ns = is_first ? kFirstPause : std::min(2 * one->pause_ns, kMaxPause);
  one->no_restore_until_ns = now + one->pause_ns;
  exchange_.send(
      consumer_call("DURABLE.CREATE", *one), request, kReplyTime, [this, one](const Message* reply) {
        ConsumerInfo info;
        if (reply == nullptr) return;
        if (parse_consumer_info(reply->data(), &info)) {
          one->config.take_reply(info.members);
          return host_.log(PAXECT_LOG_WARN, consumer_text(*one) + " is restored");
        }
        std::uint64_t ignored = 0;
        std::string reason;
        parse_publication(reply->data(), &ignored, &reason);
        one->is_removal_advised = true;
        report_consumer(one, consumer_text(*one) +
                                 " was changed by somebody else, and the server refuses to restore it (" +
                                 reason + "): run: nats consumer rm " + names_.stream(one->stream) + " " +
                                 one->name + ", and the receiver makes it again");
      });
}

}  // namespace paxect::carrier

#include "readiness.h"

#include <utility>

#include "names.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kRetry = 2 * kSecond;
constexpr std::uint64_t kSilent = 10 * kSecond;
constexpr std::uint64_t kLost = 15 * kSecond;
constexpr int kMaxUnanswered = 2;
constexpr std::uint64_t kLeave = 25 * kSecond;    // as for a leader that does not answer
constexpr std::uint64_t kRefused = 60 * kSecond;  // without another error of the server
constexpr std::uint64_t kSubscribeAgain = 10 * kSecond;
constexpr std::uint64_t kPermitted = 5 * kSecond;
constexpr std::uint64_t kAnnounced = 15 * kSecond;  // likewise of announcements, which come every 5 seconds

}  // namespace

// A connection that lost a subscription while it stayed up gets no reply any more; another one may.
void Readiness::end_deaf_connection() {
  const std::string problem =
      "the server " + connection_.last_url() + " does not reply to requests to JetStream: connecting again";
  host_.log(PAXECT_LOG_WARN, problem);
  connection_.end(problem);
}

// A server that is cut off from its cluster replies to some requests, and to others that its cluster cannot
// do it now.
void Readiness::leave_unavailable(const Status& status, std::uint64_t now) {
  if (!status.is_unavailable()) {
    unavailable_since_ns_ = 0;
    return;
  }
  if (unavailable_since_ns_ == 0) unavailable_since_ns_ = now;
  if (now - unavailable_since_ns_ < kLeave || !connection_.has_other_server()) return;
  const std::string problem = "the server " + connection_.last_url() +
                              " is up and its cluster is not: " + status.message() +
                              ": connecting to the next server of the list";
  host_.log(PAXECT_LOG_WARN, problem);
  connection_.end(problem);
}

void Readiness::report() {
  const std::uint64_t now = host_.monotonic_ns();
  problems_.set(kConnectionProblem, connection_.is_connected() ? "" : connection_.problem());
  report_refusals(now);
  tend_refused_subscription(now);
}

// The server reports a missing permission once for each message, and drops the message. That is over when a
// message of this kind has a reply, which not all of them have, or on a connection that gets no such report.
// A subscription is refused once, and missing until it is made again.
void Readiness::report_refusals(std::uint64_t now) {
  std::string error = connection_.take_error();
  const bool is_quiet = error.empty();
  for (; !error.empty(); error = connection_.take_error()) take_refusal(error, now);
  const bool is_over = refused_until_ns_ != 0 && (now >= refused_until_ns_ || connection_.is_kind_answered());
  if (is_quiet && is_over) end_refusal();
}

void Readiness::take_refusal(const std::string& error, std::uint64_t now) {
  const std::string text = "the server " + connection_.last_url() + " reports: " + error;
  const std::size_t begin = error.find('"');
  const std::size_t end = begin == std::string::npos ? begin : error.find('"', begin + 1);
  const std::string subject = end == std::string::npos ? "" : error.substr(begin + 1, end - begin - 1);
  if (error.find("for Subscription") != std::string::npos) {
    problems_.set("the server refuses", text);
    refused_subscription_ = text;
    refused_subscription_ns_ = now;
    subscribed_again_ns_ = 0;
    return;
  }
  if (refusals_.note_permission(subject, error)) return;
  const std::string kind = kind_of_subject(subject);
  // A further message of the kind has another ID in its subject, and says nothing new.
  if (refused_until_ns_ == 0 || kind.empty() || kind != refused_) problems_.set("the server refuses", text);
  refused_ = kind;
  refused_until_ns_ = now + (refused_.ends_with(".peers") ? kAnnounced : kRefused);
  connection_.watch_kind(refused_);
}

void Readiness::end_refusal() {
  refused_until_ns_ = 0;
  refused_.clear();
  connection_.watch_kind("");
  problems_.set("the server refuses", refused_subscription_);
}

// The server says nothing of a subscription that it permits: that is one that it does not refuse for a while.
void Readiness::tend_refused_subscription(std::uint64_t now) {
  if (refused_subscription_.empty() || !connection_.is_connected()) return;
  if (subscribed_again_ns_ == 0) {
    if (now - refused_subscription_ns_ < kSubscribeAgain) return;
    subscribed_again_ns_ = now;
    return connection_.subscribe_again();
  }
  if (now - subscribed_again_ns_ < kPermitted) return;
  refused_subscription_.clear();
  if (refused_until_ns_ == 0) end_refusal();
}

// Nothing is sent or delivered without the epoch. The library gets replies by a subscription of its own, so
// that the streams may answer where ours is lost: another connection is tried first. A cluster whose majority
// was restarted may never choose a leader for a stream that was in memory: then another stream takes its
// place, which is another epoch.
//
// Only questions that were sent count. An instance that does no work, as one whose folder is away or that
// stands by, leaves the stream to those that do.
void Readiness::tend_epoch(bool is_working) {
  const std::uint64_t now = host_.monotonic_ns();
  if (!epoch_.value().empty()) has_reconnected_ = false;
  // That the streams are looked at again, to which silence leads, is no answer.
  if (!connection_.is_connected() || has_failed_ || !epoch_.value().empty()) {
    epoch_.forget_silence();
    problems_.set("the epoch is not known", "");
    return;
  }
  const std::uint64_t since = epoch_.unanswered_since_ns();
  if (since == 0) return;
  if (now - since > kSilent)
    problems_.set("the epoch is not known", "the stream of the epoch at " + connection_.last_url() +
                                                " does not answer: has the cluster a majority?");
  if (now - since < kLost || (has_reconnected_ && !is_working)) return;
  epoch_.forget_silence();
  has_reconnected_ = !has_reconnected_;
  if (has_reconnected_) return end_deaf_connection();
  if (renew_().ok()) lose_streams();
}

bool Readiness::tend(bool is_working) {
  const std::uint64_t generation = connection_.generation();
  const bool is_new = connection_.is_connected() && generation != std::exchange(generation_, generation);
  if (is_new) {
    // Before report(), which may have a refusal of the new connection already.
    refused_subscription_.clear();
    subscribed_again_ns_ = 0;
    end_refusal();
    has_streams_ = false;
    next_streams_ns_ = 0;
    unanswered_ = 0;
    unavailable_since_ns_ = 0;
    epoch_.reset();
    host_.log(PAXECT_LOG_INFO, "connected to " + connection_.server_url());
  }
  report();
  tend_epoch(is_working);
  if (!connection_.is_connected()) return false;
  const std::uint64_t now = host_.monotonic_ns();
  if (has_streams_ || now < next_streams_ns_) return is_new;
  next_streams_ns_ = now + kRetry;
  const Status status = ensure_();
  has_streams_ = status.ok();
  // These requests are the library's.
  if (status.ok() && refused_.starts_with("$JS.API.STREAM.INFO.")) end_refusal();
  has_failed_ = !status.ok();
  problems_.set("the streams cannot be used",
                status.ok() ? "" : status.message() + " at " + connection_.last_url());
  unanswered_ = status.is_silence() ? unanswered_ + 1 : 0;
  if (unanswered_ >= kMaxUnanswered) end_deaf_connection();
  leave_unavailable(status, now);
  return is_new;
}

}  // namespace paxect::carrier

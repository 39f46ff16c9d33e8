// What the relay reports to its metrics.
#include <algorithm>

#include "base/clock.h"
#include "relay/relay.h"

namespace paxect::link {

MetricsSnapshot Relay::measure(bool running) {
  MetricsSnapshot now;
  now.running = running;
  now.utc_ns = host_.realtime_ns();
  now.files = ledger_->tally();
  if (now.files.oldest_s) {
    const auto seconds = static_cast<std::int64_t>(host_.monotonic_ns() / kSecond);
    now.oldest_age_s = static_cast<std::uint64_t>(std::max<std::int64_t>(0, seconds - *now.files.oldest_s));
  }
  if (running) now.waiting_for = waiting_for();
  for (const Lanes::InHand& file : lanes_->in_hand()) {
    now.in_hand_bytes += file.identity.size;
    now.in_hand_read_bytes += file.bytes_read;
    std::int64_t& since = now.in_hand_since_utc_ns;
    since = since == 0 ? file.since_utc_ns : std::min(since, file.since_utc_ns);
  }
  now.in_quarantine = quarantine_->count();
  now.peers = peers_.counts();
  const Receiver::Counts proof = receiver_->count();
  now.proof_expected = proof.expected;
  now.proof_missing = proof.missing;
  now.proof_unlisted = proof.unlisted;
  now.proof_replayed = proof.replayed;
  now.proof_jumped = proof.jumped;
  now.proof_silent = proof.silent;
  now.proof_forked = proof.forked;
  const SentCounts sent = kept_->counts();
  now.lists_written = lists_->written();
  now.unreceipted = sent.unreceipted;
  if (sent.oldest > 0)
    now.unreceipted_age_s = static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, now.utc_ns / static_cast<std::int64_t>(kSecond) - sent.oldest));
  now.receipt_utc_s = sent.receipt_made;
  now.reported_missing = sent.missing;
  now.reported_refused = sent.refused;
  now.troubles = reporter_.problems().size() - waiting_for().size();
  return now;
}

void Relay::count_delivery(const Transfer& transfer) {
  if (const auto& repair = transfer.intent.repair) {
    repaired_files_ += 1;
    repaired_cells_ += repair->damaged;
    if (metrics_) metrics_->repaired(repair->damaged);
  }
  // A rename into the inbox leaves mtime alone, but not ctime.
  const std::int64_t arrived_ns = transfer.source.identity.ctime_ns;
  const std::int64_t now_ns = host_.realtime_ns();
  if (!transfer.intent.into_inbox) latency_.add(now_ns - arrived_ns, host_.monotonic_ns());
  if (metrics_) metrics_->delivered(transfer.route, transfer.published, transfer.result, arrived_ns, now_ns);
}

void Relay::write_metrics(bool running) {
  Status status = metrics_->write(measure(running), host_.monotonic_ns());
  if (!status.ok() && status.message != metrics_problem_)
    host_.log(PAXECT_LOG_WARN, "no metrics: " + status.message);
  metrics_problem_ = status.message;
}

}  // namespace paxect::link

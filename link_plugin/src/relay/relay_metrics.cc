// What the relay tells its metrics.
#include <algorithm>

#include "base/relay_paths.h"
#include "relay/relay.h"

namespace paxect::link {

MetricsSnapshot Relay::measure(bool running) {
  MetricsSnapshot now;
  now.running = running;
  now.utc_ns = host_.realtime_ns();
  auto seen = [&](const FileIdentity& identity) {
    std::int64_t& oldest = now.oldest_mtime_ns;
    oldest = oldest == 0 ? identity.mtime_ns : std::min(oldest, identity.mtime_ns);
  };
  now.ready = intake_->window().size() + intake_->beyond_window();
  now.settling = intake_->unsettled();
  for (const Candidate& candidate : intake_->window()) seen(candidate.identity);
  for (const Wait& wait : ledger_->waits()) {
    bool blocked = wait.state == FileState::kBlocked;
    ++(blocked ? now.blocked : now.pending);
    if (!blocked) seen(wait.file->second.identity);
  }
  now.in_quarantine = quarantine_->count();
  now.peers = peers_.counts();
  now.troubles = reporter_.problems().size();
  return now;
}

void Relay::count_delivery(const Transfer& transfer) {
  // A rename into the inbox leaves mtime alone, but not ctime.
  if (metrics_)
    metrics_->delivered(transfer.route, transfer.published, transfer.result,
                        transfer.source.identity.ctime_ns, host_.realtime_ns());
}

void Relay::write_metrics(bool running) {
  Status status = metrics_->write(measure(running), host_.monotonic_ns());
  if (!status.ok() && status.message != metrics_problem_)
    host_.log(PAXECT_LOG_WARN, "no metrics: " + status.message);
  metrics_problem_ = status.message;
}

}  // namespace paxect::link

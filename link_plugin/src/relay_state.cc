// What the relay tells the operator's commands about itself.
#include <unistd.h>

#include "relay.h"

namespace paxect::link {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

}  // namespace

void Relay::write_state() {
  std::uint64_t now = host_.monotonic_ns();
  std::int64_t utc = host_.realtime_ns();
  RelayState state;
  state.pid = getpid();
  state.written_utc_ns = utc;
  state.trouble = trouble_;
  state.waiting_count = retry_->records().size();
  for (const auto& [path, record] : retry_->records()) {
    if (state.waiting.size() == RelayState::kMostListed) break;
    bool blocked = record.state == FileState::kBlocked;
    // On the wall's clock, in whole seconds: finer, it would come out anew at every look.
    auto until = static_cast<std::int64_t>(record.next_try_ns > now ? record.next_try_ns - now : 0);
    std::int64_t next = (utc + until) / kSecondNs * kSecondNs;
    state.waiting.push_back({.path = path,
                             .identity = record.identity,
                             .blocked = blocked,
                             .attempts = record.attempts,
                             .next_try_utc_ns = blocked ? 0 : next,
                             .first_utc_ns = record.first_utc_ns,
                             .last_utc_ns = record.last_utc_ns,
                             .event = record.event,
                             .reason = record.reason});
  }
  state_file_->write(state, now);
}

}  // namespace paxect::link

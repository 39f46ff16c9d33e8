// What the relay reports to the operator's commands about itself, and the one thing that it reads from there.
#include <unistd.h>

#include <cstdlib>

#include "base/clock.h"
#include "base/relay_paths.h"
#include "relay/relay.h"

namespace paxect::link {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::size_t kFewFiles = 4096;  // a pass over as many takes less than a millisecond
constexpr std::uint64_t kTallyInterval = 5 * kSecond;

}  // namespace

// What keeps the relay from starting, or from going on with any file, by what it is about: a place that is
// not there, the recovery after its return, or a step of the start that failed.
std::map<std::string, std::string> Relay::waiting_for() const {
  std::map<std::string, std::string> found;
  for (const auto& [about, message] : reporter_.problems()) {
    const bool is_place = about == kInboxRole || about == kOutboxRole;
    if (is_place || (about == "start" && !started_) || (about == "recovery" && must_recover_))
      found[about] = message;
  }
  return found;
}

// By the wall clock, in whole seconds. The two clocks drift, and a time that is reported again is to be the
// same.
std::int64_t Relay::utc_of(std::int64_t monotonic_ns) {
  const std::int64_t offset = host_.realtime_ns() - static_cast<std::int64_t>(host_.monotonic_ns());
  if (std::abs(offset - clock_offset_ns_) > 2 * kSecondNs) clock_offset_ns_ = offset;
  return (monotonic_ns + clock_offset_ns_) / kSecondNs * kSecondNs;
}

WaitingFile Relay::waiting_file(const Wait& wait) {
  const auto& [path, entry] = *wait.file;
  const bool is_observed = entry.arrived_s != LedgerEntry::kNever;
  // One whose time has come is tried at the next scan, if not in this step.
  const auto next_try = static_cast<std::int64_t>(std::max(wait.next_try_ns, host_.monotonic_ns()));
  std::string reason = wait.reason;
  // The reason of a block has a form of its own, which the remedy depends on.
  auto trouble = reporter_.problems().find(Failures::kMoveProblem);
  if (trouble == reporter_.problems().end()) trouble = reporter_.problems().find("quarantine");
  if (wait.owes_quarantine && wait.state != FileState::kBlocked && trouble != reporter_.problems().end())
    reason += "; it waits to be moved to the quarantine: " + trouble->second;
  return {.path = path,
          .identity = entry.identity,
          .state = wait.state,
          .attempts = wait.attempts,
          .next_try_utc_ns = wait.state == FileState::kPending ? utc_of(next_try) : 0,
          .arrived_utc_ns = is_observed ? utc_of(entry.arrived_s * kSecondNs) : wait.first_utc_ns,
          .first_utc_ns = wait.first_utc_ns,
          .last_utc_ns = wait.last_utc_ns,
          .event = wait.event,
          .reason = reason};
}

// When the oldest file came that waits for its turn. To find it takes a pass over the whole ledger, so with
// many files the answer may be some seconds old.
std::optional<std::int32_t> Relay::oldest_arrival() {
  const std::uint64_t now = host_.monotonic_ns();
  const bool is_cheap = ledger_->files().size() <= kFewFiles;
  if (is_cheap || now >= oldest_due_ns_ || !started_) {
    oldest_arrival_s_ = ledger_->tally().oldest_s;
    oldest_due_ns_ = now + kTallyInterval;
  }
  return oldest_arrival_s_;
}

void Relay::write_state() {
  RelayState state;
  state.pid = getpid();
  state.written_utc_ns = host_.realtime_ns();
  state.trouble = reporter_.problems();
  for (const auto& [about, message] : waiting_for()) {
    state.waiting_for += (state.waiting_for.empty() ? "" : "; ") + message;
    state.trouble.erase(about);
  }
  if (const auto oldest = oldest_arrival()) state.oldest_utc_ns = utc_of(*oldest * kSecondNs);
  for (const Lanes::InHand& file : lanes_->in_hand())
    state.in_hand.push_back({file.path, file.identity.size, file.bytes_read, file.since_utc_ns});
  state.latency = latency_.summary(host_.monotonic_ns());
  state.repaired_files = repaired_files_;
  state.repaired_cells = repaired_cells_;
  state.waiting_count = ledger_->waits().size();
  // Those with attempts first: a restart counts on from there.
  for (bool counted : {true, false})
    for (const Wait& wait : ledger_->waits())
      if ((wait.attempts > 0) == counted && state.waiting.size() < RelayState::kMaxListed)
        state.waiting.push_back(waiting_file(wait));
  state_file_->write(state, host_.monotonic_ns());
}

// Failures of the same state of a file count together, over restarts. Troubles and blocks are found out
// again.
void Relay::recall_attempts() {
  std::optional<RelayState> state = read_state(config_.state);
  if (!state) return;
  for (const WaitingFile& file : state->waiting) {
    if (file.state != FileState::kPending || file.attempts == 0) continue;
    Directory folder;
    if (!inbox_.root().open_below(folder_of(file.path), false, &folder).ok()) continue;
    FileStat observed = folder.stat_of(std::string(base_name(file.path)));
    if (observed.kind == FileKind::kRegular && observed.identity.same_but_device(file.identity))
      ledger_->recall(file.path, observed.identity, file.attempts, file.first_utc_ns);
  }
}

}  // namespace paxect::link

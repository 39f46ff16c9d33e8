// What the relay tells the operator's commands about itself, and the one thing that it takes from there.
#include <unistd.h>

#include "base/relay_paths.h"
#include "relay/relay.h"

namespace paxect::link {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

WaitingFile waiting_file(const Wait& wait, std::uint64_t now, std::int64_t utc) {
  bool blocked = wait.state == FileState::kBlocked;
  // On the wall's clock, in whole seconds: finer, it would come out anew at every look.
  auto until = static_cast<std::int64_t>(wait.next_try_ns > now ? wait.next_try_ns - now : 0);
  std::int64_t next = (utc + until) / kSecondNs * kSecondNs;
  return {.path = wait.file->first,
          .identity = wait.file->second.identity,
          .blocked = blocked,
          .attempts = wait.attempts,
          .next_try_utc_ns = blocked ? 0 : next,
          .first_utc_ns = wait.first_utc_ns,
          .last_utc_ns = wait.last_utc_ns,
          .event = wait.event,
          .reason = wait.reason};
}

}  // namespace

void Relay::write_state() {
  std::uint64_t now = host_.monotonic_ns();
  std::int64_t utc = host_.realtime_ns();
  RelayState state;
  state.pid = getpid();
  state.written_utc_ns = utc;
  state.trouble = reporter_.problems();
  state.waiting_count = ledger_->waits().size();
  // Those with attempts first: a restart counts on from there.
  for (bool counted : {true, false})
    for (const Wait& wait : ledger_->waits())
      if ((wait.attempts > 0) == counted && state.waiting.size() < RelayState::kMostListed)
        state.waiting.push_back(waiting_file(wait, now, utc));
  state_file_->write(state, now);
}

// Failures of the same state of a file count together, over restarts. What the file says of trouble and
// blocks is found out anew.
void Relay::recall_attempts() {
  std::optional<RelayState> state = read_state(config_.state);
  if (!state) return;
  for (const WaitingFile& file : state->waiting) {
    if (file.blocked || file.attempts == 0) continue;
    Directory folder;
    if (!inbox_.root().open_below(folder_of(file.path), false, &folder).ok()) continue;
    FileLook look = folder.look(std::string(base_name(file.path)));
    if (look.kind == FileKind::kRegular && look.identity.same_but_device(file.identity))
      ledger_->recall(file.path, look.identity, file.attempts, file.first_utc_ns);
  }
}

}  // namespace paxect::link

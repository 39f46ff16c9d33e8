#include "commands/backlog.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "base/relay_paths.h"
#include "stages/gate.h"
#include "stages/intake.h"

namespace paxect::link {
namespace {

// Sorts each file that the intake finds.
class Counter {
 public:
  Counter(const Station& station, const Directory& inbox, const JournalContents& journal,
          const std::optional<RelayState>& state, Backlog* out)
      : station_(station),
        inbox_(inbox),
        journal_(journal),
        place_(inbox_place(station, journal)),
        out_(*out) {
    if (state)
      for (const WaitingFile& file : state->waiting) waiting_[file.path] = &file;
  }

  FileState classify(const Candidate& candidate) {
    const std::string path = candidate.path();
    const SourceRecord* done = journal_.done.find(place_, path);
    if (done != nullptr && match_source(done->identity, candidate.identity) != SourceMatch::kOther) {
      ++out_.kept;
      return FileState::kDone;
    }
    const SourceRecord* held = journal_.held.find(place_, path);
    if (held != nullptr && match_source(held->identity, candidate.identity) != SourceMatch::kOther) {
      ++out_.held;
      return FileState::kBlocked;
    }
    // A sidecar is no file of its own beside its container.
    if (is_sidecar(candidate.name) && exists(container_of_sidecar(path))) return FileState::kAttached;
    auto known = waiting_.find(path);
    bool is_known = known != waiting_.end() && known->second->identity.same_but_device(candidate.identity);
    if (is_known && known->second->event == "held") {
      ++out_.held;
      return FileState::kBlocked;
    }
    if ((is_known && known->second->blocked) ||
        !block_reason(station_.policy, station_.config.mode, station_.config.node, candidate.name,
                      candidate.identity.size)
             .empty()) {
      ++out_.blocked;
      return FileState::kBlocked;
    }
    if (is_known) ++out_.pending;
    out_.oldest_mtime_ns = out_.files == 0 ? candidate.identity.mtime_ns
                                           : std::min(out_.oldest_mtime_ns, candidate.identity.mtime_ns);
    ++out_.files;
    out_.bytes += candidate.identity.size;
    return is_known ? FileState::kPending : FileState::kSettling;
  }

 private:
  bool exists(const std::string& path) const {
    FileIdentity ignored;
    return identity_of(inbox_.path_of(path), &ignored);
  }

  const Station& station_;
  const Directory& inbox_;
  const JournalContents& journal_;
  const std::string place_;
  Backlog& out_;
  std::unordered_map<std::string_view, const WaitingFile*> waiting_;
};

}  // namespace

Status measure_backlog(const Station& station, const JournalContents& journal,
                       const std::optional<RelayState>& state, Backlog* out) {
  *out = {};
  for (const Intent& intent : journal.intents)
    if (is_in_flight(station, intent)) ++out->in_flight;
  if (FileIdentity ignored; !identity_of(station.config.inbox, &ignored)) return Status::success();
  Directory inbox;
  if (Status status = Directory::open(station.config.inbox, &inbox); !status.ok()) return status;
  Counter counter(station, inbox, journal, state, out);
  // The intake hands a file out at the second observation; here the two follow each other at once.
  Ledger ledger({});
  Intake intake({.settle_ns = 0,
                 .recursive = station.config.recursive,
                 .ignored = [&](std::string_view name) { return station.config.ignore.matches(name); }},
                &ledger);
  auto classify = [&](const Candidate& candidate) { return counter.classify(candidate); };
  auto unexpected = [&](const std::string&, const std::string&, const std::string&) { ++out->ignored; };
  Status status = intake.scan(inbox, 1, classify, unexpected);
  return status.ok() ? intake.scan(inbox, 2, classify, unexpected) : status;
}

std::string inbox_place(const Station& station, const JournalContents& journal) {
  const KnownPlace* place = current_place(journal.places, "inbox", station.config.inbox);
  return place == nullptr ? "" : place->token;
}

bool is_in_flight(const Station& station, const Intent& intent) {
  if (intent.finished) return false;
  const std::string& base = intent.into_inbox ? station.config.inbox : station.config.outbox;
  FileIdentity ignored;
  return identity_of(join(base, join(intent.folder, intent.temporary)), &ignored);
}

}  // namespace paxect::link

// What a receiver notices by the clock: entries and senders that are late.
#include <algorithm>
#include <cstdlib>
#include <set>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "records/range_sets.h"
#include "records/stream_state.h"
#include "records/write_off.h"
#include "relay/receiver.h"

namespace paxect::link {
namespace {

// By how much the clock must have been set to be followed, and after how long a pause it is not taken for
// granted.
constexpr std::int64_t kClockStep = 10;
constexpr std::int64_t kLongPause = 30 * 86'400;

std::string list_name(const ReceivedStream& stream, std::uint64_t number) {
  return "list " + std::to_string(number) + " of " + stream.address.node;
}

}  // namespace

Status Receiver::follow_clock(std::uint64_t now_ns) {
  const std::int64_t now_s = parts_.host.realtime_s();
  const bool is_first = clock_ns_ == 0;
  const std::int64_t newest = is_first ? parts_.journal.received().newest_time() : 0;
  if (is_first && newest > 0 && now_s - newest > kLongPause)
    parts_.reporter.log({.level = Level::kWarn,
                         .name = "clock",
                         .status = "ok",
                         .message = "by the clock of this machine the last list was verified " +
                                    std::to_string((now_s - newest) / 86'400) +
                                    " days ago: what it names counts as late",
                         .advice = "if that is not so, set the clock and restart the relay"});
  // A list from the future was verified by a clock that was set back since.
  const std::int64_t expected =
      is_first ? std::max(now_s, newest)
               : clock_utc_s_ + static_cast<std::int64_t>((now_ns - clock_ns_) / kSecond);
  const std::int64_t step = now_s - expected;
  if (is_first || std::abs(step) >= kClockStep) {
    if (std::abs(step) >= kClockStep && !parts_.journal.received().empty()) {
      if (Status status = parts_.journal.note_received(ReceivedStreams::shift_record(step), true);
          !status.ok())
        return status;
      parts_.reporter.log({.level = Level::kWarn,
                           .name = "clock",
                           .status = "ok",
                           .message = "the clock of this machine was set " +
                                      std::string(step > 0 ? "forward" : "back") + " by " +
                                      std::to_string(std::abs(step)) +
                                      " s: what is listed is late by how long it has been listed"});
    }
    clock_utc_s_ = now_s;
    clock_ns_ = now_ns;
  }
  return Status::success();
}

// Whether more lists are to be expected.
bool Receiver::is_live(const ReceivedStream& stream) const {
  return !stream.address.node.empty() &&
         state_of(parts_.journal.received(), stream, keys_) == StreamState::kLive;
}

// What is held is here, and nobody has read it: a receipt must not call it missing. By its name, which is all
// that is known of it.
void Receiver::note_held() {
  std::set<std::string> held;
  for (const Wait& wait : parts_.ledger.waits())
    if (wait.state == FileState::kHeld) held.insert(wait.file->first);
  if (held.empty()) return;
  std::string records;
  const auto& all = parts_.journal.received().streams();
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const auto& [number, entry] : all[i].entries)
      if (entry.intent == 0 && entry.reason.empty() && held.contains(entry.name))
        records += ReceivedStreams::refuse_record({i, number}, "held");
  if (!records.empty()) std::ignore = parts_.journal.note_received(records);
}

void Receiver::watch(std::uint64_t now_ns) {
  if (!is_on()) return;
  parts_.reporter.report_problem("clock", follow_clock(now_ns).message);
  if (has_scanned_) take_write_offs();
  const auto& all = parts_.journal.received().streams();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].address.node.empty()) continue;
    auto [found, is_first] = watched_.try_emplace(i);
    Watch& watch = found->second;
    // What was reported of it before its first list came.
    if (is_first)
      if (const auto unseen = watched_unseen_.extract({all[i].address.node, all[i].address.stream}))
        watch = unseen.mapped();
    if (is_first || watch.list != all[i].last_list()) {
      watch.list = all[i].last_list();
      watch.heard_ns = now_ns;
      watch.is_silent = false;
    }
    watch_silence(all[i], now_ns, &watch);
    watch_missing(all[i], now_ns, &watch);
  }
  watch_unseen(now_ns);
}

// What the operator gives up. The log has the reason before the journal knows of it, and the request goes
// last: a crash repeats both. While the journal cannot be written the log has the line once.
void Receiver::take_write_offs() {
  std::vector<WriteOff> wanted;
  Status status = link::take_write_offs(parts_.config.state, &wanted);
  for (const WriteOff& each : wanted)
    if (status.ok()) status = write_off(each);
  if (status.ok()) status = finish_write_offs(parts_.config.state);
  if (status.ok()) logged_.clear();
  parts_.reporter.report_problem("write_off", status.message);
}

// Of what the request names, what is awaited still.
Status Receiver::write_off(const WriteOff& wanted) {
  const ReceivedStreams& received = parts_.journal.received();
  const auto index = received.find(wanted.address);
  if (!index) return write_off_unseen(wanted);
  const ReceivedStream& stream = received.streams()[*index];
  const Awaited found =
      awaited_of(received, stream, parts_.host.realtime_s(), late_with_grace(parts_.config));
  const EntryRanges entries = not_here(stream, common_of(found.entries, wanted.entries));
  const std::uint64_t last = std::min(found.last_list, wanted.last_list);
  const std::uint64_t before = found.last_list - found.lists;
  const std::uint64_t lists = last > before ? last - before : 0;
  if (entries.empty() && lists == 0) return Status::success();
  Status status = log_write_off(wanted, size_of(entries), lists);
  if (status.ok())
    status = parts_.journal.note_received(
        ReceivedStreams::write_off_records(*index, entries, lists > 0 ? last : 0), true);
  if (status.ok()) watched_[*index].missing = watched_[*index].lists_missing = 0;
  return status;
}

// The lists of a stream of which none has come yet.
Status Receiver::write_off_unseen(const WriteOff& wanted) {
  const std::vector<UnseenStream> all = unseen_streams(parts_.journal.received());
  const auto found = std::find_if(all.begin(), all.end(), [&](const UnseenStream& each) {
    return each.node == wanted.address.node && each.stream == wanted.address.stream;
  });
  if (found == all.end()) return Status::success();
  const std::uint64_t last = std::min(found->last_list, wanted.last_list);
  const std::uint64_t before = found->last_list - found->lists;
  if (last <= before) return Status::success();
  Status status = log_write_off(wanted, 0, last - before);
  if (status.ok())
    status = parts_.journal.note_received(
        ReceivedStreams::unseen_off_record(found->node, found->stream, last), true);
  if (status.ok()) watched_unseen_.erase({found->node, found->stream});
  return status;
}

// Durable, so that the reason is not lost where the journal has the rest.
Status Receiver::log_write_off(const WriteOff& wanted, std::uint64_t count, std::uint64_t lists) {
  if (std::find(logged_.begin(), logged_.end(), wanted) == logged_.end()) {
    logged_.push_back(wanted);
    parts_.reporter.log({.level = Level::kWarn,
                         .name = "written_off",
                         .source = parts_.inbox.root().path_of(kProofFolder),
                         .status = "ok",
                         .message = std::to_string(count) + " containers and " + std::to_string(lists) +
                                    " lists of " + wanted.address.node +
                                    " are not waited for any more: " + wanted.reason,
                         .numbers = {{"count", count}, {"lists", lists}},
                         .texts = {{"sender", wanted.address.node}, {"stream", wanted.address.stream}}});
  }
  return parts_.reporter.flush();
}

// Without those whose containers lie in the inbox: what came while no relay ran is not missing. By its name,
// which is all that is known of it.
EntryRanges Receiver::not_here(const ReceivedStream& stream, const EntryRanges& entries) const {
  EntryRanges here;
  for (const auto& [first, last] : entries)
    for (auto entry = stream.entries.lower_bound(first);
         entry != stream.entries.end() && entry->first <= last; ++entry)
      if (entry->second.reason.empty() && entry->second.list <= stream.counts_through &&
          parts_.inbox.root().stat_of(entry->second.name).kind != FileKind::kMissing)
        add_range(&here, entry->first, entry->first);
  return without(entries, here);
}

void Receiver::watch_silence(const ReceivedStream& stream, std::uint64_t now_ns, Watch* watch) {
  const std::uint64_t patience = (stream.within + parts_.config.late_after) * kSecond;
  if (watch->is_silent || !is_live(stream) || now_ns - watch->heard_ns <= patience) return;
  watch->is_silent = true;
  parts_.reporter.log({.level = Level::kWarn,
                       .name = "silent",
                       .source = parts_.inbox.root().path_of(kProofFolder),
                       .status = "pending",
                       .message = "no list of " + stream.address.node + " after " +
                                  list_name(stream, watch->list) + ", which promised one within " +
                                  std::to_string(stream.within) + " s",
                       .texts = {{"sender", stream.address.node}},
                       .advice = "find out whether the sender runs and its files get here"});
}

// Those that are missing at the end of a stream, once they are late: the last lists of one and the first list
// of the next may come in any order.
std::uint64_t Receiver::late_lists(std::uint64_t lists, std::uint64_t now_ns, Watch* watch) const {
  if (lists == 0) watch->ended_ns = 0;
  if (lists > 0 && watch->ended_ns == 0) watch->ended_ns = now_ns;
  const std::uint64_t late = static_cast<std::uint64_t>(late_with_grace(parts_.config)) * kSecond;
  return now_ns - watch->ended_ns < late ? 0 : lists;
}

void Receiver::report_missing(Level level, const char* event, const std::string& sender,
                              const std::string& message, const char* advice) {
  parts_.reporter.log({.level = level,
                       .name = event,
                       .source = parts_.inbox.root().path_of(kProofFolder),
                       .status = level == Level::kWarn ? "pending" : "ok",
                       .message = message,
                       .texts = {{"sender", sender}},
                       .advice = advice});
}

void Receiver::watch_missing(const ReceivedStream& stream, std::uint64_t now_ns, Watch* watch) {
  // A container that has just come is not worth a line.
  const std::int64_t late = late_with_grace(parts_.config);
  std::uint64_t missing = 0;
  std::uint64_t first = 0;
  for (const OutcomeRange& range : stream.outcomes(parts_.host.realtime_s(), late)) {
    if (range.outcome != Outcome::kMissing) continue;
    missing += range.last - range.first + 1;
    if (first == 0) first = range.first;
  }
  const std::uint64_t lists = late_lists(parts_.journal.received().lists_missing(stream), now_ns, watch);
  const std::string& node = stream.address.node;
  if (missing > watch->missing)
    report_missing(Level::kWarn, "missing", node,
                   std::to_string(missing) + " containers of " + node + " are missing, the first is entry " +
                       std::to_string(first),
                   "`paxect link missing` lists them");
  if (lists > watch->lists_missing)
    report_missing(Level::kWarn, "missing", node,
                   std::to_string(lists) + " lists of " + node + " are missing after " +
                       list_name(stream, std::min(stream.last_list(), stream.counts_through)) +
                       ", and so is what they name: another stream continues this one",
                   "`paxect link missing --request FILE` asks for them");
  if (missing + lists == 0 && watch->missing + watch->lists_missing > 0)
    report_missing(Level::kInfo, "complete", node, "no container of " + node + " is missing any more", "");
  watch->missing = missing;
  watch->lists_missing = lists;
}

void Receiver::watch_unseen(std::uint64_t now_ns) {
  for (const UnseenStream& each : unseen_streams(parts_.journal.received())) {
    Watch& watch = watched_unseen_[{each.node, each.stream}];
    const std::uint64_t lists = late_lists(each.lists, now_ns, &watch);
    if (lists > watch.lists_missing)
      report_missing(Level::kWarn, "missing", each.node,
                     std::to_string(lists) + " lists of " + each.node +
                         " are missing, and so is what they name: no list of its stream " + each.stream +
                         " came, and another stream continues it",
                     "`paxect link missing --request FILE` asks for them");
    watch.lists_missing = lists;
  }
}

Receiver::Counts Receiver::count() const {
  Counts counts;
  if (!is_on()) return counts;
  const std::int64_t now = parts_.host.realtime_s();
  for (const ReceivedStream& stream : parts_.journal.received().streams()) {
    for (const OutcomeRange& range :
         stream.outcomes(now, static_cast<std::int64_t>(parts_.config.late_after))) {
      const std::uint64_t size = range.last - range.first + 1;
      if (range.outcome == Outcome::kExpected) counts.expected += size;
      if (range.outcome == Outcome::kMissing) counts.missing += size;
    }
    counts.missing += parts_.journal.received().lists_missing(stream);
    if (stream.is_forked) ++counts.forked;
  }
  for (const UnseenStream& each : unseen_streams(parts_.journal.received())) counts.missing += each.lists;
  for (const auto& [path, file] : unlisted_.files())
    if (file.why.event != "foreign") ++(file.why.event == "replayed" ? counts.replayed : counts.unlisted);
  for (const auto& [file, seen] : seen_)
    if (seen.by_lists && !seen.reported.empty()) ++counts.jumped;
  for (const auto& [index, watch] : watched_)
    if (watch.is_silent) ++counts.silent;
  return counts;
}

}  // namespace paxect::link

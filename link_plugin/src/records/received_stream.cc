#include "records/received_stream.h"

#include <algorithm>

#include "records/stream_state.h"

namespace paxect::link {
namespace {

// Appends one entry to ranges of which each covers successive entries.
void append(std::vector<OutcomeRange>* ranges, OutcomeRange next) {
  if (!ranges->empty()) {
    OutcomeRange& last = ranges->back();
    if (last.outcome == next.outcome && last.reason == next.reason) {
      last.last = next.last;
      return;
    }
  }
  ranges->push_back(std::move(next));
}

// The ranges with what the operator has given up as refused for that reason.
std::vector<OutcomeRange> without(const std::vector<OutcomeRange>& ranges, const EntryRanges& written_off) {
  std::vector<OutcomeRange> all;
  for (const OutcomeRange& range : ranges) {
    std::uint64_t next = range.first;
    const auto add = [&](std::uint64_t last, Outcome outcome, const std::string& reason) {
      if (last < next) return;
      append(&all, {.outcome = outcome, .first = next, .last = last, .reason = reason});
      next = last + 1;
    };
    auto off = written_off.upper_bound(range.first);
    if (off != written_off.begin()) --off;
    const bool is_due = range.outcome == Outcome::kMissing ||
                        (range.outcome == Outcome::kRefused && range.reason != kForOthers);
    for (; is_due && off != written_off.end() && off->first <= range.last; ++off) {
      if (off->second < next) continue;
      add(std::max(off->first, next) - 1, range.outcome, range.reason);
      add(std::min(off->second, range.last), Outcome::kRefused, kWrittenOff);
    }
    add(range.last, range.outcome, range.reason);
  }
  return all;
}

OutcomeRange outcome_of(std::uint64_t number, const ReceivedEntry& entry, std::uint64_t counts_through,
                        std::int64_t now, std::int64_t late_after) {
  OutcomeRange range{.first = number, .last = number};
  if (entry.intent == 0 && entry.list > counts_through) {
    range.outcome = Outcome::kRefused;
    range.reason = kKeyRetired;
  } else if (entry.intent == 0 && !entry.reason.empty()) {
    range.outcome = Outcome::kRefused;
    range.reason = entry.reason;
  } else if (entry.intent == 0 && now - entry.since >= late_after) {
    range.outcome = Outcome::kMissing;
  }
  return range;
}

}  // namespace

std::vector<std::pair<std::uint64_t, std::uint64_t>> ReceivedStream::gaps() const {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> found;
  std::uint64_t next = 1;
  for (const ListRun& run : runs) {
    if (run.first_entry > next) found.emplace_back(next, run.first_entry - 1);
    next = run.next_entry;
  }
  return found;
}

std::uint64_t ReceivedStream::first_retired_entry() const { return first_entry_after(*this, counts_through); }

// Also where a damaged journal has lost records: a number that nothing is known of is missing, and where two
// records are about one number a delivery wins.
std::vector<OutcomeRange> ReceivedStream::outcomes(std::int64_t now, std::int64_t late_after) const {
  std::vector<OutcomeRange> all;
  for (const auto& [first, last] : gone)
    all.push_back({.outcome = Outcome::kDelivered, .first = first, .last = last});
  for (const auto& [first, last] : others)
    all.push_back({.outcome = Outcome::kRefused, .first = first, .last = last, .reason = kForOthers});
  for (const auto& [number, entry] : entries)
    all.push_back(outcome_of(number, entry, counts_through, now, late_after));
  std::stable_sort(all.begin(), all.end(), [](const OutcomeRange& one, const OutcomeRange& other) {
    return one.first < other.first;
  });
  std::vector<OutcomeRange> joined;
  std::uint64_t next = 1;
  const std::uint64_t first_retired = first_retired_entry();
  const auto fill = [&](std::uint64_t end) {
    const std::uint64_t middle = std::clamp(first_retired, next, std::max(next, end));
    if (next < middle) append(&joined, {.outcome = Outcome::kMissing, .first = next, .last = middle - 1});
    if (middle < end)
      append(&joined,
             {.outcome = Outcome::kRefused, .first = middle, .last = end - 1, .reason = kKeyRetired});
    next = std::max(next, end);
  };
  for (OutcomeRange& range : all) {
    if (range.last < next) continue;
    fill(range.first);
    range.first = next;
    next = range.last + 1;
    append(&joined, std::move(range));
  }
  fill(next_entry());
  return written_off.empty() ? joined : without(joined, written_off);
}

bool ReceivedStream::knows(std::uint64_t number) const {
  if (entries.contains(number)) return true;
  for (const auto* ranges : {&gone, &others}) {
    const auto after = ranges->upper_bound(number);
    if (after != ranges->begin() && std::prev(after)->second >= number) return true;
  }
  return false;
}

bool ReceivedStream::is_listed(std::uint64_t number) const {
  return std::any_of(runs.begin(), runs.end(), [&](const ListRun& run) {
    return run.first_entry <= number && number < run.next_entry;
  });
}

bool ReceivedStream::is_in_run(std::uint64_t number) const {
  return std::any_of(runs.begin(), runs.end(),
                     [&](const ListRun& run) { return run.first_list <= number && number <= run.last_list; });
}

bool ReceivedStream::has(std::uint64_t number, const std::string& digest) const {
  const auto text = known.find(number);
  return text != known.end() && text->second == digest && is_in_run(number);
}

bool ReceivedStream::is_beyond(std::uint64_t number) const {
  return !known.contains(number) && is_in_run(number);
}

bool ReceivedStream::is_whole() const {
  std::uint64_t unknown = 0;
  for (const ListRun& run : runs) {
    unknown += run.next_entry - run.first_entry;
    unknown -= static_cast<std::uint64_t>(
        std::distance(entries.lower_bound(run.first_entry), entries.lower_bound(run.next_entry)));
    for (const auto* ranges : {&gone, &others})
      for (const auto& [first, last] : *ranges) {
        const std::uint64_t begin = std::max(first, run.first_entry);
        const std::uint64_t end = std::min(last + 1, run.next_entry);
        if (begin < end) unknown -= end - begin;
      }
  }
  return unknown == 0;
}

}  // namespace paxect::link

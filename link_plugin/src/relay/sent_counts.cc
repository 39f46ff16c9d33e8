#include "relay/sent_counts.h"

#include <algorithm>

#include "records/range_sets.h"
#include "records/received_stream.h"

namespace paxect::link {
namespace {

using Range = EntryRange;

// Ascending, and none touches another.
std::vector<Range> joined(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<Range> all;
  for (const Range& each : ranges) {
    if (all.empty() || each.first > all.back().second + 1)
      all.push_back(each);
    else
      all.back().second = std::max(all.back().second, each.second);
  }
  return all;
}

// The entries below `end` that are in none of them.
std::vector<Range> others(const std::vector<Range>& ranges, std::uint64_t end) {
  std::vector<Range> all;
  std::uint64_t next = 1;
  for (const Range& each : ranges) {
    if (next >= end) break;
    if (each.first > next) all.emplace_back(next, std::min(each.first, end) - 1);
    next = std::max(next, each.second + 1);
  }
  if (next < end) all.emplace_back(next, end - 1);
  return all;
}

void count_reported(const EntryRanges& over, const Receipt& receipt, SentCounts* counts) {
  for (const OutcomeRange& range : receipt.outcomes) {
    if (range.outcome == Outcome::kMissing) counts->missing += count_open(over, range);
    if (range.outcome == Outcome::kRefused && !is_over(range.reason))
      counts->refused += count_open(over, range);
  }
}

// Entries up to `last` of a stream that not every receiver has.
std::vector<Range> open_entries(const SentStream& sent, const std::string& stream, std::uint64_t last,
                                const PeerReceipts& receipts, const LinkConfig& config) {
  std::vector<Range> open;
  for (const std::string& node : config.to)
    for (const Range& each : others(said_by(node, stream, sent, receipts).settled, last + 1))
      open.push_back(each);
  return joined(std::move(open));
}

// Entries up to `last` of the present stream that one of the receivers has said nothing of.
EntryRanges unreported(const SentStream& sent, std::uint64_t last, const PeerReceipts& receipts,
                       const LinkConfig& config) {
  EntryRanges all;
  for (const std::string& node : config.to) {
    Said said = said_by(node, sent.name, sent, receipts);
    said.reported.insert(said.reported.end(), said.settled.begin(), said.settled.end());
    for (const Range& each : others(joined(std::move(said.reported)), last + 1))
      add_range(&all, each.first, each.second);
  }
  return all;
}

void note_oldest(std::int64_t made, SentCounts* counts) {
  counts->oldest = counts->oldest == 0 ? made : std::min(counts->oldest, made);
}

}  // namespace

std::uint64_t size_of(const std::vector<EntryRange>& ranges) {
  std::uint64_t size = 0;
  for (const EntryRange& each : ranges) size += each.second - each.first + 1;
  return size;
}

EntryRanges over_here(const SentStream& sent, const std::string& stream) {
  EntryRanges over = sent.replaced(stream);
  for (const auto& [first, last] : sent.forgone(stream)) add_range(&over, first, last);
  return over;
}

std::uint64_t count_open(const EntryRanges& over, const OutcomeRange& range) {
  return range.last - range.first + 1 - count_in(over, range.first, range.last);
}

EntryRanges without_source(const SentStream& sent, const std::string& stream, const PeerReceipts& receipts,
                           const LinkConfig& config, const IsGone& is_gone, std::uint64_t* kept) {
  *kept = 0;
  const auto ended = sent.ended().find(stream);
  const std::uint64_t last = stream == sent.name           ? sent.next_entry - 1
                             : ended == sent.ended().end() ? 0
                                                           : ended->second.entries;
  EntryRanges found;
  for (const auto& [first, end] : open_entries(sent, stream, last, receipts, config)) {
    std::uint64_t next = first;
    for (auto source = sent.kept().lower_bound({stream, first});
         source != sent.kept().end() && source->first.first == stream && source->first.second <= end;
         ++source) {
      if (is_gone(source->second.entry)) continue;
      ++*kept;
      if (next < source->first.second) add_range(&found, next, source->first.second - 1);
      next = source->first.second + 1;
    }
    if (next <= end) add_range(&found, next, end);
  }
  return stream == sent.name ? without(found, unreported(sent, last, receipts, config)) : found;
}

Said said_by(const std::string& node, const std::string& stream, const SentStream& sent,
             const PeerReceipts& receipts) {
  Said said;
  std::vector<Range> delivered;
  std::vector<Range> settled;
  for (const EntryRanges* over : {&sent.replaced(stream), &sent.forgone(stream)})
    settled.insert(settled.end(), over->begin(), over->end());
  for (const auto& [key, found] : receipts.newest()) {
    if (std::get<0>(key) != node || std::get<2>(key) != stream) continue;
    if (said.newest == nullptr || found.receipt.head.made > said.newest->receipt.head.made)
      said.newest = &found;
    for (const OutcomeRange& range : found.receipt.outcomes) {
      if (range.outcome == Outcome::kDelivered) delivered.emplace_back(range.first, range.last);
      if (range.outcome == Outcome::kDelivered || is_over(range.reason))
        settled.emplace_back(range.first, range.last);
    }
  }
  if (said.newest != nullptr)
    for (const OutcomeRange& range : said.newest->receipt.outcomes)
      if (range.outcome == Outcome::kMissing || range.outcome == Outcome::kRefused)
        said.reported.emplace_back(range.first, range.last);
  said.delivered = joined(std::move(delivered));
  said.settled = joined(std::move(settled));
  return said;
}

bool expects_receipts(const LinkConfig& config) {
  return config.mode == Mode::kSend && !config.to.empty() &&
         (!config.receipts_in.empty() || config.keep == Keep::kReceipt);
}

SentCounts count_sent(const SentStream& stream, const PeerReceipts& receipts, const LinkConfig& config) {
  SentCounts counts{
      .lists = stream.next - 1, .entries = stream.next_entry - 1, .unlisted = stream.unlisted().size()};
  if (!expects_receipts(config)) return counts;
  bool has_all = true;
  const EntryRanges over = over_here(stream, stream.name);
  for (const std::string& node : config.to) {
    const FoundReceipt* newest = said_by(node, stream.name, stream, receipts).newest;
    has_all = has_all && newest != nullptr;
    if (newest == nullptr) continue;
    count_reported(over, newest->receipt, &counts);
    const std::int64_t made = newest->receipt.head.made;
    counts.receipt_made = counts.receipt_made == 0 ? made : std::min(counts.receipt_made, made);
  }
  if (!has_all) counts.receipt_made = 0;
  const std::vector<Range> open = open_entries(stream, stream.name, counts.entries, receipts, config);
  counts.unreceipted = size_of(open);
  counts.confirmed_through = open.empty() ? counts.entries : open.front().first - 1;
  if (!open.empty()) counts.oldest = stream.made_of(open.front().first);
  for (const auto& [name, ended] : stream.ended()) {
    const std::uint64_t size = size_of(open_entries(stream, name, ended.entries, receipts, config));
    counts.unreceipted += size;
    if (size > 0)
      note_oldest(ended.made, &counts);
    else
      counts.settled.push_back(name);
  }
  if (config.keep != Keep::kReceipt) return counts;
  for (const auto& [number, source] : stream.kept()) {
    if (number.first == stream.name) continue;
    if (!stream.ended().contains(number.first)) ++counts.unreceipted;
    note_oldest(source.made, &counts);
  }
  return counts;
}

}  // namespace paxect::link

#include "relay/sent_counts.h"

#include <algorithm>

namespace paxect::link {
namespace {

using Range = std::pair<std::uint64_t, std::uint64_t>;  // first and last entry

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

// What one receiver says of a stream.
struct Said {
  std::vector<Range> delivered = {};  // by any of its receipts
  const Receipt* newest = nullptr;
};

Said said_by(const std::string& node, const std::string& stream, const PeerReceipts& receipts) {
  Said said;
  std::vector<Range> delivered;
  for (const auto& [key, found] : receipts.newest()) {
    if (std::get<0>(key) != node || std::get<2>(key) != stream) continue;
    const Receipt& receipt = found.receipt;
    if (said.newest == nullptr || receipt.head.made > said.newest->head.made) said.newest = &receipt;
    for (const OutcomeRange& range : receipt.outcomes)
      if (range.outcome == Outcome::kDelivered) delivered.emplace_back(range.first, range.last);
  }
  said.delivered = joined(std::move(delivered));
  return said;
}

void count_reported(const Receipt& receipt, SentCounts* counts) {
  for (const OutcomeRange& range : receipt.outcomes) {
    const std::uint64_t size = range.last - range.first + 1;
    if (range.outcome == Outcome::kMissing) counts->missing += size;
    if (range.outcome == Outcome::kRefused) counts->refused += size;
  }
}

}  // namespace

bool expects_receipts(const LinkConfig& config) {
  return config.mode == Mode::kSend && !config.to.empty() &&
         (!config.receipts_in.empty() || config.keep == Keep::kReceipt);
}

SentCounts count_sent(const SentStream& stream, const PeerReceipts& receipts, const LinkConfig& config) {
  SentCounts counts{
      .lists = stream.next - 1, .entries = stream.next_entry - 1, .unlisted = stream.unlisted().size()};
  if (!expects_receipts(config)) return counts;
  std::vector<Range> open;  // of any of them
  bool has_all = true;
  for (const std::string& node : config.to) {
    const Said said = said_by(node, stream.name, receipts);
    for (const Range& each : others(said.delivered, stream.next_entry)) open.push_back(each);
    has_all = has_all && said.newest != nullptr;
    if (said.newest == nullptr) continue;
    count_reported(*said.newest, &counts);
    const std::int64_t made = said.newest->head.made;
    counts.receipt_made = counts.receipt_made == 0 ? made : std::min(counts.receipt_made, made);
  }
  if (!has_all) counts.receipt_made = 0;
  open = joined(std::move(open));
  for (const Range& each : open) counts.unreceipted += each.second - each.first + 1;
  counts.confirmed_through = open.empty() ? counts.entries : open.front().first - 1;
  if (!open.empty()) counts.oldest = stream.made_of(open.front().first);
  if (config.keep != Keep::kReceipt) return counts;
  for (const auto& [number, source] : stream.kept()) {
    if (number.first == stream.name) continue;
    ++counts.unreceipted;
    counts.oldest = counts.oldest == 0 ? source.made : std::min(counts.oldest, source.made);
  }
  return counts;
}

}  // namespace paxect::link

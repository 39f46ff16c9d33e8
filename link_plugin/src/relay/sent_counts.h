// What of what a sender listed its receivers have confirmed, in numbers: for metrics and `status`.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "records/sent_stream.h"
#include "relay/kept_files.h"
#include "settings/link_config.h"
#include "stages/peer_receipts.h"

namespace paxect::link {

struct SentCounts {
  std::uint64_t lists = 0;    // of the present stream
  std::uint64_t entries = 0;  // of it
  std::uint64_t unlisted = 0;
  // Entries that not every receiver has said it delivered, and when the first of them was listed, in seconds
  // of UTC; also those of streams before. 0 where no receipts are expected.
  std::uint64_t unreceipted = 0;
  std::int64_t oldest = 0;
  // Entries before which there is none of these, in the present stream.
  std::uint64_t confirmed_through = 0;
  // Streams before of which every receiver has all.
  std::vector<std::string> settled = {};
  // When the newest receipt was made, of the receiver whose newest one is the oldest; 0 while one has none.
  std::int64_t receipt_made = 0;
  // Entries that the newest receipts call missing or refused.
  std::uint64_t missing = 0;
  std::uint64_t refused = 0;
};

using EntryRange = std::pair<std::uint64_t, std::uint64_t>;  // first and last entry

// What one receiver says of a stream.
struct Said {
  // By any of its receipts; ascending, and none touches another.
  std::vector<EntryRange> delivered = {};
  // These, those of lists that are for other nodes, and those that the receiver, or this node, has given up,
  // or whose containers got other entries.
  std::vector<EntryRange> settled = {};
  // What the newest one calls missing or refused.
  std::vector<EntryRange> reported = {};
  const FoundReceipt* newest = nullptr;
};
// How many entries they have.
std::uint64_t size_of(const std::vector<EntryRange>& ranges);
Said said_by(const std::string& node, const std::string& stream, const SentStream& sent,
             const PeerReceipts& receipts);
// What of the stream is replaced or given up here.
EntryRanges over_here(const SentStream& sent, const std::string& stream);
// How many entries of the range are not in them.
std::uint64_t count_open(const EntryRanges& over, const OutcomeRange& range);
// Entries of the stream that not every receiver has, and whose sources are gone: all that the operator can do
// is to give them up. Of the present stream those alone that each such receiver calls missing or refused:
// others may be on their way. `*kept` receives how many there are whose sources are kept; one that is gone
// from the inbox is not.
EntryRanges without_source(const SentStream& sent, const std::string& stream, const PeerReceipts& receipts,
                           const LinkConfig& config, const IsGone& is_gone, std::uint64_t* kept);

// Receipts are expected where receivers are named, and receipts can come or sources are kept for them.
bool expects_receipts(const LinkConfig& config);
SentCounts count_sent(const SentStream& stream, const PeerReceipts& receipts, const LinkConfig& config);

}  // namespace paxect::link

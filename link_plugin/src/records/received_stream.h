// One stream of lists of a sender, as a receiver knows it: which lists it has verified, what became of each
// entry, and what it has said of them. Nothing here changes it: ReceivedStreams does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proof/list.h"
#include "proof/receipt.h"
#include "records/entry_ranges.h"

namespace paxect::link {

// The reasons in a receipt of an entry whose list does not count, or is for others.
inline constexpr const char* kKeyRetired = "key_retired";
inline constexpr const char* kForOthers = "list_ignored";
// Of one that the operator has given up.
inline constexpr const char* kWrittenOff = "written_off";
// Of one whose container went to the quarantine before its list came.
inline constexpr const char* kPutAway = "quarantine";
// Whether nobody here waits for an entry that is refused for this reason.
inline bool is_not_ours(std::string_view reason) {
  return reason == kKeyRetired || reason == kForOthers || reason == kWrittenOff;
}
// Whether its sender need not wait for it either.
inline bool is_over(std::string_view reason) { return reason == kForOthers || reason == kWrittenOff; }

// Who sends it, with which key, under which name. KEY is the whole public key with its id, in hexadecimal.
struct StreamAddress {
  std::string node;
  std::string key;
  std::string stream;

  bool operator==(const StreamAddress&) const = default;
};

// An entry that is not delivered for good.
struct ReceivedEntry {
  std::uint64_t list = 0;
  std::int64_t since = 0;    // when the list was verified, in seconds of UTC
  std::uint64_t intent = 0;  // of the delivery that uses it up; 0: none
  std::string digest = {};
  std::string name = {};
  std::string reason = {};  // why its container was refused: an event of the audit log; "" when it was not
  std::optional<EarlierEntry> again = {};  // the first entry of its container, of the same node

  bool operator==(const ReceivedEntry&) const = default;
};

// Lists without a gap between them, and their entries.
struct ListRun {
  std::uint64_t first_list = 0;
  std::uint64_t last_list = 0;
  std::uint64_t first_entry = 0;
  std::uint64_t next_entry = 0;
  std::string previous = {};  // digest of the list before the first one
  std::string digest = {};    // of the last one

  bool operator==(const ListRun&) const = default;
};

// The receipts about a stream: a stream of their own.
struct OwnReceipts {
  std::string stream = {};  // "" before the first one
  std::uint64_t number = 0;
  std::string digest = {};   // of the last one that has its name
  std::string pending = {};  // the text of one that has none yet, with the number after `number`
  std::int64_t made = 0;     // when the last one got its name, in seconds of UTC
  std::string key = {};      // of ours, that signed it: its id
  // Digest of what the last one says, without number and time: the next one differs in that.
  std::string contents = {};

  bool operator==(const OwnReceipts&) const = default;
};

struct ReceivedStream {
  StreamAddress address;
  std::optional<Continued> continues = {};
  std::uint64_t within = 0;  // of the list with the highest number
  std::int64_t heard = 0;    // when it was verified, in seconds of UTC
  bool is_forked = false;
  // The last list that counts, where the key is retired: what later ones name is not delivered.
  std::uint64_t counts_through = UINT64_MAX;
  std::vector<ListRun> runs = {};                   // ascending
  std::map<std::uint64_t, std::string> known = {};  // digests of the last lists
  std::map<std::uint64_t, ReceivedEntry> entries = {};
  std::size_t name_bytes = 0;                         // of their names
  EntryRanges gone = {};                              // delivered
  std::map<std::uint64_t, std::string> spent = {};    // the last of these, with their names
  EntryRanges others = {};                            // of lists for other nodes
  std::map<std::uint64_t, std::string> foreign = {};  // digests of the last of these
  EntryRanges written_off = {};
  std::uint64_t lists_written_off = 0;  // the last one of them, of those at the end of the stream
  OwnReceipts receipts = {};

  bool operator==(const ReceivedStream&) const = default;

  std::uint64_t last_list() const { return runs.empty() ? 0 : runs.back().last_list; }
  std::uint64_t next_entry() const { return runs.empty() ? 1 : runs.back().next_entry; }
  // Numbers below next_entry() that are in no list that was verified, as ranges.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> gaps() const;
  // Whether what became of this entry is known.
  bool knows(std::uint64_t number) const;
  // Whether that list was taken with this digest. False also for one too long ago to compare.
  bool has(std::uint64_t number, const std::string& digest) const;
  // Whether it was taken so long ago that its digest is not known any more: nothing is to be learned from a
  // list with this number, and a second text of it is not recognized.
  bool is_beyond(std::uint64_t number) const;
  bool is_in_run(std::uint64_t number) const;
  // Whether a list that was taken has the entry of this number.
  bool is_listed(std::uint64_t number) const;
  // False where a damaged journal has lost entries of lists that were taken.
  bool is_whole() const;
  // The first entry of lists that do not count, as far as is known; UINT64_MAX when all of them do.
  std::uint64_t first_retired_entry() const;
  // What became of each entry from 1 on, without a hole. `late_after` in seconds: how old a list must be for
  // its entries to be late.
  std::vector<OutcomeRange> outcomes(std::int64_t now, std::int64_t late_after) const;
};

}  // namespace paxect::link

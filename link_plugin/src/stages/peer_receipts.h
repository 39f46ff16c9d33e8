// The receipts that peers made about our lists, from the folders that they come to: which entries each peer
// says it delivered, refused, or misses. (the text: PROOF.md)
//
// A receipt counts when a pinned key of its node signed it, it is for this node, and it agrees with the list
// that it names. Receipts are cumulative, so of each stream of a peer the newest is enough; an older one that
// is put back takes nothing away. Reads only. Not for two threads at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/blocks.h"
#include "base/filesystem.h"
#include "base/status.h"
#include "proof/receipt.h"
#include "records/sent_stream.h"
#include "settings/pinned_keys.h"

namespace paxect::link {

struct FoundReceipt {
  std::string path;
  std::string digest;  // SHA-256 of the text
  Receipt receipt;
};

// What to do where a receiver has signed two texts for one receipt.
inline constexpr std::string_view kForkedReceiver =
    "its state was put back from a backup, and its next receipts end this; or its machine was cloned: then "
    "stop one of the two, and give it a new key and an empty state";
// Where receipts of such texts are imported to, beside those that were here first.
std::string second_receipts_of(std::string_view state);
// All folders that receipts come to: those that are imported, which need not exist, and then the one that the
// setting names, which may be "".
std::vector<std::string> receipt_places_of(const std::string& state, const std::string& receipts_in);

// Reads one receipt for the node `us`, with its signature beside it, whatever its file is called. The failure
// says what is wrong and the remedy; kEnvironment for one that is to be read again, kChanged where either is
// not a regular file. It is compared with the lists that this node `sent`: the digest of a list covers all
// lists before. A failure with the event `other_list` is about another list of a stream than ours: `*out`
// receives that receipt.
Status read_request(const Directory& folder, const std::string& file, const std::string& us,
                    const std::vector<PinnedKey>& keys, const SentStream& sent, FoundReceipt* out);
// The same of a file NODE.STREAM.NUMBER.receipt, which agrees with its name.
Status read_receipt(const Directory& folder, const std::string& file, const std::string& us,
                    const std::vector<PinnedKey>& keys, const SentStream& sent, FoundReceipt* out);

class PeerReceipts {
 public:
  // Node, its stream, and our stream.
  using Key = std::tuple<std::string, std::string, std::string>;
  // Called for a receipt that was not there before, and for a file that does not count, once each.
  using Accepted = std::function<void(const FoundReceipt&)>;
  using Refused = std::function<void(const std::string& path, const std::string& why)>;

  // How much one call does.
  struct Limits {
    Stop stop = [] { return false; };
    std::size_t reads = SIZE_MAX;  // of signatures: those that the last calls have read do not count
  };
  // Reads what came to the folder since the last call. A folder that does not exist has none.
  Status read(const std::string& folder, const std::string& us, const std::vector<PinnedKey>& keys,
              const SentStream& sent, const Accepted& accepted, const Refused& refused, const Limits& limits);
  // Whether each call since forget() came to the end of its folder.
  bool is_complete() const { return partial_.empty(); }
  // How many files it remembers, so that none is read again as it is.
  std::size_t remembered() const;
  // Of the receipts read since the last call, by stream the highest number of a list of one that has another
  // text than ours, or that we have not made: it was ours before our state was put back.
  struct OtherList {
    std::uint64_t number = 0;
    std::int64_t made = 0;  // of the receipt
  };
  std::map<std::string, OtherList> take_other_lists() { return std::exchange(other_lists_, {}); }
  // Likewise receipts of which their peer has signed two texts, or a history that is not the one of the
  // receipt before: its state was put back, or exists twice. They count, since what either of them says was
  // delivered. One before the newest receipt is none of them: that goes on from one of the two.
  struct Fork {
    std::string path;
    std::string node;
    std::string why;
    Key of;
    std::uint64_t number = 0;
  };
  std::vector<Fork> take_forks();
  // The keys have changed: everything is read again.
  void forget() { *this = {}; }

  // The newest of each peer's stream about each stream of ours. One with another text for its number is
  // there beside it, under a name that no stream has: what either of them says was delivered was.
  const std::map<Key, FoundReceipt>& newest() const { return newest_; }
  // What the node says of this entry; delivered if any of its receipts does.
  std::optional<OutcomeRange> outcome_of(const std::string& node, const std::string& stream,
                                         std::uint64_t entry) const;

 private:
  std::map<Key, FoundReceipt> newest_;
  struct Seen {
    FileIdentity identity;
    FileIdentity signature;
    bool counts = false;
  };
  bool is_second_text(const FoundReceipt& found, const FoundReceipt& known);
  // Each receipt in the folder that may be ours to read, with a signature.
  using Numbers = std::map<std::pair<std::string, std::string>, std::vector<std::uint64_t>>;
  static Status list_numbers(const Directory& folder, const std::vector<NodeKey>& keys, Numbers* out);
  void prune(const std::string& folder, const Numbers& numbers);

  std::map<std::string, std::map<std::string, Seen>> seen_;  // by folder and name
  std::set<std::string> partial_;                            // folders that are to be read on
  std::map<std::string, OtherList> other_lists_;
  std::vector<Fork> forks_;
};

}  // namespace paxect::link

// The receipts of a receiver (PROOF.md): what became of each entry, signed, for its sender.
//
// The text of a receipt is durable in the journal before a file has its name, so that a number has one text
// for ever, whatever crash comes between. Where the journal may not know which numbers are used, another
// stream of receipts begins. Belongs to the relay's thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/tree.h"
#include "proof/receipt.h"
#include "records/journal.h"
#include "relay/reporter.h"
#include "settings/link_config.h"

namespace paxect::link {

// What a receiver says of this stream now; `number` and `previous` of its own stream.
Receipt make_receipt(const ReceivedStream& stream, const std::string& node, const std::string& own_stream,
                     std::uint64_t number, const std::string& previous, std::int64_t now,
                     std::uint64_t late_after, const LogHead& log);

class Receipts {
 public:
  struct Parts {
    const Host& host;
    const LinkConfig& config;
    Tree& inbox;
    Reporter& reporter;
    Journal& journal;
  };

  explicit Receipts(const Parts& parts) : parts_(parts) {}

  // Without a key of this node there are none.
  bool is_on() const { return parts_.config.mode == Mode::kReceive && parts_.config.sign_key.key(); }
  // What receipts of ours in the inbox, or of this relay elsewhere, say was delivered and the journal does
  // not know: it was put back from a backup. `*records` receives what it lacks, for note_received(); "" for
  // nothing. `*newest` receives the path of the newest of them.
  Status find_unknown(std::string* records, std::string* newest) const;

  // Writes those whose contents have changed. What is reported in them has to be durable: the log is flushed
  // first. With `now_or_never` also what changed a moment ago.
  void issue(std::uint64_t now_ns, bool now_or_never);
  // A sender has no receipt about this stream: where the last one is not in the folder any more, the next one
  // follows though it says the same.
  void ask_again(std::size_t stream) { asked_.insert(stream); }

 private:
  const OwnReceipts& own(std::size_t index) const {
    return parts_.journal.received().streams()[index].receipts;
  }
  Status issue_one(std::size_t index);
  bool has_last(std::size_t index, const Directory& folder) const;
  Receipt next_receipt(std::size_t index, bool goes_on) const;
  // Its text is the one of its number from then on.
  Status decide(std::size_t index, const Receipt& receipt);
  Status write(std::size_t index, const Directory& folder, bool* is_taken);
  Status read_used(const Directory& folder);
  Status find_unknown_in(const Directory& folder, bool is_own_place, std::string* records,
                         std::string* newest, std::int64_t* made) const;
  void report_stream(std::size_t index, const std::string& why) const;
  std::string folder() const;
  Status open_folder(Directory* out) const;

  Parts parts_;
  std::uint64_t due_ns_ = 0;
  std::set<std::size_t> asked_;  // streams about which a receipt is asked for again
  // The highest number of each stream of receipts that was in the folder at the first one of this process.
  std::optional<std::map<std::string, std::uint64_t>> used_ = {};
};

}  // namespace paxect::link

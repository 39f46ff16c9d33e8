// What a receiver does with the lists of its senders (PROOF.md): it verifies each new one, lets a container
// pass when an open entry names it, and notices what is missing.
//
// Uses what a relay shares, so it belongs to the relay's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/tree.h"
#include "proof/list_check.h"
#include "records/journal.h"
#include "records/ledger.h"
#include "records/write_off.h"
#include "relay/reporter.h"
#include "relay/transfer.h"
#include "relay/unlisted_files.h"
#include "settings/link_config.h"

namespace paxect::link {

// After how many seconds a listed file is missing without a doubt: one that has just come is not delivered
// yet.
inline std::int64_t late_with_grace(const LinkConfig& config) {
  return static_cast<std::int64_t>(config.late_after + config.poll_ns * 2 / 1'000'000'000) + 1;
}

class Receiver {
 public:
  struct Parts {
    const Host& host;
    const LinkConfig& config;
    Tree& inbox;
    Tree& outbox;
    Reporter& reporter;
    Ledger& ledger;
    Journal& journal;
    // Opens the folder that the product of an intent goes to.
    std::function<Status(const Intent&, std::shared_ptr<const Directory>*)> open_target;
  };

  explicit Receiver(const Parts& parts) : parts_(parts), unlisted_(parts.ledger) {}

  // Reads the pinned keys again. After a failure those from before stay in force.
  Status read_keys();
  // Off in another mode than receive, and where no key was ever pinned, unless the setting says otherwise.
  ProofMode mode() const;
  bool is_on() const { return mode() != ProofMode::kOff; }

  // Reads the lists that are new. True when a container may pass now that could not before. The work is that
  // of what has changed: the folder is read when it has changed, and a list that is verified is looked at
  // again after an event, and at long intervals.
  bool scan(std::uint64_t now_ns);
  // An event about this file in the folder of the lists. Events were lost.
  void note_event(const std::string& name);
  void note_lost_events() { full_due_ns_ = 0; }
  // When a list that could not be verified is to be read again; UINT64_MAX for none.
  std::uint64_t due_ns() const { return due_ns_; }
  // Lists that were found and could not be verified, or have to wait.
  std::size_t waiting() const { return waiting_; }

  // Before a product is prepared: the entry that names its container, reserved for its intent, and the name
  // that the entry gives it. kBlocked when no list names it, or none any more: one that names it (again) may
  // be on its way.
  Status claim(Transfer* transfer);
  // The block of a container that claim() has blocked was noted in the ledger: it waits for a list from now
  // on, unless one has come, or a delivery has given its entry back, since claim() found none.
  void note_waiting(const Transfer& transfer);
  // A container that was read and will not be delivered.
  void note_failed(const Transfer& transfer);
  // What the audit log says of a delivery that uses up an entry.
  void describe(const Intent& intent, Event* event) const;

  // Containers that waited for a list for too long.
  struct Overdue {
    Candidate source;
    Status status;
  };
  std::vector<Overdue> take_overdue(std::uint64_t now_ns);
  // Before a receipt: the entries of files that are held.
  void note_held();
  // Streams of which a list that was verified before came again since their last receipt, and since the last
  // call: whoever sent it has no receipt about it.
  std::set<std::size_t> take_repeated() { return std::exchange(repeated_, {}); }
  // Senders that are late with their next list, and entries that are.
  void watch(std::uint64_t now_ns);

  // Of the senders in total, for metrics.
  struct Counts {
    std::uint64_t expected = 0;
    std::uint64_t missing = 0;  // entries, those in lists that never came among them; and lists at the end of
                                // a stream that is over
    std::uint64_t unlisted = 0;  // containers that wait for a list, and none names them
    std::uint64_t replayed = 0;  // likewise, and the entry that names them is used up
    std::uint64_t jumped = 0;    // lists that wait because too many before them are missing
    std::uint64_t silent = 0;    // streams
    std::uint64_t forked = 0;    // streams
  };
  Counts count() const;

 private:
  // A list file as it was last read.
  struct Seen {
    FileIdentity list;
    FileIdentity signature;
    std::uint64_t since_ns = 0;
    bool is_read = false;
    bool is_retried = false;  // trouble of our own was in the way
    bool is_over = false;     // nothing is to be done while both files stay as they are
    bool by_keys = false;     // and while the keys do
    bool by_lists = false;    // and while no further list was verified
    std::string reported = {};
  };
  // The lists in the folder that are to be examined, in the order of their numbers.
  Status find_lists(const Directory& folder, std::uint64_t now_ns, std::vector<StatementName>* out);
  Status read_names(const Directory& folder);
  bool is_unchanged(const Directory& folder);
  // What is listed is late by how long it has been listed, whatever is done to the clock of the machine.
  Status follow_clock(std::uint64_t now_ns);
  Status use_keys();
  Status note_retired();
  void reopen(bool Seen::*why);
  void leave_for_next(const StatementName& name, std::uint64_t now_ns);
  void examine(const Directory& folder, const StatementName& name, std::uint64_t now_ns);
  Status read(const Directory& folder, const StatementName& name);
  Status judge(const std::string& path, const List& list, const std::string& digest, const PublicKey& key,
               bool is_ours);
  bool is_whole(const ReceivedStream& stream);
  // Whether a list of this name was verified before, whatever its text.
  bool is_known(const StatementName& name) const;
  std::optional<std::size_t> find_taken(const StatementName& name, const std::string& digest);
  void note_repeated(std::size_t stream, const FileIdentity& list);
  std::string reported_text(const Status& status) const;
  void report(const std::string& path, const Status& status);
  bool may_pass(const std::string& path, const std::string& digest, const std::string& event) const;
  bool end_waits();
  bool end_waits_of_released();
  Status rename(Transfer* transfer, const std::string& name);
  void put_away(const std::string& what);
  std::uint64_t longest_wait_ns() const;
  bool is_live(const ReceivedStream& stream) const;
  // Keys were pinned once, and their folder has none or is away; or it cannot be read.
  bool lacks_keys() const;

  Parts parts_;
  std::shared_ptr<const Directory> folder_;  // of the lists
  std::vector<NodeKey> pinned_;
  std::vector<NodeKey> keys_;  // the same, with what streams say of those that are retired
  bool has_pinned_ = false;    // any file of a key, revoked ones among them
  bool is_unreadable_ = false;
  std::map<std::string, Seen> seen_;  // lists in the folder, without those that are settled
  std::set<std::string> changed_;     // lists about which there was an event
  std::set<std::size_t> repeated_;    // streams of lists that came again
  FileIdentity listed_;               // the folder when its names were read last
  bool is_listed_late_ = false;       // it had not changed for a while then
  std::uint64_t full_due_ns_ = 0;     // when every list is looked at
  UnlistedFiles unlisted_;
  std::map<std::string, FileIdentity> early_;  // delivered without a list, by path: each is recorded once
  // Both clocks when they agreed; 0 before the first look.
  std::int64_t clock_utc_s_ = 0;
  std::uint64_t clock_ns_ = 0;
  std::uint64_t due_ns_ = UINT64_MAX;
  std::size_t waiting_ = 0;
  std::string problem_;  // of this scan: a list that has to wait
  // The first list that has to wait for room, by its file, and why when it began to: the figures in that
  // change with each delivery, and are no news.
  std::string roomless_;
  std::string roomless_why_;
  std::string names_problem_;   // since the names were read: some are not kept
  bool is_held_up_ = false;     // of this scan: what has to wait may name any container
  std::size_t reads_left_ = 0;  // in this scan
  std::size_t bytes_left_ = 0;  // of texts, likewise
  // With which the next scan begins, where the last one did not come to the end.
  std::optional<StatementName> next_ = {};
  // The last scan saw every list with the keys for it: a container that none of them names is not listed.
  bool is_complete_ = false;
  bool has_new_ = false;        // lists since the last call of scan()
  std::uint64_t released_ = 0;  // as ReceivedStreams counts them, when waits were last ended for that
  struct Watch {
    std::uint64_t list = 0;      // the last list when it was heard
    std::uint64_t heard_ns = 0;  // since then, or since the start
    bool is_silent = false;
    std::uint64_t missing = 0;        // as last reported
    std::uint64_t lists_missing = 0;  // at the end of a stream that is over, likewise
    std::uint64_t ended_ns = 0;       // since when some are; 0: none is
  };
  void watch_silence(const ReceivedStream& stream, std::uint64_t now_ns, Watch* watch);
  void take_write_offs();
  void note_scanned();
  Status write_off(const WriteOff& wanted);
  Status write_off_unseen(const WriteOff& wanted);
  Status log_write_off(const WriteOff& wanted, std::uint64_t count, std::uint64_t lists);
  EntryRanges not_here(const ReceivedStream& stream, const EntryRanges& entries) const;
  void watch_missing(const ReceivedStream& stream, std::uint64_t now_ns, Watch* watch);
  void watch_unseen(std::uint64_t now_ns);
  std::uint64_t late_lists(std::uint64_t lists, std::uint64_t now_ns, Watch* watch) const;
  void report_missing(Level level, const char* event, const std::string& sender, const std::string& message,
                      const char* advice);

  bool has_scanned_ = false;              // every list that was in the folder is read
  std::vector<WriteOff> logged_;          // that the journal does not have yet
  std::map<std::size_t, Watch> watched_;  // by stream
  // Streams of which no list came, by node and name.
  std::map<std::pair<std::string, std::string>, Watch> watched_unseen_;
  std::map<std::size_t, bool> whole_;  // likewise
};

}  // namespace paxect::link

// What a receiver knows of the streams of its senders: which lists it has verified, and what became of each
// entry. Part of the journal, so that an entry is used up by the record that decides a delivery.
//
// Entries that were delivered are kept as ranges of numbers, and the digests of the last of them, so that a
// stream takes little memory however long it is. A stream is never forgotten: its lists would open their
// entries a second time. Nothing here touches the disk. Not for two threads at a time.
//
// The records, each a line of the journal; IX numbers the streams:
//   stream IX NODE KEY STREAM CONTINUED NUMBER     a stream, before all that is about it
//   list IX NUMBER DIGEST PREVIOUS FIRST WITHIN HEARD (DIGEST NAME)...   a list that was verified; DIGEST is
//                                                  DIGEST:STREAM:ENTRY where the entry names an earlier one
//   other IX NUMBER DIGEST PREVIOUS FIRST WITHIN HEARD DIGEST...   one that is for other nodes
//   fork IX                                        two texts for one number: nothing more is delivered
//   until IX NUMBER                                its key is retired: the last list that counts
//   refuse IX ENTRY REASON                         its container was here, and is not delivered
//   receipt IX STREAM NUMBER TEXT                  a receipt about the stream, before its file has a name
//   receipted IX STREAM NUMBER DIGEST MADE KEY CONTENTS   it has, signed by our key of this id
//   gone IX (ENTRY ENTRY)...                       ranges of entries that are delivered
//   receipted_gone NODE STREAM ENTRY ENTRY         the same of a stream that is not known yet
//   early DIGEST:NAME...                           containers that were delivered before their lists (proof =
//                                                  check); NAME is a digest of the name
//   put_away WHAT                                  a container that no list had named, in the quarantine: its
//                                                  digest, or the name of a damaged one
//   written_off IX (ENTRY ENTRY)...                the operator does not wait for these any more
//   lists_off IX NUMBER                            nor for lists at the end of the stream up to this one
//   unseen_off NODE STREAM NUMBER                  nor for lists of a stream that is not known yet up to this
//   one shift SECONDS                                  the clock of the machine was set: all times move with
//   it
// and in a journal that was rewritten, in place of the lists:
//   heard IX WITHIN HEARD                          of the newest list
//   run IX LIST LIST ENTRY ENTRY PREVIOUS DIGEST   lists without a gap between them
//   known IX (LIST DIGEST)...                      the last lists
//   entry IX (ENTRY LIST SINCE INTENT DIGEST NAME REASON)...   entries that are not delivered; DIGEST as in a
//                                                  list
//   spent IX (ENTRY DIGEST:NAME)...                the last of those that are
//   others IX (ENTRY ENTRY)...                     ranges of those in lists for other nodes
//   foreign IX (ENTRY DIGEST)...                   the last of those
//   delivered_again NODE STREAM ENTRY DIGEST NAME  a container that was delivered by an entry that names this
//                                                  one, of this digest and name
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "proof/list.h"
#include "records/journal_line.h"
#include "records/received_stream.h"
#include "records/ref_index.h"

namespace paxect::link {

// A container that is listed more than once: node, stream and number of its first entry, digest and name.
using ListedContainer = std::tuple<std::string, std::string, std::uint64_t, std::string, std::string>;

class ReceivedStreams {
 public:
  enum class Verdict {
    kNew,     // and consistent with all that is known: take() it. Also one whose entries were lost by damage
    kKnown,   // the same text was taken before, or one with this number too long ago to compare
    kForked,  // another text than the one of this number, or one that contradicts its neighbours
    kJumped,  // further ahead than allowed
    kFull     // there is no room for its entries now
  };

  const std::vector<ReceivedStream>& streams() const { return streams_; }
  bool empty() const { return streams_.empty(); }
  std::optional<std::size_t> find(const StreamAddress& address) const;
  // What a verified list is. `*why` receives one line for all but kNew and kKnown.
  Verdict judge(const StreamAddress& address, const List& list, const std::string& digest,
                std::uint64_t max_jump, std::string* why) const;

  // The records for these changes; take_record() makes the change.
  std::string list_records(const StreamAddress& address, const List& list, const std::string& digest,
                           std::int64_t now) const;
  // Of a list that is for other nodes: it opens nothing, and leaves no gap.
  std::string other_records(const StreamAddress& address, const List& list, const std::string& digest,
                            std::int64_t now) const;
  std::string fork_record(std::size_t stream) const;
  // `number` UINT64_MAX: all of its lists count again.
  static std::string until_record(std::size_t stream, std::uint64_t number);
  static std::string early_record(const std::string& digest, const std::string& name);
  // "" where it is known.
  std::string put_away_record(const std::string& what) const;
  // Open entries that no delivery uses and that have this name.
  std::vector<EntryRef> open_with_name(const std::string& name) const;
  // By a receipt of ours about this stream, which a journal that was put back from a backup does not know:
  // its entries in these ranges are delivered. "" where the journal knows all of it.
  using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  std::string gone_records(const std::string& node, const std::string& stream, const Ranges& ranges) const;
  static std::string shift_record(std::int64_t seconds);
  // The newest time in any record, in seconds of UTC; 0 when there is none.
  std::int64_t newest_time() const;
  // The operator gives up these entries of a stream, and the lists at its end up to this one; 0: none.
  static std::string write_off_records(std::size_t stream, const EntryRanges& entries,
                                       std::uint64_t last_list);
  // The same of the lists of a stream of which none was verified.
  static std::string unseen_off_record(const std::string& node, const std::string& stream,
                                       std::uint64_t last_list);
  static std::string refuse_record(const EntryRef& entry, std::string_view reason);
  static std::string receipt_record(std::size_t stream, const std::string& receipt_stream,
                                    std::uint64_t number, const std::string& text);
  static std::string receipted_record(std::size_t stream, const std::string& receipt_stream,
                                      std::uint64_t number, const std::string& digest, std::int64_t now,
                                      const std::string& key, const std::string& contents);

  // Lists at the end of the stream that never came, or came and do not count because the key was retired with
  // a lower number: a stream that counts continues it after a later one.
  std::uint64_t lists_missing(const ReceivedStream& stream) const;
  // Whether a stream of this name is known, signed by whichever key of the node.
  bool has_stream(const std::string& node, const std::string& stream) const {
    return !streams_named(node, stream).empty();
  }
  // The last list that the operator has given up of a stream that is not known, or was not then; 0: none.
  std::uint64_t lists_off_unseen(const std::string& node, const std::string& stream) const;
  // An entry with this digest that no delivery has used up, of a stream that is not forked, and of a list
  // that counts. Of several the one with this name, else the first one.
  std::optional<EntryRef> find_open(const std::string& digest, const std::string& name) const;
  // One that is used up.
  std::optional<EntryRef> find_used(const std::string& digest) const;
  // One in a list for other nodes, of the last of them.
  std::optional<EntryRef> find_foreign(const std::string& digest) const;
  // NULL once it is delivered.
  const ReceivedEntry* entry(const EntryRef& ref) const;
  // The entry that this intent uses up.
  std::optional<EntryRef> used_by(std::uint64_t intent) const;

  // The intent uses it up, in place of any other one, gives it back, has delivered it. No effect on an entry
  // that another intent uses.
  void use(const EntryRef& ref, std::uint64_t intent);
  void release(std::uint64_t intent);
  void settle(std::uint64_t intent);
  // Gives back each entry that an intent uses which does not exist: nothing would ever end that use.
  void release_unless(const std::function<bool(std::uint64_t intent)>& exists);
  // Receipts that this journal does not know may have been made: each stream begins another one of receipts.
  void end_receipts();
  // Delivered, by a journal that may have lost the record of its list, or of who has used it before.
  void note_gone(const EntryRef& ref);

  // Makes the change of a record. False for a kind that is not one of ours.
  bool take_record(std::string_view kind, JournalWords& words);
  // All of it as records.
  std::vector<std::string> records() const;

  bool operator==(const ReceivedStreams& other) const {
    return streams_ == other.streams_ && early_ == other.early_ && put_away_ == other.put_away_ &&
           receipted_gone_ == other.receipted_gone_ && unseen_off_ == other.unseen_off_ &&
           delivered_again_ == other.delivered_again_;
  }

  // Limits of all senders together, and how much of it each of them has in any case: none can use up what
  // another one needs.
  static constexpr std::size_t kMaxStreams = 1024;
  static constexpr std::size_t kStreamShare = 16;
  static constexpr std::size_t kMaxIndex = 2 * kMaxStreams;  // with the shares
  static constexpr std::size_t kMaxEntries = 262'144;        // that are not delivered
  static constexpr std::size_t kEntryShare = 16'384;
  static constexpr std::size_t kMaxNameBytes = std::size_t{64} << 20;  // of the names of these entries
  static constexpr std::size_t kNameShare = std::size_t{4} << 20;
  static constexpr std::size_t kMaxGaps = 1024;         // of a stream
  static constexpr std::size_t kKnownLists = 1024;      // of a stream, whose digests are kept
  static constexpr std::size_t kSpent = 4096;           // of a stream, likewise
  static constexpr std::size_t kDeliveredAgain = 4096;  // containers, of all streams
  static constexpr std::size_t kMaxAgain = 8;  // open entries of one key that name the same earlier one

  // How many entries deliveries have given back: each is open again. It never returns to an earlier value,
  // also where take_over() puts what a journal says in place of all this.
  std::uint64_t releases() const { return releases_; }
  void take_over(ReceivedStreams other);

  // How many items were read to find open entries: the work of the searches, for tests.
  std::uint64_t reads() const { return open_.reads() + named_.reads(); }

 private:
  struct Holdings {
    std::size_t streams = 0;
    std::size_t entries = 0;
    std::size_t name_bytes = 0;
  };

  std::string new_stream_record(const StreamAddress& address, const List& list) const;
  Verdict opens_lost(const ReceivedStream& of, const List& list, std::string* why) const;
  Holdings holdings_of(const std::string& node) const;
  bool has_room_for(const std::string& node, std::size_t entries, std::size_t name_bytes) const;
  std::string no_room(const List& list) const;
  ReceivedStream* stream(std::uint64_t index);
  void take_stream(JournalWords& words);
  void take_list(JournalWords& words, bool is_ours);
  void take_entries(JournalWords& words);
  void add_entry(const EntryRef& ref, ReceivedEntry entry);
  bool is_gone(const EntryRef& ref) const;
  void use_up(const EntryRef& ref);
  void end_entry(const EntryRef& ref);
  void use_up_entries(std::size_t index, std::uint64_t first, std::uint64_t last);
  void erase_entry(const EntryRef& ref);
  // One container with several entries (listed_again.cc).
  bool counts(const EntryRef& ref) const;
  bool has_room_again(const EntryRef& ref, const ReceivedEntry& entry) const;
  void forget_again(const EntryRef& ref, const ReceivedEntry& entry);
  std::optional<EntryRef> first_entry_of(const ListedContainer& of) const;
  std::optional<ListedContainer> container_of(const EntryRef& ref, const ReceivedEntry& entry) const;
  std::vector<EntryRef> open_entries_of(const ListedContainer& of) const;
  bool is_delivered(const ListedContainer& of) const;
  bool is_other_in_use(const EntryRef& ref, const ReceivedEntry& open) const;
  void note_delivered_again(const ListedContainer& of);
  void use_up_others(const EntryRef& ref, const ReceivedEntry& delivered);
  void use_up_if_delivered(const EntryRef& ref);
  void use_up_delivered(const StreamAddress& address);
  const std::vector<std::size_t>& streams_named(const std::string& node, const std::string& stream) const;
  bool take_early(const ReceivedEntry& entry);
  bool take_put_away(const ReceivedEntry& entry);
  void take_receipted(std::size_t index);
  void erase_entries(std::size_t index, std::uint64_t first, std::uint64_t last);
  void add_run(ReceivedStream* stream, const ListRun& run);
  void add_gone(ReceivedStream* stream, std::uint64_t first, std::uint64_t last);
  static void add_digest(const EntryRef& ref, const std::string& word,
                         std::map<std::uint64_t, std::string>* digests, RefIndex* index);
  void add_spent(const EntryRef& ref, const std::string& word);
  // An entry that no delivery uses.
  void add_open(const EntryRef& ref, const ReceivedEntry& entry);
  void erase_open(const EntryRef& ref, const ReceivedEntry& entry);
  void erase_indexed(const EntryRef& ref, const ReceivedEntry& entry);  // either one
  std::optional<EntryRef> first_that_counts(const RefIndex& index, const std::string& text) const;

  std::vector<ReceivedStream> streams_;
  // By node and name: several only where several keys of the node have signed streams of one name.
  std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> by_name_;
  RefIndex open_;   // entries that no delivery uses, by digest
  RefIndex named_;  // the same, by name and digest
  RefIndex used_;   // those that one uses, by digest
  RefIndex spent_;
  RefIndex foreign_;
  std::deque<std::string> early_;     // containers that were delivered before their lists, with their names
  std::deque<std::string> put_away_;  // those that went to the quarantine before; each is for one entry
  // Entries of streams that are not known yet, by node and stream, as in ReceivedStream::gone.
  std::map<std::pair<std::string, std::string>, std::map<std::uint64_t, std::uint64_t>> receipted_gone_;
  // Of streams that are not known yet, or were not then: the last list that is given up, by node and stream.
  std::map<std::pair<std::string, std::string>, std::uint64_t> unseen_off_;
  std::map<std::uint64_t, EntryRef> in_use_;        // by intent
  std::multimap<ListedContainer, EntryRef> later_;  // entries that name an earlier one
  // What was delivered by such an entry, in this order and sorted.
  std::deque<ListedContainer> delivered_again_;
  std::set<ListedContainer> is_delivered_again_;
  std::size_t entries_ = 0;
  std::size_t name_bytes_ = 0;
  std::uint64_t releases_ = 0;
};

}  // namespace paxect::link

// What a sender's journal knows of its lists: the stream, what was sent and is not listed yet, and the lists
// whose text is decided.
//
//   sender STREAM KEY NODE CONTINUES NUMBER ...   a new stream, or where one is
//   ended STREAM LISTS ENTRIES MADE  one that another one continues: what has been listed in it
//   settled STREAM                   nobody waits for receipts about it any more
//   sent ENTRY                       a container that has its final name
//   decided NUMBER ... ENTRY...      this list has this text from now on; its entries are listed
//   listed NUMBER                    it and its signature are durable under their names
//   kept STREAM NUMBER MADE TO ENTRY a source that stays, of an entry that is listed already
//   released (STREAM NUMBER)...      sources that need not stay any longer
//   relisted (STREAM NUMBER)...      sources that stay whose containers get another entry
//   replaced STREAM (ENTRY ENTRY)...   entries whose containers got others; in a journal that was rewritten
//   forgone STREAM (ENTRY ENTRY)...   entries that the operator does not wait for any more
//   adopted NUMBER ... ENTRY...      a list that is in the folder, after those that the journal knows: as
//   decided
//                                    and listed; another stream has to follow
//   shown ID STREAM NUMBER MADE TO   what was sent is listed by such a list that is not adopted
//   lost STREAM NUMBER MADE NOTED TO DIGEST NAME   an entry of a list of ours that the journal did not know
//   found DIGEST NAME                its source was found
//   text STREAM FIRST COUNT KEY TEXT a list of which sources stay; in a journal that was rewritten
//   digests STREAM NUMBER (FIRST DIGEST)...   lists from this number on: of such lists, and in a journal that
//                                    was rewritten
//   made (ENTRY MADE)...             when entries were listed; in a journal that was rewritten
//
// With them a restart writes the same bytes again: Ed25519 is deterministic.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proof/list.h"
#include "records/entry_ranges.h"
#include "records/journal_line.h"

namespace paxect::link {

// A container that has its final name.
struct SentEntry {
  std::uint64_t id = 0;  // of its intent, so that recovery does not count it twice
  std::string digest;    // SHA-256 of the container
  std::string name;      // in the outbox
  // Where its source stays until the receipt: token of the inbox, and path in it. "" for one that goes at
  // once.
  std::string place = {};
  std::string source = {};
  // It was listed before, first under this number.
  std::optional<EarlierEntry> again = {};

  bool operator==(const SentEntry&) const = default;
};

// Those that no list has yet, each once, in their order.
class UnlistedEntries {
 public:
  const std::deque<SentEntry>& all() const { return entries_; }
  bool contains(std::uint64_t id) const { return ids_.count(id) != 0; }
  // At the end. False when one with this id is here.
  bool add(SentEntry entry);
  // Removes it; none when it is not here.
  std::optional<SentEntry> take(std::uint64_t id);
  // Those whose source does not stay any longer.
  void clear_sources(const std::set<std::uint64_t>& ids);
  bool operator==(const UnlistedEntries&) const = default;

 private:
  std::deque<SentEntry> entries_;
  std::set<std::uint64_t> ids_;
};

// A list whose text is decided.
struct SentList {
  std::uint64_t number = 0;
  std::uint64_t first = 1;
  std::string previous;  // SHA-256 of the list before, "" for the first
  std::int64_t made = 0;
  std::uint64_t within = 0;
  std::vector<std::string> to;
  LogHead log;
  std::vector<SentEntry> entries;
  std::string digest;  // SHA-256 of the text

  // Not part of the record.
  bool is_durable = false;  // the record is
  bool is_named = false;    // it has its name in the outbox, which may not be durable yet

  bool operator==(const SentList&) const = default;
};

// Whom a list is for, separated by blanks; "" for whoever has it.
std::string receivers_text(const std::vector<std::string>& names);

// Whether a list that is for `to`, as receivers_text() has it, is for each of the receivers; none: whoever
// has it.
bool is_for_all(std::string_view to, const std::vector<std::string>& receivers);

// A source that stays until its receipt, or for a time.
struct KeptSource {
  SentEntry entry;
  std::int64_t made = 0;  // of its list
  std::string to = {};    // whom that is for, as receivers_text() has it

  bool operator==(const KeptSource&) const = default;
};

// An entry of a list of ours that a journal did not know which was put back from a backup: its source may
// still be in the inbox, and look as if it had not been sent.
struct LostEntry {
  std::pair<std::string, std::uint64_t> number;  // stream and number of the entry
  std::int64_t made = 0;                         // of its list
  std::int64_t noted_ns = 0;                     // when this was found out, in UTC
  std::string to = {};                           // whom the list is for, as receivers_text() has it

  bool operator==(const LostEntry&) const = default;
};
// By digest and name of the container.
using LostEntries = std::map<std::pair<std::string, std::string>, LostEntry>;

// What is not listed by the journal, and is by a list that it did not know.
struct ShownEntry {
  std::uint64_t id = 0;  // of the SentEntry
  std::pair<std::string, std::uint64_t> number = {};
  std::int64_t made = 0;  // of its list
  std::string to = {};    // as receivers_text() has it
};

// A stream that another one continues, as far as its lists got their names.
struct EndedStream {
  std::uint64_t lists = 0;
  std::uint64_t entries = 0;
  std::int64_t made = 0;  // of its last list

  bool operator==(const EndedStream&) const = default;
};

// The text of a list of which sources stay: it can be written again when it was lost on its way.
struct ListText {
  std::uint64_t count = 0;  // of its entries
  std::string key;          // in base64, that signed it
  std::string text;

  bool operator==(const ListText&) const = default;
};

class SentStream {
 public:
  // Stream and number of the entry.
  using EntryNumber = std::pair<std::string, std::uint64_t>;

  std::string name;  // "" before the first one
  std::string key;   // in base64, of the key that signs it
  std::string node;
  std::optional<Continued> continues;
  bool is_doubtful = false;  // the journal was damaged since it began: another stream has to follow
  std::uint64_t next = 1;    // number of the next list
  std::uint64_t next_entry = 1;
  std::string previous;   // SHA-256 of the last list
  std::int64_t made = 0;  // of the last list

  const std::deque<SentEntry>& unlisted() const { return unlisted_.all(); }
  const std::deque<SentList>& lists() const { return lists_; }
  const std::map<EntryNumber, KeptSource>& kept() const { return kept_; }
  // Of all of them, the sources that stay.
  bool keeps(const std::string& place, const std::string& source) const {
    return sources_.contains({place, source});
  }
  // Whether its container was sent before, from the source that stays: it needs no second entry.
  bool knows(const SentEntry& entry) const;
  // Whether one of the entries of that source and container is in a list for all of these receivers that the
  // present key signed, or is in no list yet: the next one is for the present receivers.
  bool knows_for(const SentEntry& entry, const std::vector<std::string>& receivers) const;
  // The newest of these entries, or the one that it names by `again`; none where none has a number.
  std::optional<EarlierEntry> first_of(const SentEntry& entry) const;

  // What of the present stream got its name: what another one would continue.
  EndedStream named() const;
  // Streams before, until settle(): at most kMaxEnded, the newest.
  const std::map<std::string, EndedStream>& ended() const { return ended_; }
  void note_ended(const std::string& stream, const EndedStream& ended);
  void settle(const std::string& stream);
  // Another stream begins; what was sent or decided and has no name in the outbox is listed in that one.
  void begin(std::string name, std::string key, std::string node, std::optional<Continued> continues);
  // Success also when it is known already; then nothing changes.
  void add(const SentEntry& entry);
  // The next list. Requires: its entries are the first of unlisted().
  void decide(const SentList& list);
  void note_durable(std::uint64_t number);
  void note_named(std::uint64_t number);
  // The lists up to this number need not be known any longer.
  void forget_lists(std::uint64_t number);
  void release(const EntryNumber& number);
  // When this entry was listed at the latest, in seconds of UTC; 0 when that is not known. Exact for the last
  // kMaxTimes lists from the first entry on that confirm() was not called for, and earlier for others.
  std::int64_t made_of(std::uint64_t entry) const;
  // Nobody asks for the time of these entries any more.
  void confirm(std::uint64_t through);
  // The container of a source that stays gets another entry, in the next list.
  void relist(const EntryNumber& number);
  // Entries that nobody waits for: their containers got other ones, or the operator has given them up. Of the
  // present stream and those in ended().
  const EntryRanges& replaced(const std::string& stream) const { return ranges_of(replaced_, stream); }
  const EntryRanges& forgone(const std::string& stream) const { return ranges_of(forgone_, stream); }
  void forgo(const std::string& stream, std::uint64_t first, std::uint64_t last);
  // A source stays whose container is listed under this number already.
  void keep(const EntryNumber& number, const KeptSource& source);
  // Of this list, of any stream with sources that stay or in ended(), and of the last kMaxDigests lists of
  // the present one;
  // "" when it is not known any more.
  std::string digest_of(const std::string& stream, std::uint64_t number) const;
  // The first entry of this list, and that of the next one; nothing when either is not known any more.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> entries_of(const std::string& stream,
                                                                    std::uint64_t number) const;
  // Of the list that has this entry, of any stream, while a source of the list stays; NULL when it is not
  // known.
  const ListText* list_with(const EntryNumber& entry) const;
  // Whether digests of the stream are known.
  bool has_digests(const std::string& stream) const { return digests_.contains(stream); }
  // The journal was rewritten, so that no intent is left of what is listed.
  void forget_ids();
  // It is listed, and its source stays under that number if it was to stay.
  void note_shown(const ShownEntry& shown);

  const LostEntries& lost() const { return lost_; }
  // Of several with one digest and name the first counts. At most kMaxLost.
  void note_lost(const LostEntries& entries);
  void forget_lost(const LostEntries::key_type& digest_and_name) { lost_.erase(digest_and_name); }
  // A list that has its name already and follows those that are known. Requires: another stream begins.
  void adopt(const SentList& list);

  // The text of a list of this stream.
  std::string text_of(const SentList& list) const;

  // All of it, as records of a journal that is rewritten.
  std::vector<std::string> records() const;
  // Reads a record; false for one of another kind.
  bool take(std::string_view kind, JournalWords& words);

  bool operator==(const SentStream&) const = default;

  static constexpr std::size_t kMaxEnded = 16;
  static constexpr std::size_t kMaxTimes = 1024;
  static constexpr std::size_t kMaxDigests = 4096;  // beyond those from the oldest source on that stays
  static constexpr std::size_t kMaxDigestsEver = 262'144;  // of a stream
  static constexpr std::size_t kMaxLost = 262'144;

 private:
  // Lists of a stream, each with its first entry and its digest.
  using Digests = std::map<std::uint64_t, std::pair<std::uint64_t, std::string>>;

  void note_digest(const std::string& stream, std::uint64_t number, std::uint64_t first,
                   const std::string& digest);
  bool needs_digests(const std::string& stream) const;
  bool keeps_of(const std::string& stream, std::uint64_t before = UINT64_MAX) const;
  void note_time(std::uint64_t first, std::int64_t time);
  using RangesByStream = std::map<std::string, EntryRanges>;
  static const EntryRanges& ranges_of(const RangesByStream& all, const std::string& stream);
  void note_over(RangesByStream* all, const std::string& stream, std::uint64_t first, std::uint64_t last);
  // Place and path.
  using Path = std::pair<std::string, std::string>;
  struct SourceUse {
    std::string digest;
    std::uint64_t id = 0;
    bool operator==(const SourceUse&) const = default;
  };
  static Path path_of(const SentEntry& entry) { return {entry.place, entry.source}; }
  void note_source(const SentEntry& entry);
  bool is_replaced(const SentEntry& entry) const;
  void clear_if_replaced(SentEntry* entry) const;
  void replace_sources(const SentEntry& entry);
  void keep_source(const EntryNumber& number, const KeptSource& source);
  std::map<EntryNumber, KeptSource>::iterator erase_kept(std::map<EntryNumber, KeptSource>::iterator source);
  void forget_source(const SentEntry& entry);
  void forget_kept(std::map<EntryNumber, KeptSource>::iterator source);

  std::map<std::string, EndedStream> ended_;
  UnlistedEntries unlisted_;
  std::deque<SentList> lists_;
  std::map<EntryNumber, KeptSource> kept_;
  std::map<EntryNumber, ListText> texts_;        // by stream and first entry
  std::map<std::string, Digests> digests_;       // by stream
  std::map<std::uint64_t, std::int64_t> times_;  // of lists of this stream, by the first entry of each
  std::multimap<Path, SourceUse> sources_;       // of all entries whose source stays
  std::multimap<Path, EntryNumber> kept_at_;     // of those in kept_
  LostEntries lost_;
  RangesByStream replaced_;
  RangesByStream forgone_;
  std::set<std::uint64_t>
      ids_;  // of all entries since the journal was rewritten, and of those that are listed
};

// Single records, each a line.
std::string stream_record(const SentStream& stream);
std::string ended_record(const std::string& stream, const EndedStream& ended);
std::string settled_record(const std::string& stream);
std::string sent_record(const SentEntry& entry);
std::string list_record(const SentList& list);
std::string listed_record(std::uint64_t number);
std::string adopted_record(const SentList& list);
std::string lost_record(const LostEntries::value_type& entry);
std::string shown_record(const ShownEntry& shown);
std::string digest_record(const std::string& stream, std::uint64_t number, std::uint64_t first,
                          const std::string& digest);
std::string found_record(const LostEntries::key_type& digest_and_name);
std::string kept_record(const SentStream::EntryNumber& number, const KeptSource& source);
std::string relisted_record(const std::vector<SentStream::EntryNumber>& numbers);
std::string forgone_record(const std::string& stream, const EntryRanges& ranges);
std::string released_record(const std::vector<SentStream::EntryNumber>& numbers);

}  // namespace paxect::link

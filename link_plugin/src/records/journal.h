// Deliveries in progress, and what was delivered, so that a restart knows which interrupted deliveries
// happened.
//
// A delivery has two effects, a new name in the outbox and a source that is removed, and a crash can come
// between them; the receiver may even have taken the output before the restart, so the directories alone
// cannot tell. The journal can (what a restart concludes from it: RECOVERY.md; the records: journal_format).
//
// A journal of which a part was damaged or lost is still used, but nothing is concluded from what it does not
// say: see distrust(). Not for two threads at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/filesystem.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "records/journal_format.h"

namespace paxect::link {

// Changes nothing: a relay may be appending to it. A missing file is an empty journal. A journal of a later
// format is a failure. `*text`, when asked for, receives what the file holds.
Status read_journal(const std::string& path, JournalContents* out, std::string* text = nullptr);
// The last place with this role and path, NULL when none is known.
const KnownPlace* current_place(const std::vector<KnownPlace>& places, const std::string& role,
                                const std::string& path);
// How the file that was found under a path relates to the source remembered under it: one that is being
// removed was renamed to its hidden name, which changed its ctime.
SourceMatch match_source_at(const std::string& path, const FileIdentity& remembered,
                            const FileIdentity& found);

// A stream of lists that begins, and what is known then of the lists of those before it.
struct StreamStart {
  std::string name;
  std::string key;
  std::string node;
  std::optional<Continued> continues = {};
  // Where the journal knows no stream: the one of the lists that are there, as the first of them found it.
  std::optional<SentStream> taken_up = {};
  std::vector<SentList> adopted = {};     // lists that follow the ones that the journal knows
  std::vector<ShownEntry> shown = {};     // what others name and the journal has not listed
  std::vector<std::string> digests = {};  // of these others, as records
  LostEntries lost = {};                  // entries whose sources may be there
};

class Journal {
 public:
  // Reads what an earlier process left and appends to it; without a file, writes one with a new token.
  // The old contents stay until clear(). `*damage` receives what is wrong with them, "" for nothing.
  Status open(const std::string& path, std::string* damage);

  // Whether open() found no file, and distrust() was not called since.
  bool is_new() const { return is_new_; }
  // 32 hexadecimal digits, the same for as long as the journal exists.
  const std::string& relay_token() const { return contents_.relay_token; }
  // See boot_id(), of now.
  const std::string& boot() const { return boot_; }
  // The intents that an earlier process left and nobody has resolved yet, in the order of their ids.
  const std::vector<Intent>& left() const { return contents_.intents; }
  // Those are over: the next clear() drops them.
  void resolve(const std::function<bool(const Intent&)>& is_over);

  // Places, in the order in which they were noted. Noted again, a place is the last one. Durable.
  const std::vector<KnownPlace>& places() const { return contents_.places; }
  Status note_place(const KnownPlace& place);
  // Intents, left or of this process, whose products go to this place and that are not over.
  std::size_t open_towards(const std::string& place_token) const;

  // The ids are given by next_id() and never used again.
  std::uint64_t next_id() { return ++contents_.last_id; }
  std::uint64_t last_id() const { return contents_.last_id; }
  // Whether this process began it and it is not over.
  bool is_in_flight(std::uint64_t id) const { return in_flight_.contains(id); }
  // The last id of an earlier process that the journal knows.
  std::uint64_t last_old_id() const { return last_old_id_; }
  Status begin(std::span<const Intent> intents);
  // With lists that their batch carries: from a call on, successful or not, their numbers have these texts.
  Status prepare(std::span<const Intent> intents, std::span<const SentList> lists = {});
  // Before their products get their final names. Not flushed: a process that is killed loses nothing that it
  // wrote, and after a loss of power nobody concludes anything from a record that is missing.
  Status name(std::span<const std::uint64_t> ids);
  // The same for one product that gets a conflict name.
  Status name_under(std::uint64_t id, const std::string& name);
  // The same before a hard link stands in for the rename.
  Status link(std::span<const std::uint64_t> ids);
  // The same before the temporary of a product is removed whose bytes another file has under its name.
  Status note_duplicate(std::uint64_t id);
  Status abort(std::span<const std::uint64_t> ids);
  // Not durable, and no harm when it is lost: recovery reaches the same result.
  void finish(std::span<const std::uint64_t> ids, std::span<const SentEntry> sent = {});
  // The intents of this process that are not over count as left by an earlier one: who worked on them has
  // given them up.
  Status leave_in_flight();
  // Begun, never prepared, and its temporaries are gone. Not durable: no more than recovery concludes by
  // itself.
  void drop(std::uint64_t id);

  // Sources that were delivered but are still there, by policy or because they cannot be removed; also under
  // their hidden names.
  void remember(const std::string& place, const std::string& path, const SourceRecord& record);
  void forget(const std::string& place, const std::string& path) {
    contents_.done.erase(place, path);
    contents_.again.erase(place, path);
  }
  const SourceTable& done() const { return contents_.done; }
  // The sources of these entries count as not delivered, until they are remembered again or released.
  // Durable; after a failure nothing has changed.
  Status send_again(std::span<const SentStream::EntryNumber> numbers);
  bool is_sent_again(const std::string& place, const std::string& path) const {
    return contents_.again.find(place, path) != nullptr;
  }
  // The sources, each by place and path, of the intents that are not over.
  std::set<std::pair<std::string, std::string>> in_hand() const;
  // Whether the file found under a path is one that was delivered.
  SourceMatch match_done(const std::string& place, const std::string& path, const FileIdentity& found) const;

  // Files that may have been delivered. Both last until the next clear() has worked, which makes them
  // durable.
  void hold(const std::string& place, const std::string& path, const SourceRecord& record) {
    contents_.held.set(place, path, record);
  }
  void release(const std::string& place, const std::string& path) { contents_.held.erase(place, path); }
  const SourceTable& held() const { return contents_.held; }
  // What a sender lists. Only what prepare() says is durable; the rest recovery finds again.
  const SentStream& sent() const { return contents_.sent; }
  // Another stream, by one record. Durable only where it is after lists that the journal did not know: a
  // stream that a crash takes back has no list yet.
  Status begin_stream(const StreamStart& start);
  // The source of a container that a list names which the journal did not know.
  void note_found(const LostEntries::key_type& digest_and_name);
  // A container of an earlier process that has its final name.
  void note_sent(const SentEntry& entry);
  // The list and its signature have their names, not durable yet.
  void note_named(std::uint64_t number) { contents_.sent.note_named(number); }
  // They are durable, and so are those of all lists before.
  void note_listed(std::uint64_t number);
  // Sources that need not stay any longer. One that was to be sent again counts as delivered again.
  void release(const std::vector<SentStream::EntryNumber>& numbers);
  // The containers of these get other entries. Not durable: a crash leaves the entries that they have.
  void relist(const std::vector<SentStream::EntryNumber>& numbers);
  // A source stays whose container is listed already. Lasts as a record of finish() does.
  void keep(const SentStream::EntryNumber& number, const KeptSource& source);
  // Every receiver has all entries of these streams. Not durable: what is lost of it is found out again.
  void settle(const std::vector<std::string>& streams);
  // The operator has given up these entries of our lists.
  Status forgo(const std::string& stream, const EntryRanges& ranges);
  // Every receiver has the entries up to this one. Not recorded before clear().
  void confirm(std::uint64_t through) { contents_.sent.confirm(through); }

  // A file that is about to move to the quarantine; durable.
  Status set_aside(const Aside& aside);
  // It is there and logged, or stays in the inbox. Not durable: whoever finds it again finds it done.
  void end_aside(std::uint64_t id);
  // Those that are not over, of earlier processes too.
  const std::vector<Aside>& asides() const { return contents_.asides; }
  // Folders of which every file is to be held that is there and not done; the caller does so, then calls
  // see().
  const std::set<std::pair<std::string, std::string>>& unseen() const { return contents_.unseen; }
  void add_unseen(const std::string& place, const std::string& folder) {
    contents_.unseen.emplace(place, folder);
  }
  void see(const std::string& place, const std::string& folder) { contents_.unseen.erase({place, folder}); }

  // Whether this was not reported before, also by an earlier process; then it counts as reported. Not
  // durable: a crash may have it reported again.
  bool is_news(const std::string& what);

  // The streams of senders. Entries are used up by prepare(), given back by abort() and drop(), and used for
  // good by finish() and resolve().
  // Whether keys of peers were pinned once. A folder of keys that is away must not read as none.
  bool had_keys() const { return contents_.had_keys; }
  Status note_keys();

  const ReceivedStreams& received() const { return contents_.received; }
  // Appends records of these and makes their changes; after a failure it made none. Not durable unless asked
  // for.
  Status note_received(const std::string& records, bool durable = false);
  // Gives back the entry that an intent has used up, since its delivery can be neither proven nor ruled out.
  // Lasts until the next clear() has worked, which makes it durable.
  void refuse_entry(std::uint64_t id, std::string_view reason);
  // Reserves the entry for an intent that is about to be prepared.
  void use_entry(const EntryRef& entry, std::uint64_t id) { contents_.received.use(entry, id); }

  // The chain of the last line of the audit log that was durable, by what is known here: the log itself may
  // have been moved away or compressed since. Not durable, as a crash leaves the log too.
  void note_log(const LogHead& head);
  const LogHead& log() const { return contents_.log; }

  // After damage, or when what is recorded elsewhere shows that records are missing: keeps the file aside as
  // PATH.damaged-STAMP, counts every intent that was left as doubtful and these inboxes as unseen, and writes
  // the journal again, all durable in one step. `*kept` receives the name of the old file.
  Status distrust(std::span<const std::string> inboxes, std::uint64_t last_id, std::int64_t realtime_ns,
                  std::string* kept);

  // Rewrites the journal with only what is not over: the intents that are open stay. `is_gone` says of which
  // sources of `place` it is proven that they are not there any more.
  // Requires: the removal of every source whose intent is finished is durable, or is_clear().
  Status clear(const std::string& place,
               const std::function<bool(const std::string& path, const SourceRecord&)>& is_gone);
  // Whether clear() would change nothing, whatever is gone from `place`.
  bool is_clear(const std::string& place) const;
  // Bytes written since then, or all when it was opened later.
  std::uint64_t grown() const { return size_ - kept_; }

 private:
  bool is_in_place() const;
  Status append(const std::string& lines, bool durable);
  // The entry that the intent uses, if any, is delivered, or given back.
  static void end_use(std::uint64_t id, bool is_delivered, ReceivedStreams* received);
  Status mark(std::string_view kind, std::span<const std::uint64_t> ids, bool Intent::*flag);
  Status sync_name();
  Status rewrite(const std::string& text);
  Status repair();

  std::string path_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::uint64_t kept_ = 0;        // by the last clear()
  bool broken_ = false;           // bytes beyond size_ may be on disk, or some before it may not
  bool is_name_durable_ = false;  // not before a record has to be
  bool is_new_ = false;
  std::uint64_t last_old_id_ = 0;
  std::string boot_;
  std::string written_;  // fingerprint of what the file holds; "" when lines were appended since
  JournalContents contents_;
  std::map<std::uint64_t, Intent> in_flight_;  // intents of this process that are not over, by id
  // Intents that are over, which the file does not say, by id: whether they were delivered. Until clear() has
  // written it.
  std::map<std::uint64_t, bool> unwritten_ends_;
};

}  // namespace paxect::link

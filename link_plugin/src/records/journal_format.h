// The text of the journal, format 3: one record a line, words separated by blanks, names with other bytes as
// %HH, each line closed by the first 8 hexadecimal digits of its SHA-256.
//
//   journal 3 RELAY LAST_ID COUNT       the first line; COUNT more lines were written together with it
//   place ROLE TOKEN MOUNT PATH FINGERPRINT   a directory that the relay has worked in
//   begin ID ...                        which source becomes which temporary file
//   repaired (ID DIGEST CELLS DAMAGED)...   the sources were damaged; comes before their prepare
//   sizes (ID DATA CONTAINER)...        bytes of the data and of their containers; comes before their prepare
//   uses (ID IX ENTRY FOLDER NAME)...   the entries that the deliveries use up, once they are prepared; the
//                                       product goes to this folder and name; comes before their prepare
//   prepare (ID digests inodes)...      the temporaries are complete and durable
//   name ID...                          the products are about to get their final names; not flushed
//   duplicate ID...                     another file under its final name has the product's bytes, and the
//                                       temporary is about to be removed; not flushed
//   abort ID...                         they will not be delivered after all
//   finish ID...                        the sources are gone, or remembered
//   doubt ID...                         later records of these intents may be missing
//   done PLACE ... PATH [ORIGINAL]      a source that was delivered and is still there
//   again PLACE PATH                    it is to be delivered again; until `done`
//   held PLACE ... PATH                 a file that may have been delivered: nobody can tell
//   aside ID ... PATH TARGET MESSAGE [SIDECAR]   a file that is on its way to the quarantine
//   over ID...                          it is there, and the audit log says so
//   sender, sent, decided, listed, kept, released   what a sender lists: sent_stream.h
//   under ID NAME                       the product is about to get this conflict name; not flushed
//   unseen PLACE FOLDER                 every file below is to be held that is there and not done
//   log NUMBER SHA256                   the chain of the last durable line of the audit log
// and those of received_streams.h.
//
// Format 3 has the records of format 2 and more of them: `until` and most records of streams of lists came
// under the number 2, and a version that does not know a record passes it over without a word. A journal of
// format 2 is rewritten when it is opened, so that an earlier version refuses it, and says why.
//
// Each line is checked by itself, so that a damaged line loses its own record alone. That record may have
// ended an intent or remembered a source, so that the contents count as incomplete then.
//
// A valid line of a kind that the reader does not know is passed over, as are words behind those that it
// knows, and both are gone when it writes the journal again. So what a relay concludes needs a new format,
// and what it only reports (sizes, duplicate, SIDECAR) does not: without these the log lacks a figure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/filesystem.h"
#include "proof/statement.h"
#include "records/received_streams.h"
#include "records/sent_stream.h"
#include "records/source_table.h"

namespace paxect::link {

// A directory that a relay has worked in: its role (inbox, outbox, quarantine), the token of its marker, what
// was mounted there ("-" for nothing), its path, and what identifies the directory ("" for
// nothing).
struct KnownPlace {
  std::string role;
  std::string token;
  std::string mount;
  std::string path;
  std::string fingerprint = {};

  bool operator==(const KnownPlace&) const = default;
};

// A source that was damaged and is delivered as the container that was repaired from it.
struct SourceRepair {
  std::string digest;         // hexadecimal SHA-256 of that container, which the source's sidecar has
  std::uint64_t cells = 0;    // of it, data and parity
  std::uint64_t damaged = 0;  // of these
};

// Bytes of the data in or out of a container, and of that container.
struct DeliverySizes {
  std::uint64_t data = 0;
  std::uint64_t container = 0;
};

struct Intent {
  std::uint64_t id = 0;
  std::string source;        // path in the inbox
  FileIdentity identity;     // of the source; its device is not kept, it may differ after a restart
  std::string source_place;  // token of the inbox
  std::string target_place;  // token of the inbox or outbox that the product goes to
  bool into_inbox = false;
  bool container = false;       // makes a container with a sidecar
  bool source_nested = false;   // the folder of the source is on another file system than the inbox
  bool target_nested = false;   // likewise that of the product, and its place
  std::string target_instance;  // see directory_instance(), of that place
  std::string boot;             // of the machine that began it, "" when not known
  std::string folder;           // below the inbox or outbox
  std::string temporary;
  std::string name;
  std::string tried_name;      // the conflict name that it was about to get last, "" for none
  std::string side_temporary;  // of the sidecar; "" for none
  std::uint64_t log_offset = 0;

  // Once prepared: hexadecimal digests, and the inodes of the temporaries as hints.
  std::string source_digest;
  std::string digest;       // of the product
  std::string data_digest;  // of the data in or out of the container
  std::uint64_t size = 0;   // of the product
  std::uint64_t inode = 0;
  std::uint64_t side_inode = 0;
  std::int64_t ctime_ns = 0;           // of the product's temporary
  std::optional<DeliverySizes> sizes;  // absent in journals of earlier versions
  std::optional<SourceRepair> repair;
  std::optional<EntryRef> entry;  // of a list, which names the container

  bool prepared = false;  // and not aborted
  bool named = false;     // its product was about to get its final name
  bool linked = false;    // by a hard link that stands in for the rename
  bool duplicate =
      false;             // another file had its name and bytes already: its temporary was about to be removed
  bool aborted = false;  // it will not be delivered: its source is tried again
  bool finished = false;
  bool doubtful = false;  // later records of it may be missing

  // The name that it got if it got one, as far as the journal knows.
  const std::string& likely_name() const { return tried_name.empty() ? name : tried_name; }
};

// A file of the inbox on its way to the quarantine.
struct Aside {
  std::uint64_t id = 0;  // from the numbers of the intents; the audit line has it
  std::uint64_t log_offset = 0;
  std::string place;  // token of the inbox
  std::string path;
  FileIdentity identity;
  std::string target = {};   // its name in the quarantine
  std::string message = {};  // of the audit line
  std::string sidecar = {};  // the name of the sidecar that goes with it, "" for none
};

inline constexpr unsigned kJournalFormat = 3;
// Of what is reported once, however often a relay starts. What is older is reported again.
inline constexpr std::size_t kMaxReported = 4096;

// A journal as it is stored on disk.
struct JournalContents {
  std::string relay_token;  // "" without a header
  std::uint64_t last_id = 0;
  std::vector<KnownPlace> places;  // the last one of a role and path is the current one
  std::vector<Intent> intents;     // in order of their ids
  SourceTable done;
  SourceTable again;  // that were done, and are to be delivered again
  SourceTable held;
  std::vector<Aside> asides;
  std::set<std::pair<std::string, std::string>> unseen;  // place, folder
  bool had_keys = false;                                 // keys of peers were pinned once
  std::deque<std::string> reported;                      // digests of what is reported once, the newest last
  LogHead log;                                           // of the audit log, when its last line was durable
  ReceivedStreams received;
  SentStream sent;

  // A source that was done is not any more, until it is delivered again.
  void send_again(const std::string& place, const std::string& path);

  std::size_t valid = 0;  // bytes up to the end of the last valid line
  // What is wrong with it, "" for nothing: a line that was damaged or lost, or the header. An incomplete last
  // line is what a crash leaves, and no damage.
  std::string damage;
};

JournalContents parse_journal(std::string_view text);
// Whether the text begins with the header of a later format than this one.
bool is_later_journal(std::string_view text);
// Likewise of an earlier one, which this one can read.
bool is_earlier_journal(std::string_view text);

// All contents as text, with a header.
std::string journal_text(const JournalContents& contents);
// The same without the record of the log, and the text of a journal without such records. Each flush of the
// log appends one, and none is a reason to write the journal again.
std::string journal_text_without_log(const JournalContents& contents);
std::string without_log_records(std::string_view text);

// Single records, each a line.
std::string place_record(const KnownPlace& place);
std::string begin_record(const Intent& intent);
// "" when none of them has sizes.
std::string sizes_record(std::span<const Intent> intents);
// "" when none of them has a repaired source.
std::string repaired_record(std::span<const Intent> intents);
// "" when none of them uses an entry.
std::string uses_record(std::span<const Intent> intents);
std::string prepare_record(std::span<const Intent> intents);
std::string under_record(std::uint64_t id, const std::string& name);
// name, link, duplicate, abort, finish, doubt, over
std::string ids_record(std::string_view kind, std::span<const std::uint64_t> ids);
std::string done_record(const std::string& place, const std::string& path, const SourceRecord& record);
std::string again_record(const std::string& place, const std::string& path);
std::string aside_record(const Aside& aside);
std::string keys_record();
std::string reported_record(const std::string& digest);
std::string log_record(const LogHead& head);
std::string held_record(const std::string& place, const std::string& path, const SourceRecord& record);

}  // namespace paxect::link

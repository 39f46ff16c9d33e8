// What a relay knows of the files of its inbox: one entry for each path, in memory.
//
// The intake writes what it observed, the relay what becomes of a file, and the failures why it waits.
// Metrics and the status file are views of it. An entry is forgotten at one moment only: when a scan that saw
// the whole inbox ends without having seen its path, and no batch has the file in hand. (DESIGN.md, "The
// ledger")
//
// Times of arrival, of observations and of the next try are on the monotonic clock, since the wall clock may
// be corrected; the others are UTC. Not for two threads at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/filesystem.h"

namespace paxect::link {

enum class FileState : std::uint8_t {
  kSettling,    // somebody may still be writing it
  kReady,       // complete, waits for its turn
  kAttached,    // a sidecar: it goes with its container
  kWorking,     // a batch has it in hand
  kDone,        // delivered and kept, as the journal knows, or on its way out of the inbox
  kPending,     // could not be delivered, and is tried again at Wait::next_try_ns
  kBlocked,     // by the policy, until the file or the policy changes
  kHeld,        // may have been delivered, and nobody can tell: until the file changes
  kUnexpected,  // no file to relay: a symbolic link, a device, a folder that cannot be read
};

inline constexpr std::size_t kFileStates = static_cast<std::size_t>(FileState::kUnexpected) + 1;
std::string_view name_of(FileState state);

struct LedgerEntry;

// Why a file is not on its way.
struct Wait {
  const std::pair<const std::string, LedgerEntry>* file = nullptr;
  FileState state = FileState::kPending;  // or kBlocked, kHeld
  bool owes_quarantine = false;           // it belongs there, and could not be moved
  unsigned attempts = 0;                  // that count against the file
  unsigned delays = 0;                    // in a row, of any reason
  std::uint64_t next_try_ns = 0;
  std::int64_t first_utc_ns = 0;
  std::int64_t last_utc_ns = 0;
  std::string event = {};
  std::string reason = {};
};

// A relay may have a million of these, so that each of them is short.
struct LedgerEntry {
  static constexpr std::int32_t kNever = INT32_MIN;

  FileIdentity identity;
  std::uint64_t since_ns = 0;           // of the first observation of this state of the file; 0: none yet
  std::uint64_t quiet_ns = 0;           // when the last sign of life was noticed, or is known to have been
  std::list<Wait>::iterator wait = {};  // valid if has_wait
  std::int32_t arrived_s = kNever;      // when the file came, in seconds; never until it is observed
  std::uint32_t scan : 20 = 0;          // the last one that saw the path
  FileState last_state : 4 = FileState::kSettling;
  bool has_wait : 1 = false;
  bool complete : 1 = false;  // nobody can still be writing it
  bool restless : 1 = false;  // changed or was written to since the first observation
  bool written : 1 = false;   // somebody had it open for writing
  bool working : 1 = false;   // a batch has it in hand
  bool news : 1 = false;      // and it changed since
  bool returned : 1 = false;  // it got its name back from us

  FileState state() const { return working ? FileState::kWorking : last_state; }
};
static_assert(sizeof(LedgerEntry) <= 72);

// How many files there are of each state.
struct LedgerTally {
  std::array<std::uint64_t, kFileStates> files{};
  // When the oldest one came that is ready, working or pending, in seconds; none: there are none.
  std::optional<std::int32_t> oldest_s;

  std::uint64_t of(FileState state) const { return files[static_cast<std::size_t>(state)]; }
};

class Ledger {
 public:
  struct Settings {
    std::uint64_t backoff_ns = 0;
    std::function<std::uint64_t()> random = {};  // any 64 bits, for the jitter; none: no jitter
    // The wall clock. Before the first complete scan, the ctime of a file says by it when the file came.
    // Later, and without a clock, a file comes when it is first observed.
    std::function<std::int64_t()> realtime_ns = {};
    std::size_t max_entries = std::size_t{1} << 20;  // files beyond are observed when others are gone
  };
  using Files = std::unordered_map<std::string, LedgerEntry>;

  explicit Ledger(Settings settings) : settings_(std::move(settings)) {}

  // ---- observations

  void begin_scan();
  // The scan saw the whole inbox: forgets the paths that it did not see.
  void end_scan();
  // A file has this identity now. Where it had another one, the entry begins again. `*is_new` receives
  // whether this is the first observation of the path. NULL when there is no room for another entry.
  LedgerEntry* observe(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns,
                       bool* is_new);
  // The same, and the entry begins again in any case. There is always room.
  LedgerEntry* restart(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns);
  // Something that is no file to relay. True unless the scan before saw it as well.
  bool note_unexpected(const std::string& path);
  // A file that got its name back from us, after we had caught it under a hidden one. The watcher sees such a
  // rename as an arrival, but it proves nothing about whether the producer has finished the file.
  void note_returned(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns);
  bool is_returned(const std::string& path, const FileIdentity& identity) const;
  // Whether any file was returned since the last begin_scan().
  bool has_returned() const { return has_returned_; }

  // ---- batches

  // A batch has the file in hand: no scan and no event hands it out.
  void mark_working(const std::string& path);
  // True when the file changed in the meantime: who reacted to that came too early.
  bool unmark_working(const std::string& path);
  // No batch has any file in hand.
  void end_work();
  // The file waits for its turn.
  void set_ready(const std::string& path, const FileIdentity& identity);
  // Nothing is left to do for the file: it was delivered, or is in the quarantine.
  void note_done(const std::string& path, const FileIdentity& identity);

  // ---- waits

  struct Noted {
    bool is_news = true;         // another event or reason than the one noted for this state of the file
    const Wait* wait = nullptr;  // NULL: the file has changed since, and nothing was noted
  };
  // A block, a failure that counts as an attempt, or one that does not.
  Noted note(const std::string& path, const FileIdentity& identity, FileState state, bool counts,
             const std::string& event, const std::string& reason, std::uint64_t now_ns, std::int64_t utc_ns);
  // Continues the count of attempts of an earlier process. The file is due at once, and its next failure is
  // news.
  void recall(const std::string& path, const FileIdentity& identity, unsigned attempts,
              std::int64_t first_utc_ns);
  // The wait of this state of the file; NULL when there is none.
  const Wait* find_wait(const std::string& path, const FileIdentity& identity) const;
  void end_wait(const std::string& path);
  // The policy changed, so what it blocked may pass now.
  void end_blocks();
  const std::list<Wait>& waits() const { return waits_; }
  // When the next of the pending files that were not due yet at `seen_ns` is; UINT64_MAX for none.
  std::uint64_t next_try_ns(std::uint64_t seen_ns) const;

  // Whether the file, if it waits, belongs in the quarantine and could not be moved there.
  void set_owes_quarantine(const std::string& path, bool owes);
  // The first of those that do; NULL when there are none.
  const Wait* first_owed() const;

  // ---- views

  // NULL when nothing is known of the path.
  const LedgerEntry* find(const std::string& path) const;
  const Files& files() const { return files_; }
  // Passes over every entry.
  LedgerTally tally() const;

 private:
  LedgerEntry* find_entry(const std::string& path);
  std::int32_t arrival(const FileIdentity& identity, std::uint64_t now_ns) const;
  void begin_again(LedgerEntry* entry, const FileIdentity& identity, std::uint64_t now_ns);
  Wait* begin_wait(Files::value_type* file, std::int64_t utc_ns);
  void end_wait(LedgerEntry* entry);

  Settings settings_;
  Files files_;
  std::list<Wait> waits_;     // in the order in which they began
  std::uint32_t scan_ = 0;    // modulo kScans
  bool has_scanned_ = false;  // completely
  bool has_returned_ = false;
};

}  // namespace paxect::link

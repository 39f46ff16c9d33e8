// Finds the files of the inbox that are complete and hands them out, oldest first.
//
// A scan decides, events are hints. A file is complete when it was proved to be (Settings::judge), when it
// was seen to arrive complete (renamed in, or closed by its writer: arrived()), or when two observations at
// least the settle time apart, on the monotonic clock, showed the same identity. It is ready when the minimum
// age has passed too since the last sign of life. What was observed is in the ledger. A scan keeps the oldest
// `window` of the files that are ready, so that a large backlog costs no more than its entries there. Not for
// two threads at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/completeness.h"
#include "base/filesystem.h"
#include "base/status.h"
#include "records/ledger.h"

namespace paxect::link {

// A file of the inbox. `folder` is relative to it, "" for the inbox itself.
struct Candidate {
  std::string folder;
  std::string name;
  FileIdentity identity;

  std::string path() const { return folder.empty() ? name : folder + "/" + name; }
};
Candidate candidate_of(const std::string& path, const FileIdentity& identity);

class Intake {
 public:
  // What is to become of a complete file. One that is kReady is handed out.
  using Classify = std::function<FileState(const Candidate&)>;
  // Something that is no file to relay, reported once: its path in the inbox, an event, a reason.
  using Unexpected =
      std::function<void(const std::string& path, const std::string& event, const std::string& reason)>;

  // A file in this folder that has the hidden name of a removal that was broken off.
  using BrokenRemoval =
      std::function<void(const Directory&, const std::string& relative, const std::string& name)>;

  // What else is known about a file in this folder, which may have been `written` to at the last observation.
  using Judge = std::function<Judgement(const Directory& folder, const Candidate&, bool written)>;
  using Ignored = std::function<bool(std::string_view name)>;

  struct Settings {
    std::uint64_t settle_ns = 0;
    std::uint64_t min_age_ns = 0;
    bool recursive = false;
    std::size_t window = 16384;
    std::uint64_t large_bytes = UINT64_MAX;  // files from this size on have a window of their own
    Judge judge = {};                        // none: nothing else is known
    Ignored ignored = {};  // names of files and folders that are never observed; none: all are
  };

  Intake(Settings settings, Ledger* ledger) : settings_(std::move(settings)), ledger_(*ledger) {}

  // Observes everything once and fills the window again. A folder that cannot be read is reported as
  // unexpected and passed over; a failure is that of the inbox itself.
  Status scan(const Directory& inbox, std::uint64_t now_ns, const Classify& classify,
              const Unexpected& unexpected, const BrokenRemoval& broken_removal = nullptr);
  // A file that is known to be complete as it is now.
  void arrived(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns);
  // A file that turned out to be written to: it is not complete before something else shows that it is.
  void still_written(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns);

  // Whether the window has no file that is not large.
  bool empty() const { return window_.empty(); }
  std::size_t size() const { return window_.size(); }
  const std::vector<Candidate>& window() const { return window_; }
  const std::vector<Candidate>& large_window() const { return large_window_; }
  // Files that the last scan found ready and the window did not hold.
  std::uint64_t beyond_window() const { return beyond_window_; }
  // The oldest of the window. Requires: not empty().
  Candidate take();
  // The oldest large file of at most this size; false when there is none.
  bool take_large(std::uint64_t max_size, Candidate* candidate);
  // Puts one that was just found below all others; one that waits already keeps its turn.
  void add_youngest(Candidate candidate);
  void clear_window() {
    window_.clear();
    large_window_.clear();
  }
  // Puts one that was just made on top of the window, complete.
  void add(Candidate candidate, std::uint64_t now_ns);
  // A file that we have made: it is ready, or attached if it is a sidecar.
  void made(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns);

  // Whether this state of a file is ready, and no batch has it in hand.
  bool is_ready(const Directory& folder, const Candidate& candidate, std::uint64_t now_ns);
  // The last scan found more than the window or the ledger holds.
  bool has_more() const { return has_more_ || (has_more_large_ && large_window_.empty()); }
  // When the first of the files that are not ready yet can be; UINT64_MAX for none. Without `patient`, files
  // that changed between two observations do not count.
  std::uint64_t next_observation_ns(bool patient) const {
    return patient ? next_observation_ns_ : next_new_observation_ns_;
  }
  std::size_t unsettled() const { return unsettled_; }
  // Folders and files that the last scan could not read: nobody knows what waits there.
  std::size_t unread() const { return unread_; }

 private:
  Status scan_folder(const Directory& folder, const std::string& relative, int depth);
  void visit(const Directory& folder, const std::string& relative, const std::string& name, int depth);
  void visit_file(const Directory& folder, Candidate candidate);
  // NULL where the ledger has no room for another one.
  LedgerEntry* observe(const Directory& folder, const Candidate& candidate, std::uint64_t now_ns);
  void mark_written(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns);
  bool is_ready(const LedgerEntry& entry, std::uint64_t now_ns) const;
  std::vector<Candidate>& window_of(const Candidate& candidate) {
    return candidate.identity.size < settings_.large_bytes ? window_ : large_window_;
  }
  void offer(Candidate candidate);
  void report_unexpected(const std::string& path, const std::string& event, const std::string& reason);

  Settings settings_;
  Ledger& ledger_;
  std::vector<Candidate> window_;  // oldest last
  std::vector<Candidate> large_window_;
  bool has_more_ = false;
  bool has_more_large_ = false;
  std::uint64_t beyond_window_ = 0;
  std::size_t unsettled_ = 0;
  std::size_t unread_ = 0;
  std::uint64_t next_observation_ns_ = UINT64_MAX;
  std::uint64_t next_new_observation_ns_ = UINT64_MAX;

  // Of the scan in progress.
  std::uint64_t now_ns_ = 0;
  const Classify* classify_ = nullptr;
  const Unexpected* unexpected_ = nullptr;
  const BrokenRemoval* broken_removal_ = nullptr;
};

}  // namespace paxect::link

// Finds the files of the inbox that are complete and hands them out, oldest first.
//
// The scan is the truth. A file is complete when it was proved to be (Settings::judge), when it was seen to
// arrive whole (renamed in, or closed by its writer: arrived()), or when two observations at least the settle
// time apart, on the monotonic clock, showed the same identity. It is ready when the minimum age has passed
// too since the last sign of life. A scan keeps the oldest `window` of the files that are wanted and forgets
// the rest, so that what is held of a large backlog is the state of its looks and no more. Not for two
// threads at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/completeness.h"
#include "base/filesystem.h"
#include "base/status.h"

namespace paxect::link {

// A file of the inbox. `folder` is relative to it, "" for the inbox itself.
struct Candidate {
  std::string folder;
  std::string name;
  FileIdentity identity;

  std::string path() const { return folder.empty() ? name : folder + "/" + name; }
};

class Intake {
 public:
  // Whether a complete file is to be handed out now.
  using Wanted = std::function<bool(const Candidate&)>;
  // Something that is no file to relay, told once: its path in the inbox, an event, a reason.
  using Odd = std::function<void(const std::string& path, const std::string& event, const std::string& why)>;

  // A hidden name at which a removal was broken off, in this folder.
  using Leaving = std::function<void(const Directory&, const std::string& relative, const std::string& name)>;

  // What else is known about a file in this folder, which may have been `written` to at the last observation.
  using Judge = std::function<Judgement(const Directory& folder, const Candidate&, bool written)>;
  using Ignored = std::function<bool(std::string_view name)>;

  struct Settings {
    std::uint64_t settle_ns = 0;
    std::uint64_t min_age_ns = 0;
    bool recursive = false;
    std::size_t window = 16384;
    std::size_t most_looks = std::size_t{1} << 20;  // files beyond wait until others are gone
    Judge judge = {};                               // none: nothing else is known
    Ignored ignored = {};  // names of files and folders that are never looked at; none: all are
  };

  explicit Intake(Settings settings) : settings_(std::move(settings)) {}

  // Looks at everything once and fills the window anew. A folder that cannot be read is told as odd and
  // passed over; a failure is that of the inbox itself.
  Status scan(const Directory& inbox, std::uint64_t now_ns, const Wanted& wanted, const Odd& odd,
              const Leaving& leaving = nullptr);
  // A file that is known to be complete as it is now.
  void arrived(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns);
  // A file that turned out to be written to: it is not complete before something else shows that it is.
  void still_written(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns);

  bool empty() const { return window_.empty(); }
  std::size_t size() const { return window_.size(); }
  const std::vector<Candidate>& window() const { return window_; }
  // Files that the last scan found wanted and the window did not hold.
  std::uint64_t beyond_window() const { return beyond_window_; }
  // The oldest of the window. Not empty().
  Candidate take();
  // Puts back what was taken last.
  void put_back(Candidate candidate) { window_.push_back(std::move(candidate)); }
  // Puts one that just came below all others; one that waits already keeps its turn.
  void add_youngest(Candidate candidate);
  void clear_window() { window_.clear(); }
  // Puts one that was made right now on top of the window, complete.
  void add(Candidate candidate);
  // A file that we have made: it is ready.
  void made(const std::string& path, const FileIdentity& identity);

  // Whether this state of a file is ready.
  bool is_ready(const Directory& folder, const Candidate& candidate, std::uint64_t now_ns);
  // Whether the last scan saw a file of this name and state.
  bool knows(const std::string& path, const FileIdentity& identity) const;
  // The last scan found more than the window holds.
  bool has_more() const { return has_more_; }
  // Files waiting for their second look, and when the first of them can have it (UINT64_MAX: none). Files
  // that changed between two looks count as restless, not as unsettled, if `patient` is false.
  std::uint64_t next_look_ns(bool patient) const { return patient ? next_look_ns_ : next_new_look_ns_; }
  std::size_t unsettled() const { return unsettled_; }
  // Folders and files that the last scan could not look at: nobody knows what waits there.
  std::size_t unread() const { return unread_; }
  // Files that the last scan saw, of any state.
  std::size_t seen() const { return looks_.size(); }

 private:
  struct Look {
    FileIdentity identity;
    std::uint64_t since_ns = 0;  // of the first observation of this state
    std::uint64_t quiet_ns = 0;  // when the last sign of life was noticed, or is known to have been
    std::uint32_t generation = 0;
    bool complete = false;
    bool restless = false;  // changed or was written to since the first observation
    bool written = false;   // somebody had it open for writing
  };

  Status scan_folder(const Directory& folder, const std::string& relative, int depth);
  void visit(const Directory& folder, const std::string& relative, const std::string& name, int depth);
  void visit_file(const Directory& folder, Candidate candidate);
  void mark_written(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns);
  // NULL where there is no room for another one.
  Look* observe(const Directory& folder, const Candidate& candidate, std::uint64_t now_ns);
  bool is_ready(const Look& look, std::uint64_t now_ns) const;
  void offer(Candidate candidate);
  void tell_odd(const std::string& path, const std::string& event, const std::string& why);

  Settings settings_;
  std::unordered_map<std::string, Look> looks_;
  std::unordered_map<std::string, std::uint32_t>
      told_;                       // odd ones, by path, with the scan that saw them last
  std::vector<Candidate> window_;  // oldest last
  std::uint32_t generation_ = 0;
  bool has_more_ = false;
  std::uint64_t beyond_window_ = 0;
  std::size_t unsettled_ = 0;
  std::size_t unread_ = 0;
  std::uint64_t next_look_ns_ = UINT64_MAX;
  std::uint64_t next_new_look_ns_ = UINT64_MAX;

  // Of the scan in progress.
  std::uint64_t now_ns_ = 0;
  const Wanted* wanted_ = nullptr;
  const Odd* odd_ = nullptr;
  const Leaving* leaving_ = nullptr;
};

}  // namespace paxect::link

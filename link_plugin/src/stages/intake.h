// Finds the files of the inbox that are complete and hands them out, oldest first.
//
// The scan is the truth. A file is complete when two looks at least the settle time apart, on the monotonic
// clock, showed the same identity, or when it was seen to arrive whole (renamed in, or closed by its writer:
// arrived()). A scan keeps the oldest `window` of the files that are wanted and forgets the rest, so that
// what is held of a large backlog is the state of its looks and no more. Not for two threads at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

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

  struct Settings {
    std::uint64_t settle_ns = 0;
    bool recursive = false;
    std::size_t window = 16384;
    std::size_t most_looks = std::size_t{1} << 20;  // files beyond wait until others are gone
  };

  explicit Intake(const Settings& settings) : settings_(settings) {}

  // Looks at everything once and fills the window anew. A folder that cannot be read is told as odd and
  // passed over; a failure is that of the inbox itself.
  Status scan(const Directory& inbox, std::uint64_t now_ns, const Wanted& wanted, const Odd& odd,
              const Leaving& leaving = nullptr);
  // A file that is known to be complete as it stands.
  void arrived(const std::string& path, const FileIdentity& identity);

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

  // Whether this state of a file was seen to be complete.
  bool is_settled(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns) const;
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
    std::uint64_t since_ns = 0;
    std::uint32_t generation = 0;
    bool complete = false;
    bool restless = false;
  };

  Status scan_folder(const Directory& folder, const std::string& relative, int depth);
  void visit(const Directory& folder, const std::string& relative, const std::string& name, int depth);
  void visit_file(Candidate candidate);
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

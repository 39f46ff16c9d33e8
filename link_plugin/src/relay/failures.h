// What becomes of a file that could not be delivered: it waits, stays blocked, or goes to the quarantine, and
// the audit log says why.
//
// Not for two threads at a time.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/tree.h"
#include "records/journal.h"
#include "records/ledger.h"
#include "relay/metrics.h"
#include "relay/reporter.h"
#include "settings/link_config.h"
#include "settings/policy.h"
#include "stages/intake.h"
#include "stages/quarantine.h"

namespace paxect::link {

// Receives the names that files of `folder` got back while `source` was removed or moved away.
using Returned = std::function<void(const Directory& folder, const Candidate& source,
                                    const std::vector<std::string>& names)>;

class Failures {
 public:
  // What a relay has, and Failures uses. `metrics` is NULL when nobody asked for them.
  struct Parts {
    const Host& host;
    const LinkConfig& config;
    const Policy& policy;
    Tree& inbox;
    Reporter& reporter;
    Ledger& ledger;
    Journal& journal;
    Quarantine& quarantine;
    Metrics* metrics;
    // Receives each file that somebody has open for writing: nothing is reported, and it is observed again.
    std::function<void(const Candidate&)> open_for_writing;
    Returned returned;
  };

  explicit Failures(const Parts& parts) : parts_(parts) {}

  // One try of a file came to nothing.
  void note(const Candidate& source, const Status& status);
  struct Failed {
    const Candidate* source;
    const Status* status;
  };
  // The same for the files of one batch. A trouble of our own, such as a disk that is gone, is reported for
  // the first of them, with the number of the others.
  void note(std::span<const Failed> failed);
  // Tries again to move what could not be moved to the quarantine, and completes moves that an earlier
  // process left.
  void retry_quarantine();
  // The audit log is durable: the moves that it reports are over.
  void note_flushed();
  // The problem that report_problem() has while a file cannot be moved to the quarantine.
  static constexpr const char* kMoveProblem = "move to the quarantine";
  bool owes_quarantine() const { return parts_.ledger.first_owed() != nullptr; }
  // Whether a file went to the quarantine since the start.
  bool has_quarantined() const { return has_quarantined_; }

 private:
  // A trouble that several files have: the first of them, and how many they are.
  struct Trouble {
    Failed first;
    std::size_t count;
  };
  using Troubles = std::map<std::string, Trouble>;  // by event

  void note(const Candidate& source, const Status& status, Troubles* troubles);
  void report(const Candidate& source, const Status& status);
  void quarantine(const Candidate& source, const Wait& wait);
  void report_owed();
  void retry_moves();
  void delay_moves();
  Status move_to_quarantine(const Candidate& source, const Wait& wait);
  const Aside* find_aside(const Candidate& source) const;
  Status set_aside(const Directory& folder, const Candidate& source, const Wait& wait, Aside* aside);
  void complete(const Aside& aside);
  void log_quarantine(const Aside& aside);

  Parts parts_;
  std::vector<std::uint64_t> logged_;  // ids of moves whose line is in the audit log or in its memory
  bool has_quarantined_ = false;
  unsigned failed_moves_ = 0;  // rounds of moves in a row that did not move all
  std::uint64_t next_moves_ns_ = 0;
};

}  // namespace paxect::link

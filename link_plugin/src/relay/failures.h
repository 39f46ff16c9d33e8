// What becomes of a file that could not be delivered: it waits, stays blocked, or goes to the quarantine, and
// the audit log says why.
//
// Not for two threads at a time.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/tree.h"
#include "relay/metrics.h"
#include "relay/reporter.h"
#include "relay/returned_files.h"
#include "settings/link_config.h"
#include "settings/policy.h"
#include "stages/intake.h"
#include "stages/quarantine.h"
#include "stages/retry.h"

namespace paxect::link {

class Failures {
 public:
  // What a relay has, and Failures uses. `metrics` is NULL when nobody asked for them.
  struct Parts {
    const Host& host;
    const LinkConfig& config;
    const Policy& policy;
    Tree& inbox;
    Reporter& reporter;
    ReturnedFiles& returned;
    RetryTable& retry;
    Quarantine& quarantine;
    Metrics* metrics;
    // Receives each file that somebody has open for writing: nothing is said of it, and it is looked at
    // again.
    std::function<void(const Candidate&)> open_for_writing;
  };

  explicit Failures(const Parts& parts) : parts_(parts) {}

  // One try of a file came to nothing.
  void note(const Candidate& source, const Status& status);
  // The file is on its way or gone.
  void forget(const std::string& path) { parts_.retry.forget(path); }
  // Tries again to move what could not be moved to the quarantine.
  void retry_quarantine();
  bool owes_quarantine() const { return !owed_.empty(); }
  // Whether a file went to the quarantine since the start.
  bool has_quarantined() const { return has_quarantined_; }

 private:
  void report(const Candidate& source, const Status& status);
  void quarantine(const Candidate& source, const FileRecord& record);
  void report_owed();
  Status move_to_quarantine(const Candidate& source, const FileRecord& record);

  Parts parts_;
  std::map<std::string, Candidate> owed_;  // that could not be moved to the quarantine, by path
  bool has_quarantined_ = false;
};

}  // namespace paxect::link

// What a relay counts and measures, for Prometheus: a text file that node_exporter's textfile collector, or
// anything else that reads the format, picks up. MONITORING.md lists the metrics.
//
// Nothing depends on it: counters start at 0 with the relay, the file may be late by kInterval, and a failure
// to write it is reported once and tried again. It names no file of the inbox. Not for two threads at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "records/ledger.h"
#include "relay/transfer.h"
#include "stages/delivery.h"

namespace paxect::link {

// The state at the moment of writing.
struct MetricsSnapshot {
  bool running = true;
  std::int64_t utc_ns = 0;
  LedgerTally files;
  std::uint64_t oldest_age_s = 0;                  // of those that are ready, working or pending; 0: none
  std::map<std::string, std::string> waiting_for;  // what the relay itself waits for, by what it is about
  // Of the large files that are being worked on.
  std::uint64_t in_hand_bytes = 0;
  std::uint64_t in_hand_read_bytes = 0;
  std::int64_t in_hand_since_utc_ns = 0;  // of the first of them; 0: there is none
  std::uint64_t in_quarantine = 0;
  std::map<std::string_view, std::uint64_t> peers;  // by their state
  // Of the senders whose lists are read.
  std::uint64_t proof_expected = 0;
  std::uint64_t proof_missing = 0;
  std::uint64_t proof_unlisted = 0;
  std::uint64_t proof_replayed = 0;
  std::uint64_t proof_jumped = 0;
  std::uint64_t proof_silent = 0;
  std::uint64_t proof_forked = 0;
  // Of what this relay lists.
  std::uint64_t lists_written = 0;  // since the start
  std::uint64_t unreceipted = 0;
  std::uint64_t unreceipted_age_s = 0;  // of the first of these; 0: there is none
  std::int64_t receipt_utc_s = 0;       // 0: there is none
  std::uint64_t reported_missing = 0;
  std::uint64_t reported_refused = 0;
  std::uint64_t troubles = 0;  // of our own, that hold up some of the work
};

class Metrics {
 public:
  static constexpr std::uint64_t kInterval = 5 * kSecond;

  // `path`: the file, whose name without its suffix becomes the label `relay`.
  explicit Metrics(const std::string& path, std::int64_t start_utc_ns);
  ~Metrics();

  // A product has its name and its source may go. `arrived_ns`: since when the source was there, in UTC.
  void delivered(Route route, Published published, const Codec::Result& result, std::int64_t arrived_ns,
                 std::int64_t utc_ns);
  // A source was damaged, and was delivered as it was before the damage.
  void repaired(std::uint64_t cells);
  // A try that came to nothing; what merely waits or changed is none.
  void failed(Route route, const Status& status);
  void quarantined();

  bool due(std::uint64_t monotonic_ns) const { return monotonic_ns >= due_ns_; }
  std::uint64_t due_ns() const { return due_ns_; }
  // Replaces the file; readable by all, whatever the umask: the collector is another user.
  Status write(const MetricsSnapshot& snapshot, std::uint64_t monotonic_ns);
  // What write() writes.
  std::string text(const MetricsSnapshot& snapshot);

 private:
  struct Series;

  std::string path_;
  std::unique_ptr<Series> series_;
  std::uint64_t due_ns_ = 0;
};

// The label `reason` of a failure: one of a short list, whatever the message holds.
std::string_view reason_label(const Status& status);

}  // namespace paxect::link

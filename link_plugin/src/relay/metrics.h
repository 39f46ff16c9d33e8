// What a relay counts and measures, for Prometheus: a text file that node_exporter's textfile collector, or
// anything else that reads the format, picks up. MONITORING.md lists the metrics.
//
// Nothing depends on it: counters start at 0 with the relay, the file may be late by kInterval, and a failure
// to write it is told once and tried again. It names no file of the inbox. Not for two threads at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "relay/transfer.h"
#include "stages/delivery.h"

namespace paxect::link {

// What stands at the moment of writing.
struct MetricsSnapshot {
  bool running = true;
  std::int64_t utc_ns = 0;
  std::uint64_t ready = 0;     // complete, not tried yet or to be tried again now
  std::uint64_t settling = 0;  // not complete yet
  std::uint64_t pending = 0;   // to be tried again later
  std::uint64_t blocked = 0;
  std::int64_t oldest_mtime_ns = 0;  // of those that are ready or pending; 0: there are none
  std::uint64_t in_quarantine = 0;
  std::map<std::string_view, std::uint64_t> peers;  // by their state
  std::uint64_t troubles = 0;                       // of our own disk and directories
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

// What a relay reports to the operator's commands: a file beside its lock, which the relay replaces while it
// runs and leaves behind when it ends.
//
// Its modification time is the relay's sign of life. The thread that works sets it every few seconds, also
// when the contents stay the same. A relay that is stopped or hangs does not.
//
// Nothing but the count of attempts over restarts depends on it. It is not flushed, it may be a second and a
// step old, and a reader ignores one that it cannot read. The lock alone says whether the relay runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/filesystem.h"
#include "records/ledger.h"

namespace paxect::link {

// A file of the inbox that could not be delivered.
struct WaitingFile {
  std::string path;  // in the inbox
  FileIdentity identity;
  FileState state = FileState::kPending;  // or kBlocked, kHeld
  unsigned attempts = 0;
  std::int64_t next_try_utc_ns = 0;  // 0 unless it is pending
  std::int64_t arrived_utc_ns = 0;
  std::int64_t first_utc_ns = 0;
  std::int64_t last_utc_ns = 0;
  std::string event;
  std::string reason;
};

// A large file that is being worked on.
struct FileInHand {
  std::string path;  // in the inbox
  std::uint64_t size = 0;
  std::uint64_t bytes_read = 0;
  std::int64_t since_utc_ns = 0;
};

// How long files took from their arrival in the inbox to their durable delivery.
struct LatencySummary {
  std::uint64_t files = 0;
  double median_s = 0;
  double p95_s = 0;  // 95 % of the files took at most this
};

struct RelayState {
  std::int64_t pid = 0;
  std::string waiting_for;           // what the relay itself waits for, such as a place; "" for nothing
  std::int64_t oldest_utc_ns = 0;    // arrival of the oldest file on its way or to be tried; 0: none
  std::uint64_t waiting_count = 0;   // all of them
  std::vector<WaitingFile> waiting;  // at most kMaxListed
  std::vector<FileInHand> in_hand;
  std::optional<LatencySummary> latency;       // of the last minute; nothing when no file was delivered
  std::uint64_t repaired_files = 0;            // containers that were damaged, since the start
  std::uint64_t repaired_cells = 0;            // of these
  std::map<std::string, std::string> trouble;  // of our own, by what it is about
  std::int64_t written_utc_ns = 0;

  static constexpr std::size_t kMaxListed = 1000;
};

std::string to_json(const RelayState& state);
std::optional<RelayState> parse_state(std::string_view text);
// The last state of the relay with this lock, if it left one. `*alive_utc_ns`, when asked for, receives its
// last sign of life.
std::optional<RelayState> read_state(const std::string& lock_path, std::int64_t* alive_utc_ns = nullptr);

// The writer. Not for two threads at a time, but for keep_alive().
class StateFile {
 public:
  explicit StateFile(const std::string& lock_path);

  // The longest time between two signs of life, unless the disk holds one up.
  static constexpr std::uint64_t kAliveInterval = 5 * kSecond;

  // The earliest time of the next write.
  std::uint64_t due_ns() const { return due_ns_; }
  // Gives a sign of life if the last one is more than half of kAliveInterval old. Safe for several threads,
  // also beside write().
  void keep_alive(std::uint64_t monotonic_ns, std::int64_t realtime_ns);
  // Replaces the file unless only the time would change. Where that fails, the file reports the reason and as
  // much else as fits into its block; a failure of that too is ignored, since the next write may work.
  void write(const RelayState& state, std::uint64_t monotonic_ns);

 private:
  void overwrite(RelayState state, const std::string& problem) const;
  // By the clock of this host: a server may have another one.
  void set_time(std::int64_t realtime_ns) const;

  std::string path_;
  std::string last_;  // as written, without the time
  std::uint64_t due_ns_ = 0;
  std::atomic<std::uint64_t> alive_ns_{0};  // last sign of life
};

}  // namespace paxect::link

// What is known of the inputs that are not on their way: blocked, failed and waiting, or refused for good.
//
// Each record belongs to one state of one file (its identity): a file that changes starts afresh. Times of
// the next try are on the monotonic clock, first and last times are UTC. Not for two threads at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "base/filesystem.h"

namespace paxect::link {

enum class FileState {
  kPending,  // tried again at next_try_ns
  kBlocked   // by the policy, until the file or the policy changes
};

struct FileRecord {
  FileIdentity identity;
  FileState state = FileState::kPending;
  unsigned attempts = 0;  // that count against the file
  unsigned delays = 0;    // in a row, of any reason
  std::uint64_t next_try_ns = 0;
  std::int64_t first_utc_ns = 0;
  std::int64_t last_utc_ns = 0;
  std::string event;
  std::string reason;
};

class RetryTable {
 public:
  // `random` gives any 64 bits, for the jitter.
  RetryTable(std::uint64_t backoff_ns, std::function<std::uint64_t()> random);

  // The record of this state of the file, NULL when there is none.
  const FileRecord* find(const std::string& path, const FileIdentity& identity) const;
  // Notes a block, a failure that counts as an attempt, or one that does not. True when it is news: another
  // event or reason than the one noted for this state of the file.
  bool note(const std::string& path, const FileIdentity& identity, FileState state, bool counts,
            const std::string& event, const std::string& reason, std::uint64_t now_ns, std::int64_t utc_ns);
  // Takes up the attempts that a relay before this one counted. Due at once, and news when it fails again.
  void recall(const std::string& path, const FileIdentity& identity, unsigned attempts,
              std::int64_t first_utc_ns);
  void forget(const std::string& path) { records_.erase(path); }
  // What the policy blocked may pass now.
  void forget_blocks();
  // Drops the records of files that are no more.
  void keep_only(const std::function<bool(const std::string& path, const FileRecord&)>& still_there);

  // When the next of the pending ones that were not due yet at `seen_ns` is; UINT64_MAX for none.
  std::uint64_t next_try_ns(std::uint64_t seen_ns) const;
  const std::unordered_map<std::string, FileRecord>& records() const { return records_; }

  // backoff * 2^(delays - 1), at most an hour, and of that a random share from a half to the whole.
  static std::uint64_t delay_ns(std::uint64_t backoff_ns, unsigned delays, std::uint64_t random);

 private:
  std::uint64_t backoff_ns_;
  std::function<std::uint64_t()> random_;
  std::unordered_map<std::string, FileRecord> records_;
};

}  // namespace paxect::link

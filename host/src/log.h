// Lines for the operator on standard error: "[LINK] message". Lines of several threads never mix, and neither
// do those of several processes up to the size that a pipe takes in one write(2). A line blocks until it is
// written, also on a non-blocking descriptor; one that cannot be written is lost. No time stamps: journald
// and its like add their own. Where the journal reads (JOURNAL_STREAM names our descriptor), a line begins
// with its priority: "<3>" is an error.
#pragma once

#include <paxect/plugin.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "status.h"

namespace paxect::host {

// Writes control characters (C0, DEL, C1), invisible and bidirectional formatting characters, line separators
// and bytes that are not UTF-8 as \n, \t or \xHH, and everything else as it is. A file name cannot forge a
// line, move the cursor or show itself as another name.
std::string escape(std::string_view text);

// Any thread may write.
class Log {
 public:
  // Levels below warn are shown with `verbose` only.
  explicit Log(bool verbose, int fd = 2);

  // A line of an instance; `level` is PAXECT_LOG_*.
  void write(std::string_view instance, std::int32_t level, std::string_view message) const;
  // A line of the host itself: "paxect: message".
  void write(std::string_view message) const { write(PAXECT_LOG_ERROR, message); }
  void write(std::int32_t level, std::string_view message) const;
  // All lines of a failure.
  void write(const Status& failure) const;
  // The same, but the line is dropped when it cannot be written at once, because the reader of standard error
  // has stopped, for instance.
  void write_if_ready(std::int32_t level, std::string_view message) const;

 private:
  std::string line(std::int32_t level, std::string_view text) const;
  void put(const std::string& line) const;

  mutable std::mutex mutex_;  // a line may take several writes
  int fd_;
  bool verbose_;
  bool journal_;
};

}  // namespace paxect::host

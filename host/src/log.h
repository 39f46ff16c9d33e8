// Lines for the operator on standard error: "[LINK] message", one write(2) each, so that lines of several
// threads and processes never mix. No time stamps: journald and its like add their own. Where it is the
// journal that reads (JOURNAL_STREAM names our descriptor), a line begins with its priority: "<3>" is an
// error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace paxect::host {

// Control characters and bytes that are no UTF-8 as \n, \t, \xHH; all else as it is. A file name cannot
// forge a line or move the cursor.
std::string escape(std::string_view text);

// Any thread may write.
class Log {
 public:
  // Levels below warn are shown with `verbose` only.
  explicit Log(bool verbose, int fd = 2);

  // A line of an instance; `level` is PAXECT_LOG_*.
  void write(std::string_view instance, std::int32_t level, std::string_view message) const;
  // A line of the host itself: "paxect: message".
  void write(std::string_view message) const;

 private:
  void put(std::int32_t level, const std::string& text) const;

  int fd_;
  bool verbose_;
  bool journal_;
};

}  // namespace paxect::host

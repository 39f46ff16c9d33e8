// One line of the journal: words separated by blanks, names with other bytes as %HH, closed by the first 8
// hexadecimal digits of its SHA-256. Each kind of record is written and read by these.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/filesystem.h"

namespace paxect::link {

// Builds a line word by word.
class JournalLine {
 public:
  explicit JournalLine(std::string_view kind) : text_(kind) {}
  JournalLine& text(std::string_view bytes);
  template <class Number>
  JournalLine& number(Number value) {
    text_ += " " + std::to_string(value);
    return *this;
  }
  JournalLine& identity(const FileIdentity& identity) {
    return number(identity.size).number(identity.mtime_ns).number(identity.inode).number(identity.ctime_ns);
  }
  JournalLine& flag(bool on) { return number(on ? 1 : 0); }
  // With its checksum and LF.
  std::string finish() const;

 private:
  std::string text_;
};

// Takes the words of a line one by one. A word that is missing is "", 0 or false.
class JournalWords {
 public:
  explicit JournalWords(std::string_view line) : rest_(line) {}
  std::string_view next();
  std::string text();
  template <class Number>
  void number(Number* value) {
    std::string_view text = next();
    std::from_chars(text.data(), text.data() + text.size(), *value);
  }
  FileIdentity identity();
  bool flag() { return next() == "1"; }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// The line, given without its LF, without its checksum; "" when that does not match.
std::string_view checked_line(std::string_view line);

}  // namespace paxect::link

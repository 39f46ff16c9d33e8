// The chain of the audit log: each line states its number and a SHA-256 over the line before it and itself,
// as PROOF.md specifies it. No key is needed to check it, and none prevents that all of it is made again:
// what was stated to others is the evidence against that.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proof/statement.h"

namespace paxect::link {

// The line with its chain, which follows `*head`; that becomes the head. Requires: a JSON object with a
// member, and LF.
std::string chained_line(std::string_view line, LogHead* head);

// What a line without its LF states; false when it does not end with a chain.
bool read_chain(std::string_view line, LogHead* out);

// Whether this line, without its LF, is the one after that head.
bool follows(const LogHead& before, std::string_view line);

// Checks lines one after another.
class ChainChecker {
 public:
  // The lines that follow are those of another file. `after_gap`: files that may be between the two could not
  // be read, so that lines may be missing there.
  void begin_file(bool after_gap);
  // False when the chain breaks with this line; then problem() says how, and nothing more is checked. The
  // line is without its LF. `is_record`: it is a whole JSON object, and not the rest of a line.
  bool add(std::string_view line, bool is_record);

  const std::string& problem() const { return problem_; }
  // Of the last line with a chain.
  const LogHead& head() const { return head_; }
  // The number of the first one, 0 for none. What was before it cannot be checked.
  std::uint64_t first() const { return first_; }
  std::uint64_t lines() const { return lines_; }          // with a chain
  std::uint64_t unchained() const { return unchained_; }  // before the first of them
  std::uint64_t missing() const { return missing_; }      // with numbers that fall into gaps between files
  std::uint64_t torn() const { return torn_; }            // no records, passed over

 private:
  bool fail(std::string problem);

  LogHead head_;
  std::uint64_t first_ = 0;
  std::uint64_t lines_ = 0;
  std::uint64_t unchained_ = 0;
  std::uint64_t torn_ = 0;
  std::uint64_t missing_ = 0;
  bool may_lack_ = false;            // the next line with a chain need not follow the one before
  bool is_after_unchained_ = false;  // the line before, in the same file, has no chain
  std::string problem_;
};

}  // namespace paxect::link

#include "proof/log_chain.h"

#include <utility>

#include "base/digest.h"

namespace paxect::link {
namespace {

constexpr std::string_view kKey = ", \"chain\": \"";
constexpr std::string_view kEnd = "\"}";

// Of a line without chain and LF that follows `before`.
std::string chain_of(const LogHead& before, std::string_view line) {
  return sha256_hex(log_head_value(before) + "\n" + std::string(line) + "\n");
}

// The line without its chain.
std::string without_chain(std::string_view line) {
  return std::string(line.substr(0, line.rfind(kKey))) + "}";
}

}  // namespace

std::string chained_line(std::string_view line, LogHead* head) {
  line.remove_suffix(1);
  *head = {.lines = head->lines + 1, .chain = chain_of(*head, line)};
  line.remove_suffix(1);
  return std::string(line) + std::string(kKey) + log_head_value(*head) + std::string(kEnd) + "\n";
}

bool read_chain(std::string_view line, LogHead* out) {
  const std::size_t key = line.rfind(kKey);
  if (key == std::string_view::npos || !line.ends_with(kEnd) || !line.starts_with('{')) return false;
  const std::string_view value = line.substr(key + kKey.size());
  return parse_log_head_value(value.substr(0, value.size() - kEnd.size()), out) && out->lines > 0;
}

bool follows(const LogHead& before, std::string_view line) {
  LogHead stated;
  return read_chain(line, &stated) && stated.lines == before.lines + 1 &&
         stated.chain == chain_of(before, without_chain(line));
}

void ChainChecker::begin_file(bool after_gap) {
  may_lack_ = after_gap;
  is_after_unchained_ = false;
}

bool ChainChecker::add(std::string_view line, bool is_record) {
  if (!problem_.empty()) return false;
  LogHead stated;
  if (!is_record) {
    ++torn_;
    return true;
  }
  if (!read_chain(line, &stated)) {
    if (line.find(kKey) != std::string_view::npos) return fail("its chain cannot be read: it was changed");
    if (first_ == 0) {
      ++unchained_;
      is_after_unchained_ = true;
      return true;
    }
    return fail("this line has no chain: it was inserted, or an older version wrote it");
  }
  if (first_ == 0) {
    if (is_after_unchained_ && stated.lines > 1)
      return fail("line " + std::to_string(stated.lines) +
                  " follows lines without a chain: theirs was removed, and they may have been changed");
    first_ = stated.lines;
    // Before another line than the first one there was one that is not here.
    if (stated.lines == 1 && stated.chain != chain_of({}, without_chain(line)))
      return fail("line 1 was changed");
  } else if (stated.lines == 1) {
    return fail("a new chain begins after line " + std::to_string(head_.lines) +
                ": the log was removed, or replaced");
  } else if (may_lack_ && stated.lines > head_.lines + 1) {
    missing_ += stated.lines - head_.lines - 1;
  } else if (stated.lines != head_.lines + 1) {
    return fail("line " + std::to_string(stated.lines) + " follows line " + std::to_string(head_.lines) +
                (stated.lines > head_.lines ? ": the lines between them were removed"
                                            : ": lines were repeated, or their order was changed"));
  } else if (stated.chain != chain_of(head_, without_chain(line))) {
    return fail("line " + std::to_string(stated.lines) + " was changed, or the line before it");
  }
  may_lack_ = false;
  head_ = std::move(stated);
  ++lines_;
  return true;
}

bool ChainChecker::fail(std::string problem) {
  problem_ = std::move(problem);
  return false;
}

}  // namespace paxect::link

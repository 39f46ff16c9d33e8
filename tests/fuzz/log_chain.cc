// Reads any bytes as the lines of an audit log: as they are, and as lines that a relay has chained. A log
// whose lines were all chained is intact, and it is not when any of them is changed, left out or repeated.
#include "proof/log_chain.h"

#include <string>
#include <vector>

#include "fuzz.h"

namespace paxect::fuzz {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty() && lines.size() < 64) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

bool is_intact(const std::vector<std::string>& lines) {
  link::ChainChecker checker;
  checker.begin_file(false);
  for (const std::string& line : lines)
    if (!checker.add(line, true)) return false;
  return true;
}

// What any bytes are taken for.
void check_any(const std::vector<std::string>& lines) {
  link::ChainChecker checker;
  std::size_t added = 0;
  for (const std::string& line : lines) {
    if (line == "next file") checker.begin_file(added % 2 == 0);
    const bool is_record = line.starts_with('{') && line.ends_with('}');
    const bool is_good = checker.add(line, is_record);
    FUZZ_REQUIRE(is_good == checker.problem().empty());
    FUZZ_REQUIRE(checker.problem().find('\n') == std::string::npos);
    if (!is_good) break;
    ++added;
    if (link::LogHead stated; is_record && link::read_chain(line, &stated) && checker.lines() > 0)
      FUZZ_REQUIRE(stated.lines > 0);
  }
  FUZZ_REQUIRE(checker.lines() + checker.unchained() + checker.torn() == added);
  if (checker.problem().empty()) FUZZ_REQUIRE((checker.first() == 0) == (checker.lines() == 0));
}

// Whatever a line says, also where it has the words of a chain itself.
void check_chained(const std::vector<std::string>& lines, std::size_t choice) {
  link::LogHead head;
  std::vector<std::string> chained;
  for (const std::string& line : lines) {
    chained.push_back(link::chained_line("{\"line\": \"" + line + "\"}\n", &head));
    FUZZ_REQUIRE(chained.back().ends_with("\n"));
    chained.back().pop_back();
    link::LogHead stated;
    FUZZ_REQUIRE(link::read_chain(chained.back(), &stated) && stated == head);
  }
  FUZZ_REQUIRE(is_intact(chained));
  // Where the only line is changed into one without a chain, an older version may have written it.
  if (chained.size() < 2) return;
  const std::size_t at = choice % chained.size();
  std::vector<std::string> other = chained;
  std::string& line = other[at];
  line[1 + choice % (line.size() - 2)] ^= 1;
  FUZZ_REQUIRE(!is_intact(other));
  other = chained;
  other.insert(other.begin() + static_cast<std::ptrdiff_t>(at), chained[at]);
  FUZZ_REQUIRE(!is_intact(other));
  if (at == 0 || at + 1 == chained.size()) return;  // the end of a log may be cut off, and its beginning
  other = chained;
  other.erase(other.begin() + static_cast<std::ptrdiff_t>(at));
  FUZZ_REQUIRE(!is_intact(other));
}

}  // namespace
}  // namespace paxect::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::string> lines = paxect::fuzz::lines_of(paxect::fuzz::view(data, size));
  paxect::fuzz::check_any(lines);
  paxect::fuzz::check_chained(lines, size * 7919);
  return 0;
}

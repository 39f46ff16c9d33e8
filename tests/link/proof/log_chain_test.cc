#include "proof/log_chain.h"

#include <algorithm>
#include <vector>

#include "base/digest.h"
#include "link/proof/vectors.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

using Lines = std::vector<std::string>;

Lines chained_lines(std::size_t count, LogHead head = {}) {
  Lines lines;
  for (std::size_t i = 0; i < count; ++i)
    lines.push_back(chained_line("{\"event\": \"e\", \"id\": " + std::to_string(i) + "}\n", &head));
  return lines;
}

// What a checker says to lines that all are records.
ChainChecker checked(const Lines& lines) {
  ChainChecker checker;
  for (const std::string& line : lines)
    if (!checker.add(line.substr(0, line.size() - 1), true)) break;
  return checker;
}

std::string problem_of(const Lines& lines) { return checked(lines).problem(); }

TEST_CASE("The log of the vectors is intact, over a rotation and the rest of a line") {
  ChainChecker checker;
  std::size_t lines = 0;
  for (const char* part : {"log.jsonl.1", "log.jsonl"}) {
    checker.begin_file(false);
    const std::string text = test::vector_text(part);
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      const std::string line = text.substr(begin, end - begin);
      CHECK(checker.add(line, line.ends_with("}")));
      ++lines;
    }
  }
  INFO(checker.problem());
  CHECK(lines == 6);
  CHECK(checker.first() == 1);
  CHECK(checker.lines() == 5);
  CHECK(checker.torn() == 1);
  CHECK(checker.head().lines == 5);
}

TEST_CASE("A line states its number and the SHA-256 of the line before it and itself, for a shell to check") {
  const Lines lines = chained_lines(3);
  CHECK(lines[0] == "{\"event\": \"e\", \"id\": 0, \"chain\": \"1 " +
                        sha256_hex("0 -\n{\"event\": \"e\", \"id\": 0}\n") + "\"}\n");
  test::TempDir temp;
  std::string text;
  for (const std::string& line : lines) text += line;
  test::write_file(temp / "log", text);
  const char* check = R"sh(
    n=0 head='0 -'
    while IFS= read -r line; do
      n=$((n + 1))
      head="$n $(printf '%s\n%s}\n' "$head" "${line%, \"chain\": *}" | sha256sum | cut -c -64)"
      [ "${line##*\"chain\": }" = "\"$head\"}" ] || { echo "line $n was changed"; exit 1; }
    done <log
    echo "$head")sh";  // as in PROOF.md
  test::Result result = test::run({.argv = {"sh", "-c", check}, .directory = temp.path()});
  CHECK(result.output == log_head_value(checked(lines).head()) + "\n");
}

TEST_CASE("A chain that begins with its first line, or later, is intact") {
  CHECK(checked(chained_lines(5)).first() == 1);
  CHECK(checked(chained_lines(5)).head().lines == 5);
  const Lines lines = chained_lines(9);
  const ChainChecker later = checked({lines.begin() + 4, lines.end()});
  CHECK(later.problem().empty());
  CHECK(later.first() == 5);
  CHECK(later.lines() == 5);
}

TEST_CASE("Lines that lost their chain, and a chain that cannot be read, are found") {
  Lines lines = chained_lines(6);
  for (std::size_t i = 0; i < 3; ++i) lines[i] = lines[i].substr(0, lines[i].find(", \"chain\"")) + "}\n";
  CHECK(problem_of(lines) ==
        "line 4 follows lines without a chain: theirs was removed, and they may have been changed");
  lines = chained_lines(6);
  for (std::string& line : lines) line.insert(line.size() - 1, "\r");
  CHECK(problem_of(lines) == "its chain cannot be read: it was changed");
}

TEST_CASE("Lines may be missing between two files only where others were passed over") {
  const Lines lines = chained_lines(9);
  for (const bool after_gap : {false, true}) {
    ChainChecker checker;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (i == 3) i = 6;
      if (i == 6) checker.begin_file(after_gap);
      checker.add(lines[i].substr(0, lines[i].size() - 1), true);
    }
    CHECK(checker.problem().empty() == after_gap);
    CHECK(checker.missing() == (after_gap ? 3 : 0));
  }
  ChainChecker checker;
  checker.begin_file(true);
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{3}})
    checker.add(lines[i].substr(0, lines[i].size() - 1), true);
  CHECK_FALSE(checker.problem().empty());
}

TEST_CASE("A line that was removed, repeated, moved or inserted is found") {
  const Lines lines = chained_lines(6);
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    Lines other = lines;
    other.erase(other.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(problem_of(other) == "line " + std::to_string(i + 2) + " follows line " + std::to_string(i) +
                                   ": the lines between them were removed");
    other = lines;
    other.insert(other.begin() + static_cast<std::ptrdiff_t>(i), lines[i]);
    CHECK_FALSE(problem_of(other).empty());
    other = lines;
    std::swap(other[i], other[i + 1]);
    CHECK_FALSE(problem_of(other).empty());
    other = lines;
    other.insert(other.begin() + static_cast<std::ptrdiff_t>(i), "{\"event\": \"e\"}\n");
    CHECK_FALSE(problem_of(other).empty());
  }
  Lines twice = lines;
  for (const std::string& line : chained_lines(2)) twice.push_back(line);
  CHECK(problem_of(twice) == "a new chain begins after line 6: the log was removed, or replaced");
  // Numbers that fit, but of another log.
  Lines joined = chained_lines(3);
  LogHead other{.lines = 3, .chain = std::string(64, 'a')};
  joined.push_back(chained_line("{\"event\": \"e\"}\n", &other));
  CHECK(problem_of(joined) == "line 4 was changed, or the line before it");
}

TEST_CASE("Of every line but the last each changed byte is found, and so it is of the last one") {
  const Lines lines = chained_lines(3);
  for (std::size_t changed = 0; changed < lines.size(); ++changed)
    for (std::size_t i = 0; i + 1 < lines[changed].size(); ++i) {
      Lines other = lines;
      other[changed][i] = static_cast<char>(other[changed][i] ^ 1);
      INFO(other[changed]);
      // The first line is not checked where it seems to be a later one, or of a version without a chain.
      const ChainChecker checker = checked(other);
      REQUIRE((!checker.problem().empty() || checker.first() != 1 || checker.unchained() != 0));
    }
}

TEST_CASE("The rest of a line is passed over and counted, and hides no line") {
  Lines lines = chained_lines(3);
  ChainChecker checker;
  for (const std::string& line : lines) {
    CHECK(checker.add(line.substr(0, 20), false));
    CHECK(checker.add(line.substr(0, line.size() - 1), true));
  }
  CHECK(checker.torn() == 3);
  ChainChecker hidden;
  CHECK(hidden.add(lines[0].substr(0, lines[0].size() - 1), true));
  CHECK(hidden.add(lines[1].substr(0, 20), false));
  CHECK_FALSE(hidden.add(lines[2].substr(0, lines[2].size() - 1), true));
}

TEST_CASE(
    "Lines of a version without a chain are passed over before the first one with it, and not after it") {
  Lines lines = {"{\"event\": \"old\"}\n"};
  for (const std::string& line : chained_lines(2)) lines.push_back(line);
  CHECK(problem_of(lines).empty());
  CHECK(checked(lines).unchained() == 1);
  lines.push_back(lines.front());
  CHECK_FALSE(problem_of(lines).empty());
}

TEST_CASE("Text that only looks like a chain is none") {
  LogHead head;
  const std::string line = chained_line("{\"message\": \"\\\", \\\"chain\\\": \\\"7 x\"}\n", &head);
  CHECK(checked({line}).problem().empty());
  LogHead read;
  CHECK_FALSE(read_chain("{\"message\": \"1\", \"chain\": \"0 -\"}", &read));
  CHECK_FALSE(read_chain("{\"a\": \"1\", \"chain\": \"01 " + std::string(64, 'a') + "\"}", &read));
  CHECK_FALSE(read_chain("{\"a\": \"1\", \"chain\": \"1 " + std::string(63, 'a') + "\"}", &read));
  CHECK_FALSE(read_chain("", &read));
}

}  // namespace
}  // namespace paxect::link

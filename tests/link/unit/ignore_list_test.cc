#include "settings/ignore_list.h"

#include "support/catch.h"

namespace paxect::link {
namespace {

IgnoreList list(std::string_view line) {
  IgnoreList result;
  Status status = result.parse(line);
  INFO(line << ": " << status.message);
  REQUIRE(status.ok());
  return result;
}

TEST_CASE("The default knows the partial names and the litter of common programs") {
  const IgnoreList usual = list(kDefaultIgnore);
  for (const char* name :
       {"x.bin.filepart", "x.part", "X.PART", "movie.mkv.crdownload", "a.partial", "b.tmp", "~$report.docx",
        "notes~", "lost+found", "#recycle", "@eaDir", ".snapshot", "Thumbs.db", "THUMBS.DB", "desktop.ini",
        "$RECYCLE.BIN", "System Volume Information", ".x.swp"})
    CHECK(usual.matches(name));
  for (const char* name :
       {"part", "a.txt", "x.parts", "filepart.bin", "found", "a~b", "Thumbs.db.txt", "\xff.txt"})
    CHECK_FALSE(usual.matches(name));
}

TEST_CASE("Patterns are those of a shell, in any case, quoted like words of a command") {
  const IgnoreList own = list("*.log 'two words' backup-[0-9]? [!a]z");
  for (const char* name : {"a.log", "A.LOG", "two words", "backup-7x", "bz"}) CHECK(own.matches(name));
  for (const char* name : {"two", "backup-x7", "az", "AZ", "a.part"}) CHECK_FALSE(own.matches(name));
  CHECK_FALSE(list("").matches("a.part"));
}

TEST_CASE("A pattern that cannot be meant is refused with the reason") {
  for (auto [line, reason] : {std::pair{"'", "a quote is left open"},
                              {"''", "an empty pattern"},
                              {"*.log a/b", "pattern 'a/b': patterns match names, not paths"},
                              {"x[ab", "'[' without ']'"},
                              {"[]", "'[' without ']'"},
                              {"*", "it matches every name"},
                              {"**", "it matches every name"}}) {
    IgnoreList unchanged = list("kept");
    INFO(line);
    Status status = unchanged.parse(line);
    CHECK_FALSE(status.ok());
    CHECK(status.message.find(reason) != std::string::npos);
    CHECK(unchanged.matches("kept"));
  }
}

}  // namespace
}  // namespace paxect::link

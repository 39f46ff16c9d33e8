#include "base/shell_word.h"

#include "base/printable.h"
#include "support/catch.h"
#include "support/process.h"

namespace paxect::link {
namespace {

TEST_CASE("A name without anything special stays as it is") {
  CHECK(shell_word("a.freq") == "a.freq");
  CHECK(shell_word("/in box/a.freq") == "'/in box/a.freq'");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("-rf") == "./-rf");
}

TEST_CASE("A shell takes the word for the name, whatever bytes that has") {
  std::string every;
  for (int byte = 1; byte < 256; ++byte) every += static_cast<char>(byte);
  for (const std::string& name :
       {std::string("a b"), std::string("it's"), std::string("'"), std::string("a\nb\t"),
        std::string("$(id) `id`"), std::string("a\\x41"), std::string("\\"), std::string("!x*?[a]{1,2}~"),
        std::string("~"), std::string("#a"), std::string("a=b;c&d|e>f"), std::string("\"quoted\""),
        std::string("gr\xc3\xbc\xc3\x9f e"), std::string("\xff 1"),
        std::string("\x01"
                    "77"),
        std::string("\xe2\x80\xae.txt x"), std::string("\xc2\x85 it's \\"), every}) {
    const std::string word = shell_word(name);
    INFO(name << " as " << word);
    CHECK(test::run({.argv = {"bash", "-c", "printf %s " + word}}).output == name);
    // The log and JSON show it as it is.
    CHECK(printable(word) == word);
    CHECK(word.find('\n') == std::string::npos);
  }
}

TEST_CASE("No name is an option") {
  for (const std::string& name :
       {std::string("-"), std::string("--"), std::string("-c"), std::string("-a b"), std::string("-\n")}) {
    const std::string word = shell_word(name);
    INFO(word);
    CHECK(test::run({.argv = {"bash", "-c", "printf %s " + word}}).output == "./" + name);
  }
}

TEST_CASE("What can be read stays readable") {
  CHECK(shell_word("gr\xc3\xbc\xc3\x9f e.freq") == "'gr\xc3\xbc\xc3\x9f e.freq'");
  CHECK(shell_word("a\nb") == "$'a\\012b'");
  CHECK(shell_word("\xe2\x80\xae") == "$'\\342\\200\\256'");
}

}  // namespace
}  // namespace paxect::link

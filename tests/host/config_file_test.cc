#include "config_file.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>

#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

using namespace paxect::host;

namespace {

ConfigFile parse(const std::string& text) {
  ConfigFile file;
  Status status = parse_config(text, "p.conf", &file);
  INFO(status.message());
  REQUIRE(status.ok());
  return file;
}

std::string refusal(const std::string& text) {
  ConfigFile file;
  Status status = parse_config(text, "p.conf", &file);
  REQUIRE(status.code() == 78);
  return status.message();
}

// Every line of the refusal.
std::vector<std::string> refusals(const std::string& text) {
  ConfigFile file;
  Status status = parse_config(text, "p.conf", &file);
  std::vector<std::string> lines{status.message()};
  lines.insert(lines.end(), status.further_messages().begin(), status.further_messages().end());
  return lines;
}

bool begins(const std::string& text, const std::string& beginning) { return text.rfind(beginning, 0) == 0; }

}  // namespace

TEST_CASE("Sections keep their order and their keys have values and lines") {
  ConfigFile file = parse("# comment\n\n[b]\n key = some value \t\n[a]\r\nother=x=y\r\nempty =\n");
  CHECK(file.path == "p.conf");
  REQUIRE(file.sections.size() == 2);
  CHECK(file.sections[0].name == "b");
  CHECK(file.sections[0].line == 3);
  REQUIRE(file.sections[0].entries.size() == 1);
  CHECK(file.sections[0].entries[0].key == "key");
  CHECK(file.sections[0].entries[0].value == "some value");
  CHECK(file.sections[0].entries[0].line == 4);
  REQUIRE(file.sections[1].entries.size() == 2);
  CHECK(file.sections[1].entries[0].value == "x=y");
  CHECK(file.sections[1].entries[1].value.empty());
  CHECK(file.sections[1].entries[1].line == 7);
}

TEST_CASE("A section without keys is kept") {
  ConfigFile file = parse("[link]\n[second]");
  REQUIRE(file.sections.size() == 2);
  CHECK(file.sections[0].entries.empty());
  CHECK(file.sections[1].name == "second");
}

TEST_CASE("An empty file has no sections") { CHECK(parse("").sections.empty()); }

TEST_CASE("A comment is a line of its own that begins with a hash or a semicolon") {
  CHECK(parse("# a\n  ; b\n[a]\n;k = 1\n\t#k = 2").sections.at(0).entries.empty());
}

TEST_CASE("A byte order mark of UTF-8 is skipped and UTF-16 is refused") {
  CHECK(parse("\xef\xbb\xbf[a]\nk = 1\n").sections.at(0).entries.at(0).value == "1");
  CHECK(refusal(std::string("\xff\xfe[\0a\0]\0", 8)) == "p.conf: text in UTF-16: save the file as UTF-8");
  CHECK(refusal(std::string("\xfe\xff\0[\0a\0]", 8)) == "p.conf: text in UTF-16: save the file as UTF-8");
  CHECK(begins(refusal(std::string("[\0a\0]\0", 6)), "p.conf:1: a NUL byte: this is not a text file"));
}

TEST_CASE("Lines end with LF or CRLF and the last one may lack its end") {
  ConfigFile file = parse("[a]\r\nk = 1\r\nl = 2\r");
  CHECK(file.sections.at(0).entries.at(0).value == "1");
  CHECK(file.sections.at(0).entries.at(1).value == "2");
  CHECK(begins(refusal("[a]\rk = 1\r"), "p.conf:1: a carriage return inside a line"));
}

TEST_CASE("Text that would become part of a file name by mistake is refused with a remedy") {
  struct Case {
    const char* value;
    const char* reason;
  };
  for (const Case& each :
       {Case{"\"/srv/in\"", "quotes would become part of the value: leave them out"},
        {"'/srv/in'", "quotes would become part"},
        {"\"\"", "quotes would become part"},
        {"\xe2\x80\x9c/srv/in\xe2\x80\x9d", "quotes would become part"},
        {"\xe2\x80\x98/srv/in\xe2\x80\x99", "quotes would become part"},
        {"\xe2\x80\x9e/srv/in\xe2\x80\x9c", "quotes would become part"},
        {"\xc2\xab/srv/in\xc2\xbb", "quotes would become part"},
        {"\xe2\x80\x9c/srv/in\"", "quotes would become part"},
        {"`/srv/in`", "backticks would become part of the value, no command is run: write the value itself"},
        {"/srv/`hostname`/in", "backticks would become part"},
        {"/srv/in\\", "a backslash at its end would become part of it and does not continue the line"},
        {"\\", "a backslash at its end would become part"},
        {"~", "'~' is not replaced by a home directory: write the whole path"},
        {"~/in", "'~' is not replaced"},
        {"~user/in", "'~' is not replaced"},
        {"$HOME/in", "variables and commands ('$') are not replaced: write the value itself"},
        {"/srv/${NAME}", "variables and commands"},
        {"/srv/$_x", "variables and commands"},
        {"/srv/$(hostname)", "variables and commands"},
        {"in # note", "a comment behind a value would become part of it"},
        {"in ; note", "a comment behind a value"},
        {"in\t#note", "a comment behind a value"},
        {"# note", "a comment behind a value"},
        {"#note", "a comment behind a value"},
        {";", "a comment behind a value"}}) {
    CAPTURE(each.value);
    std::string message = refusal("[a]\nkey = " + std::string(each.value) + "\n");
    CHECK(begins(message, std::string("p.conf:2: value of 'key': ") + each.reason));
    CHECK(message.ends_with(", or set it by --set or in the environment, which are taken literally"));
  }
}

TEST_CASE("The same characters elsewhere in a value are taken literally") {
  for (const char* value : {"a#b",
                            "a;b",
                            "a~",
                            "/~b",
                            "$",
                            "a$",
                            "$1",
                            "a $ b",
                            "\"a",
                            "a\"",
                            "\"a b\" --fast",
                            "'a\"",
                            "100%",
                            "%h",
                            "\\\\server\\share",
                            "=",
                            "[x]",
                            "a`b",
                            "`",
                            "\xe2\x80\x9c",
                            "it\xe2\x80\x99s",
                            "in \xe2\x80\x9ctwo\xe2\x80\x9d words"}) {
    CAPTURE(value);
    CHECK(parse("[a]\nk = " + std::string(value) + "\n").sections.at(0).entries.at(0).value == value);
  }
}

TEST_CASE("Control characters are refused in every part of a line") {
  for (const char* line : {"k = a\x1b[2J", "k\x7f = 1", "[\x01]", "# \x0c", "k = a\vb"}) {
    CAPTURE(line);
    CHECK(begins(refusal("[a]\n" + std::string(line)), "p.conf:2: a control character"));
  }
}

TEST_CASE("A line of any length is one line and its message is short") {
  const std::string length(500'000, 'x');
  CHECK(parse("[a]\nk = " + length).sections.at(0).entries.at(0).value == length);
  for (const std::string& text : {"[" + length + "]", "[a]\n" + length + " = 1", "[a]\n" + length})
    CHECK(refusal(text).size() < 200);
}

TEST_CASE("A value may hold every character that is shown") {
  const std::string value = "\xc3\xa9\xe3\x83\x95 \t a\xc2\xa0x \xf0\x9f\x93\x81";
  CHECK(parse("[a]\nk = " + value).sections[0].entries[0].value == value);
}

TEST_CASE("Text that is not UTF-8 is refused with its line and the remedy") {
  for (const char* line :
       {"k = Ger\xe4t", "# Ger\xe4t", "k = \xc3", "k = \xc0\xaf", "k = \xed\xa0\x80", "\x80 = 1"}) {
    CAPTURE(line);
    CHECK(
        refusal("[a]\n" + std::string(line)) ==
        "p.conf:2: text that is not UTF-8: save the file as UTF-8; --set and the environment take a name in "
        "another encoding");
  }
}

TEST_CASE("Characters that are not shown are refused in every part of a line") {
  CHECK(refusal("[a]\nk = /srv/in\xe2\x80\x8b") == "p.conf:2: an invisible character (U+200B): remove it");
  CHECK(refusal("[a]\nk = \xc2\x9b"
                "1m") == "p.conf:2: a control character (U+009B): remove it");
  for (const char* line : {"k\xe2\x80\x8b = 1",
                           "[\xef\xbb\xbf"
                           "b]",
                           "# \xe2\x80\xae",
                           "k = a\xc2\xad"
                           "b"}) {
    CAPTURE(line);
    CHECK(begins(refusal("[a]\n" + std::string(line)), "p.conf:2: an invisible character (U+"));
  }
}

TEST_CASE("A blank at the edge of a value that is no space or tab is refused") {
  for (const char* value : {"\xc2\xa0/srv/in", "/srv/in\xe3\x80\x80", "\xc2\xa0"}) {
    CAPTURE(value);
    CHECK(begins(refusal("[a]\nk = " + std::string(value)),
                 "p.conf:2: value of 'k': a blank at its edge that is no space or tab (U+"));
  }
}

TEST_CASE("The largest file is parsed in linear time") {
  std::string sections;
  for (unsigned i = 0; sections.size() < 1'000'000; ++i) sections += "[s" + std::to_string(i) + "]\n";
  std::string keys = "[a]\n";
  for (unsigned i = 0; keys.size() < 1'000'000; ++i) keys += "k" + std::to_string(i) + "=\n";
  auto begin = std::chrono::steady_clock::now();
  CHECK(parse(sections).sections.size() > 100'000);
  CHECK(parse(keys).sections[0].entries.size() > 100'000);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
}

TEST_CASE("Each fault of a configuration is reported with file and line") {
  CHECK(begins(refusal("[a]\nnonsense\n"), "p.conf:2: neither"));
  CHECK(begins(refusal("[a]\nk = 1\n\nk = 2"), "p.conf:4: key 'k' is given twice in [a], first in line 2"));
  CHECK(begins(refusal("[a]\n[b]\n[a]\n"), "p.conf:3: section [a] is given twice, first in line 1"));
  CHECK(begins(refusal("[a-b]\n[a_b]\n"), "p.conf:2: section [a_b] would share"));
  CHECK(begins(refusal("k = 1\n[a]\n"), "p.conf:1: key 'k' is outside a section"));
  CHECK(begins(refusal("[a]\n= 1\n"), "p.conf:2: '' is no key"));
  CHECK(begins(refusal("[a]\nKey = 1\n"), "p.conf:2: 'Key' is no key"));
  CHECK(begins(refusal("[a]\nb.c = 1\n"), "p.conf:2: 'b.c' is no key"));
  CHECK(begins(refusal("[a] = 1\n"), "p.conf:1: text behind [SECTION]"));
  CHECK(begins(refusal("[a] # b\n"), "p.conf:1: text behind [SECTION]"));
  CHECK(begins(refusal("[a\n"), "p.conf:1: '[' without ']'"));
  CHECK(begins(refusal("[\n"), "p.conf:1: '[' without ']'"));
  CHECK(begins(refusal(std::string("[a]\nk = x\0y\n", 12)), "p.conf:2: a NUL byte"));
}

TEST_CASE("All faults of a file are reported, and those of a section that is refused too") {
  CHECK(
      refusals("[a]\nk = 'x'\nK = 1\nnonsense\nm = 1\nm = 2\n[B]\nm = ~\n[a]\nm = $x\n[c]\nm = 3\n") ==
      std::vector<std::string>{
          "p.conf:2: value of 'k': quotes would become part of the value: leave them out, or set it by --set "
          "or in the environment, which are taken literally",
          "p.conf:3: 'K' is no key: [a-z][a-z0-9_]{0,63}", "p.conf:4: neither [SECTION] nor KEY = VALUE",
          "p.conf:6: key 'm' is given twice in [a], first in line 5",
          "p.conf:7: 'B' is no section name: [a-z][a-z0-9_-]{0,63}",
          "p.conf:8: value of 'm': '~' is not replaced by a home directory: write the whole path, or set it "
          "by --set or in the environment, which are taken literally",
          "p.conf:9: section [a] is given twice, first in line 1",
          "p.conf:10: value of 'm': variables and commands ('$') are not replaced: write the value itself, "
          "or "
          "set it by --set or in the environment, which are taken literally"});
}

TEST_CASE("Of very many faults the first are reported, and how many there are") {
  std::string text = "[a]\n";
  for (int i = 0; i < 1000; ++i) text += "nonsense\n";
  const std::vector<std::string> lines = refusals(text);
  CHECK(lines.size() == 21);
  CHECK(lines.back() == "p.conf: and 980 more faults");
  CHECK(refusals(std::string("[a]\n\0\nx\n\0", 9)).size() == 1);  // no text file
}

TEST_CASE("A bad section name is refused") {
  for (const char* name : {"", ".", "..", "A", "a b", " a", "a.b", "/a", "../a", "1a", "-a", "_a", "[a]",
                           "a1234567890123456789012345678901234567890123456789012345678901234"}) {
    CAPTURE(name);
    CHECK(begins(refusal("[" + std::string(name) + "]\n"),
                 "p.conf:1: '" + std::string(name) + "' is no section"));
  }
  parse("[a123456789012345678901234567890123456789012345678901234567890123]");
  parse("[node-a_1]");
}

TEST_CASE("No message contains a value") {
  for (const char* text :
       {"[a]\nk secret\n", "[a]\nk = secret #x", "[a]\nK = secret", "k = secret", "[a]\nk = $secret",
        "[a]\nk = 'secret'", "[a]\nk = ~secret", "[a]\nk = secret\x01"})
    CHECK(refusal(text).find("secret") == std::string::npos);
}

TEST_CASE("A named file must exist and have at most 1 MiB") {
  paxect::test::TempDir directory;
  ConfigFile file;
  auto read = [&](const std::string& path) { return read_config(path, nullptr, &file); };
  CHECK(read(directory / "none").code() == 78);
  CHECK(read(directory / "none").message() == directory / "none" + ": No such file or directory");
  CHECK(read(directory.path()).code() == 78);
  paxect::test::write_file(directory / "big", std::string((1 << 20) + 1, '\n'));
  CHECK(read(directory / "big").message() == directory / "big" + ": larger than 1 MiB: not a configuration");
  paxect::test::write_file(directory / "fits", std::string(1 << 20, '\n'));
  CHECK(read(directory / "fits").ok());
}

TEST_CASE("The file whose owner was checked is the one that is read, while another user replaces it") {
  if (geteuid() != 0) {
    WARN("not shown: only root can give a link to another user");
    return;
  }
  paxect::test::TempDir directory;
  paxect::test::write_file(directory / "private", "[private]\n");
  paxect::test::write_file(directory / "other", "[named]\n");
  REQUIRE(symlink("private", (directory / "paxect.conf").c_str()) == 0);
  REQUIRE(lchown((directory / "paxect.conf").c_str(), 12345, 12345) == 0);
  pid_t swapper = fork();
  if (swapper == 0)
    for (;;)
      renameat2(AT_FDCWD, (directory / "paxect.conf").c_str(), AT_FDCWD, (directory / "other").c_str(),
                RENAME_EXCHANGE);
  REQUIRE(swapper > 0);
  int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  REQUIRE(chdir(directory.path().c_str()) == 0);
  int named = 0;
  int private_ones = 0;
  for (int i = 0; i < 20'000; ++i) {
    ConfigFile file;
    if (!read_config(std::nullopt, nullptr, &file).ok()) continue;
    ++(file.sections.at(0).name == "named" ? named : private_ones);
  }
  REQUIRE(fchdir(here) == 0);
  close(here);
  kill(swapper, SIGKILL);
  waitpid(swapper, nullptr, 0);
  CHECK(private_ones == 0);
  CHECK(named > 0);
}

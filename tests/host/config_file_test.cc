#include "config_file.h"

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

bool begins(const std::string& text, const std::string& beginning) { return text.rfind(beginning, 0) == 0; }

}  // namespace

TEST_CASE("Sections keep their order and their keys have values and lines") {
  ConfigFile file = parse("# comment\n\n[b]\n key = some value  # why\n[a]\r\nother=x=y\r\nempty =\n");
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

TEST_CASE("A section without keys counts") {
  ConfigFile file = parse("[link]\n[second]");
  REQUIRE(file.sections.size() == 2);
  CHECK(file.sections[0].entries.empty());
  CHECK(file.sections[1].name == "second");
}

TEST_CASE("An empty file has no sections") { CHECK(parse("").sections.empty()); }

TEST_CASE("Values are bytes") {
  CHECK(parse("[a]\nk = \xff\xc3\xa9 \t x").sections[0].entries[0].value == "\xff\xc3\xa9 \t x");
}

TEST_CASE("Each fault of a configuration is named with file and line") {
  CHECK(begins(refusal("[a]\nnonsense\n"), "p.conf:2: neither"));
  CHECK(begins(refusal("[a]\nk = 1\n\nk = 2"), "p.conf:4: key 'k' is given twice in [a], first in line 2"));
  CHECK(begins(refusal("[a]\n[b]\n[a]\n"), "p.conf:3: section [a] is given twice, first in line 1"));
  CHECK(begins(refusal("[a-b]\n[a_b]\n"), "p.conf:2: section [a_b] would share"));
  CHECK(begins(refusal("k = 1\n[a]\n"), "p.conf:1: key 'k' stands outside a section"));
  CHECK(begins(refusal("[a]\n= 1\n"), "p.conf:2: '' is no key"));
  CHECK(begins(refusal("[a]\nKey = 1\n"), "p.conf:2: 'Key' is no key"));
  CHECK(begins(refusal("[a]\n; k = 1\n"), "p.conf:2: '; k' is no key"));
  CHECK(begins(refusal("[a]\nb.c = 1\n"), "p.conf:2: 'b.c' is no key"));
  CHECK(begins(refusal("[a] = 1\n"), "p.conf:1: '[a]' is no key"));
  CHECK(begins(refusal(std::string("[a]\nk = x\0y\n", 12)), "p.conf:2: a NUL byte"));
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

TEST_CASE("A value is never cut off at a # unseen") {
  CHECK(begins(refusal("[a]\nk = x#y\n"), "p.conf:2: '#' begins a comment"));
  CHECK(begins(refusal("[a]\nk = #y\n"), "p.conf:2: '#' begins a comment"));
  CHECK(begins(refusal("[a]\nk =#y\n"), "p.conf:2: '#' begins a comment"));
  CHECK(parse("[a]#c\nk = x #y#z\n").sections[0].entries[0].value == "x");
}

TEST_CASE("No message repeats a value") {
  for (const char* text : {"[a]\nk secret\n", "[a]\nk = secret#x", "[a]\nK = secret", "k = secret"})
    CHECK(refusal(text).find("secret") == std::string::npos);
}

TEST_CASE("A file that is named must be there and be a text of reasonable size") {
  paxect::test::TempDir directory;
  ConfigFile file;
  auto read = [&](const std::string& path) { return read_config(path, &file); };
  CHECK(read(directory / "none").code() == 78);
  CHECK(read(directory / "none").message() == directory / "none" + ": No such file or directory");
  CHECK(read(directory.path()).code() == 78);
  paxect::test::write_file(directory / "big", std::string((1 << 20) + 1, '\n'));
  CHECK(read(directory / "big").message() == directory / "big" + ": larger than 1 MiB: not a configuration");
  paxect::test::write_file(directory / "fits", std::string(1 << 20, '\n'));
  CHECK(read(directory / "fits").ok());
}

// `paxect SECTION COMMAND`, by running it with the commands of the recorder plugin.
#include "support/catch.h"

#include "host/sandbox.h"

using namespace paxect::test;

TEST_CASE("A section lists the commands of its plugin") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one"));
  Result result = sandbox.paxect({"one"});
  CHECK(result.status == 0);
  CHECK(result.error.empty());
  CHECK(result.output ==
        "paxect one COMMAND [ARGUMENT]...: commands of plugin recorder\n\n"
        "  say [WORD]...     print each word\n"
        "  get KEY           print a setting\n"
        "  half              print a word and find that not all is as it should be\n"
        "  end STATUS|throw  end like this\n");
  CHECK(sandbox.paxect({"one", "-h"}).output == result.output);
}

TEST_CASE("A command gets its words as typed and prints to standard output") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one"));
  Result result = sandbox.paxect({"one", "say", "", "a b\n", "--json", "--", "-c"});
  CHECK(result.status == 0);
  CHECK(result.output == "<>\n<a b\n>\n<--json>\n<-->\n<-c>\n");
  CHECK(result.error.empty());
}

TEST_CASE("A command has the settings of its section and no instance") {
  Sandbox sandbox;
  write_file(sandbox / "other.conf", sandbox.recorder("one", "a = file") + sandbox.recorder("two"));
  CHECK(sandbox.paxect({"one", "get", "a", "-c", "other.conf"}).output == "file");
  CHECK(sandbox.paxect({"one", "-c", "other.conf", "--set", "one.a=set", "get", "a"}).output == "set");
  CHECK(sandbox.paxect({"two", "get", "a", "-c", "other.conf"}, {"PAXECT_TWO_A=variable"}).output ==
        "variable");
  CHECK(sandbox.journal_lines().empty());
}

TEST_CASE("A command's outcome is the exit status and a defect is 70") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one"));
  for (int status : {0, 1, 64, 70, 75, 78}) {
    Result result = sandbox.paxect({"one", "end", std::to_string(status)});
    CHECK(result.status == status);
    CHECK(result.error.empty());
  }
  Result result = sandbox.paxect({"one", "end", "3"});
  CHECK(result.status == 70);
  CHECK(result.error == "[ONE] end returned the unknown status 3\n");
  result = sandbox.paxect({"one", "end", "throw"});
  CHECK(result.status == 70);
  CHECK(result.error == "[ONE] end threw an exception: told to throw\n");
}

TEST_CASE("An unknown command or section is refused with a list of those that exist") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one") + sandbox.recorder("two"));
  Result result = sandbox.paxect({"one", "sing"});
  CHECK(result.status == 64);
  CHECK(result.output.empty());
  CHECK(result.error ==
        "paxect: unknown command 'sing' of one: use say, get, half, end, or see paxect one -h\n");
  result = sandbox.paxect({"three", "say"});
  CHECK(result.status == 64);
  CHECK(result.error ==
        "paxect: unknown command 'three': use run, check, plugins or a section (one, two), or see paxect "
        "--help\n");
}

TEST_CASE("A plugin without commands has an empty list, and a malformed extension is a defect") {
  Sandbox sandbox;
  sandbox.add_plugin("plain");
  sandbox.add_plugin("bad_extension");
  sandbox.write_config("[plain]\n[bad_extension]\n[missing]\n");
  Result result = sandbox.paxect({"plain", "say"});
  CHECK(result.status == 64);
  CHECK(result.error == "paxect: plugin plain offers no commands\n");
  result = sandbox.paxect({"plain"});
  CHECK(result.status == 0);
  CHECK(result.output == "paxect plain: plugin plain offers no commands\n");
  result = sandbox.paxect({"bad_extension", "say"});
  CHECK(result.status == 70);
  CHECK(result.error ==
        "paxect: plugin bad_extension: extension paxect.commands/1 has 23 bytes, fewer than 24\n");
  CHECK(sandbox.paxect({"missing"}).status == 78);
}

// The commands of `paxect` other than `run`, by running it.
#include <sys/stat.h>
#include <unistd.h>

#include "host/sandbox.h"
#include "support/catch.h"

using namespace paxect::test;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("check creates and initialises every instance but starts none") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one") + sandbox.recorder("two"));
  Result result = sandbox.paxect({"check"});
  CHECK(result.status == 0);
  CHECK(result.output == "one: ok (plugin recorder 1.2.3)\ntwo: ok (plugin recorder 1.2.3)\n");
  CHECK(sandbox.journal_lines() == std::vector<std::string>{"one create", "one init", "one destroy",
                                                            "two create", "two init", "two destroy"});
}

TEST_CASE("check reports every failure and exits with the first status") {
  Sandbox sandbox;
  sandbox.write_config("[missing]\n" + sandbox.recorder("two", "at_init = fail:64") +
                       sandbox.recorder("three"));
  Result result = sandbox.paxect({"check"});
  CHECK(result.status == 78);
  CHECK(result.error ==
        "[MISSING] no plugin 'missing': " + sandbox.plugin_directory() +
            "/missing.so does not exist: see paxect plugins, or set plugin = NAME in the section\n"
            "[TWO] init was told to fail\n");
  CHECK(result.output == "three: ok (plugin recorder 1.2.3)\n");
}

TEST_CASE("run reports every plugin that it cannot load and runs nothing") {
  Sandbox sandbox;
  sandbox.add_plugin("bad_major");
  sandbox.write_config("[missing]\n[bad_major]\n" + sandbox.recorder("three"));
  Result result = sandbox.paxect({"run"});
  CHECK(result.status == 78);
  CHECK(has(result.error, "[MISSING] no plugin 'missing'"));
  CHECK(has(result.error, "built for plugin ABI 2.0, this host has 1.0"));
  CHECK(sandbox.journal_lines().empty());
}

TEST_CASE("A section that names its plugin by a path is refused") {
  Sandbox sandbox;
  sandbox.write_config("[one]\nplugin = ../plugins/recorder\n");
  Result result = sandbox.paxect({"run"});
  CHECK(result.status == 78);
  CHECK(has(result.error, "[ONE] '../plugins/recorder' is no plugin name"));
}

TEST_CASE("A setting comes from --set before environment before file") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "a = file\nb = file\nc = file\nreport = a b c d"));
  Result result = sandbox.paxect({"check", "--set", "one.a=set"},
                                 {"PAXECT_ONE_A=environment", "PAXECT_ONE_B=environment", "PAXECT_ONE_C="});
  REQUIRE(result.status == 0);
  CHECK(sandbox.journal_has("one a=set 3 --set one.a"));
  CHECK(sandbox.journal_has("one b=environment 2 PAXECT_ONE_B"));
  CHECK(sandbox.journal_has("one c=file 1 paxect.conf:6"));
  CHECK(sandbox.journal_has("one d=(null) 0 default"));
  CHECK(sandbox.journal_has("one keys a b c journal report"));
}

TEST_CASE("Without a configuration file there is one section link") {
  Sandbox sandbox;
  Result result = sandbox.paxect({"check"}, {"PAXECT_LINK_PLUGIN=recorder"});
  CHECK(result.status == 0);
  CHECK(result.output == "link: ok (plugin recorder 1.2.3)\n");
  CHECK(sandbox.paxect({"check", "--set", "link.plugin=recorder"}).status == 0);
  result = sandbox.paxect({"check", "--set", "other.plugin=recorder"});
  CHECK(result.status == 64);
  CHECK(result.error ==
        "paxect: --set other.plugin: no section [other]: without a configuration file there is "
        "only [link]\n");
}

TEST_CASE("A configuration that cannot be used is status 78 and a message with file and line") {
  Sandbox sandbox;
  Result result = sandbox.paxect({"run", "-c", "none.conf"});
  CHECK(result.status == 78);
  CHECK(result.error == "paxect: none.conf: No such file or directory\n");
  sandbox.write_config("[one]\nnonsense\n");
  result = sandbox.paxect({"run"});
  CHECK(result.status == 78);
  CHECK(result.error == "paxect: paxect.conf:2: neither [SECTION] nor KEY = VALUE\n");
  sandbox.write_config("# nothing\n");
  result = sandbox.paxect({"run"});
  CHECK(result.status == 78);
  CHECK(has(result.error, "paxect: paxect.conf: no section to run"));
}

TEST_CASE("plugins lists loadable ones with version and ABI and refused ones with the reason") {
  Sandbox sandbox;
  sandbox.add_plugin("bad_minor");
  sandbox.add_plugin("recorder", "Odd");
  write_file(sandbox.plugin_directory() + "/notes.txt", "");
  Result result = sandbox.paxect({"plugins"});
  CHECK(result.status == 0);
  CHECK(result.error.empty());
  CHECK(result.output == "plugins in " + sandbox.plugin_directory() +
                             ":\n"
                             "  Odd  refused: 'Odd' is no plugin name: [a-z][a-z0-9_-]{0,63}, never a path\n"
                             "  bad_minor  refused: " +
                             sandbox.plugin_directory() +
                             "/bad_minor.so: needs plugin ABI 1.1, this host has 1.0: use a newer host\n"
                             "  recorder  1.2.3  ABI 1.0  writes down which calls it gets\n");
}

TEST_CASE("The plugin directory is named in three places and refused when it is not trusted") {
  Sandbox sandbox;
  std::string line = "plugins in " + sandbox.plugin_directory() + ":\n";
  const std::vector<std::string> no_variable{"PAXECT_PLUGIN_DIR"};
  CHECK(has(sandbox.paxect({"plugins"}).output, line));
  CHECK(
      has(sandbox.paxect({"plugins", "--plugin-dir", sandbox.plugin_directory()}, no_variable).output, line));
  sandbox.write_config("[host]\nplugin_dir = " + sandbox.plugin_directory() + "\n");
  CHECK(has(sandbox.paxect({"plugins"}, no_variable).output, line));
  CHECK(sandbox.paxect({"plugins", "--plugin-dir", "plugins"}).status == 64);
  REQUIRE(chmod(sandbox.plugin_directory().c_str(), 0777) == 0);
  Result result = sandbox.paxect({"plugins"});
  CHECK(result.status == 78);
  CHECK(result.error ==
        "paxect: plugin directory " + sandbox.plugin_directory() + " is writable by everyone: chmod go-w\n");
}

TEST_CASE("Plugins are found beside the binary wherever the tree is put") {
  Sandbox sandbox;
  for (const char* name : {"bin", "lib", "lib/paxect"}) REQUIRE(mkdir((sandbox / name).c_str(), 0755) == 0);
  REQUIRE(rename(sandbox.plugin_directory().c_str(), (sandbox / "lib/paxect/plugins").c_str()) == 0);
  write_file(sandbox / "bin/paxect", read_file(std::string(PAXECT_TEST_BIN) + "/paxect"));
  REQUIRE(chmod((sandbox / "bin/paxect").c_str(), 0755) == 0);
  Command command = sandbox.command({"plugins"}, {"PAXECT_PLUGIN_DIR"});
  command.argv[0] = "bin/paxect";
  Result result = run(command);
  CHECK(result.status == 0);
  CHECK(has(result.output, "plugins in " + (sandbox / "lib/paxect/plugins") + ":\n  recorder  1.2.3"));
}

TEST_CASE("check reports every fault of the sections and of [host]") {
  Sandbox sandbox;
  sandbox.write_config("[host]\nplugins = x\nplugin_dir = here\n[one]\n");
  Result result = sandbox.paxect({"check"});
  CHECK(result.status == 78);
  CHECK(result.error ==
        "paxect: paxect.conf:2: the host has no setting 'plugins': [host] takes plugin_dir only\n"
        "paxect: paxect.conf:3: the plugin directory 'here' is not absolute: begin it with '/'\n");
  sandbox.write_config("[one]\nA = 1\nb = 'c'\n");
  result = sandbox.paxect({"check"});
  CHECK(result.status == 78);
  CHECK(has(result.error, "paxect: paxect.conf:2: 'A' is no key"));
  CHECK(has(result.error, "paxect: paxect.conf:3: value of 'b': quotes"));
}

TEST_CASE("Output that cannot be written is status 70, whatever the command found") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one"));
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"plugins"}, {"check"}, {"one"}, {"one", "say", "word"}, {"one", "end", "1"}, {"one", "half"}}) {
    CAPTURE(arguments);
    Command command = sandbox.command(arguments);
    command.argv.insert(command.argv.begin(), {"sh", "-c", "exec \"$@\" >/dev/full", "sh"});
    Result result = run(command);
    const bool prints = arguments.size() < 2 || arguments[1] != "end";
    CHECK(result.status == (prints ? 70 : 1));
    CHECK(result.error == (prints ? "paxect: standard output: No space left on device\n" : ""));
  }
}

TEST_CASE("Two sections that claim one resource are refused by check and run with both names") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "at_init = claim:file") +
                       sandbox.recorder("two", "at_init = claim:other\nscript = done") +
                       sandbox.recorder("three", "at_init = claim:file"));
  Result result = sandbox.paxect({"check"});
  CHECK(result.status == 78);
  CHECK(result.error == "[THREE] file is claimed by one\n");
  result = sandbox.paxect({"run"});
  CHECK(result.status == 78);  // whichever of the two was first
  CHECK((result.error == "[THREE] file is claimed by one\n" ||
         result.error == "[ONE] file is claimed by three\n"));
}

TEST_CASE("Wrong usage is status 64 and one line") {
  Sandbox sandbox;
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {}, {"walk"}, {"Walk"}, {"run", "--onc"}, {"run", "stray"}, {"run", "--set", "nonsense"}}) {
    Result result = sandbox.paxect(arguments);
    CHECK(result.status == 64);
    CHECK(result.output.empty());
    CHECK(result.error.rfind("paxect: ", 0) == 0);
    CHECK(result.error.find('\n') == result.error.size() - 1);
  }
}

TEST_CASE("Help and version go to standard output") {
  Sandbox sandbox;
  Result help = sandbox.paxect({"--help"});
  CHECK(help.status == 0);
  CHECK(has(help.output, "paxect COMMAND"));
  CHECK(sandbox.paxect({"run", "-h"}).output == help.output);
  Result version = sandbox.paxect({"--version"});
  CHECK(version.status == 0);
  CHECK(version.output == "paxect 1.0.0 (plugin ABI 1.0)\n");
}

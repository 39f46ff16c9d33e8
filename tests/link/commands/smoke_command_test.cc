#include <sys/stat.h>

#include <algorithm>

#include "commands/smoke.h"
#include "link/commands/command_rig.h"
#include "support/catch.h"
#include "support/process.h"

namespace paxect::test {
namespace {

using namespace std::string_literals;

constexpr std::uint64_t kSecond = 1'000'000'000;

// A trial run by the host that was built, in a directory of its own.
struct Trial {
  FakeHost host;
  TempDir directory;
  link::SmokePlan plan{.parent = directory.path(),
                       .node = "trial",
                       .core = {},
                       .host_program = PAXECT_TEST_BIN "/paxect",
                       .plugin_directory = PAXECT_TEST_PLUGINS,
                       .patience_ns = 60 * kSecond};

  Trial() { host.use_system_clock(); }

  std::vector<link::TestCase> run() const {
    auto outcomes = link::run_smoke(plan, link::Host(host.get()));
    REQUIRE(outcomes.size() == 2);
    CHECK(outcomes[0].name == "core_encode_decode");
    CHECK(outcomes[1].name == "link_relay_decoded");
    return outcomes;
  }

  // A core that is this shell script, with the verb in $1, the input in $3 and the output in $5.
  void use_core(const std::string& script) {
    const std::string path = directory / "core";
    write_file(path, "#!/bin/sh\n" + script + "\n");
    REQUIRE(chmod(path.c_str(), 0755) == 0);
    plan.core.line = path;
    plan.core.command = {path};
  }
};

// What an independent XML parser finds in a report: a line of counts, then "NAME: MESSAGE: TEXT" for each
// failure.
std::string parsed(const std::string& report) {
  static const std::string kScript = R"(
import sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
suite = root.find('testsuite')
assert root.tag == 'testsuites' and len(suite.findall('testcase')) == int(suite.get('tests'))
print(suite.get('tests'), suite.get('failures'))
for case in suite:
    assert float(case.get('time')) >= 0
    for failure in case:
        print('%s: %s: %s' % (case.get('name'), failure.get('message'), ascii(failure.text)))
)";
  Result result = test::run({.argv = {"python3", "-c", kScript}, .input = report});
  INFO(report << result.error);
  REQUIRE(result.status == 0);
  return result.output;
}

// The command as an operator runs it.
Result smoke(const std::string& directory, const std::string& options,
             const std::vector<std::string>& environment = {}) {
  Command command{
      .argv = {"sh", "-c", options + " exec " PAXECT_TEST_BIN "/paxect link smoke --junit junit.xml"},
      .environment = {"PAXECT_CORE", "TMPDIR=" + directory},
      .directory = directory};
  command.environment.insert(command.environment.end(), environment.begin(), environment.end());
  return test::run(command);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("A valid installation passes the smoke test and the trial leaves nothing behind") {
  Trial trial;
  for (const link::TestCase& outcome : trial.run()) {
    INFO(outcome.name << ": " << outcome.failure << "\n" << outcome.detail);
    CHECK(outcome.passed());
    CHECK(outcome.nanoseconds > 0);
    CHECK(outcome.nanoseconds < 60 * kSecond);
  }
  CHECK(list(trial.directory.path()).empty());
}

TEST_CASE("Settings in the environment are not those of the smoke test's relay, but its core is") {
  TempDir directory;
  Result result = smoke(directory.path(), "",
                        {"PAXECT_LINK_INBOX=mine", "PAXECT_LINK_MODE=receive", "PAXECT_LINK_CORE=builtin",
                         "PAXECT_CORE=/no/such/core"});
  INFO(result.output << result.error);
  CHECK(result.status == 0);
  CHECK(contains(result.output, "PASS - core_encode_decode\nPASS - link_relay_decoded\n"));
  CHECK(contains(result.output, "JUnit report written to: junit.xml\n"));
  CHECK(list(directory.path()) == std::vector<std::string>{"junit.xml"});
  CHECK(parsed(read_file(directory / "junit.xml")) == "2 0\n");
}

TEST_CASE("What smoke prints with --json is as its schema says, passed or failed") {
  TempDir directory;
  for (const char* core : {"builtin", "/no/such/core"}) {
    Result result =
        test::run({.argv = {PAXECT_TEST_BIN "/paxect", "link", "smoke", directory.path(), "--json"},
                   .environment = {std::string("PAXECT_CORE=") + core},
                   .directory = directory.path()});
    CHECK(fits_schema("link_plugin", "smoke", result.output));
    CHECK(parsed_json(result.output)["passed"].GetBool() == (result.status == 0));
  }
}

TEST_CASE("A core that cannot be run fails both cases and the report says so") {
  TempDir directory;
  Result result = smoke(directory.path(), "", {"PAXECT_CORE=/no/such/<core>"});
  CHECK(result.status == 1);
  CHECK(contains(result.output, "FAIL - core_encode_decode: empty.json: core: cannot run '/no/such/<core>'"));
  std::string report = parsed(read_file(directory / "junit.xml"));
  CHECK(report.starts_with("2 2\n"));
  CHECK(contains(report, "core_encode_decode: empty.json: core: cannot run '/no/such/<core>': No such file"));
  CHECK(contains(report, "link_relay_decoded: the relay ended with status 1: [LINK] deferred"));
  CHECK(contains(report, "lines.txt did not arrive"));
  CHECK(list(directory.path()) == std::vector<std::string>{"junit.xml"});
}

TEST_CASE("A disk without room fails both cases and the report says so") {
  TempDir directory;
  // 32 KiB for each file: more than the report takes, less than a sample.
  Result result = smoke(directory.path(), "trap '' XFSZ; ulimit -f 64;");
  INFO(result.output << result.error);
  CHECK(result.status == 1);
  std::string report = parsed(read_file(directory / "junit.xml"));
  CHECK(report.starts_with("2 2\n"));
  CHECK(contains(report, "core_encode_decode: lines.txt: cannot write"));
  CHECK(contains(report, "File too large"));
  CHECK(list(directory.path()) == std::vector<std::string>{"junit.xml"});
}

TEST_CASE("A directory that cannot be worked in fails both cases") {
  Trial trial;
  trial.plan.parent = trial.directory / "none";
  for (const link::TestCase& outcome : trial.run())
    CHECK(contains(outcome.failure, "cannot create a directory in " + trial.plan.parent));
}

TEST_CASE("A core that takes anything for a container fails the core's case") {
  Trial trial;
  trial.use_core("cp \"$3\" \"$5\"");
  auto outcomes = trial.run();
  CHECK(contains(outcomes[0].failure, "empty.json: the container is empty"));
  CHECK_FALSE(outcomes[1].passed());
  trial.use_core(
      "case $1 in encode) (echo FREQ; cat \"$3\") >\"$5\" ;; *) tail -c +6 \"$3\" >\"$5\" ;; esac");
  CHECK(contains(trial.run()[0].failure, "a damaged container was accepted"));
}

TEST_CASE("A core that gives back something else or differs from run to run fails the core's case") {
  Trial trial;
  trial.use_core(PAXECT_TEST_BIN "/paxect-core \"$@\" && case $1 in decode) echo more >>\"$5\" ;; esac");
  auto outcomes = trial.run();
  CHECK(contains(outcomes[0].failure, "decoded, it is not the same"));
  CHECK(contains(outcomes[1].failure, "made other data than the container holds"));
  trial.use_core(PAXECT_TEST_BIN "/paxect-core \"$@\" && case $1 in encode) echo $$ >>\"$5\" ;; esac");
  CHECK(contains(trial.run()[0].failure, "encoded twice, the containers differ"));
}

TEST_CASE("A core that hangs is ended, and so is the relay that waits for it") {
  Trial trial;
  trial.use_core("exec sleep 1000");
  trial.plan.patience_ns = kSecond / 2;
  auto outcomes = trial.run();
  CHECK(outcomes[0].failure == "empty.json: encode was not done after 0.500 s");
  CHECK(outcomes[1].failure == "the relay was not done after 0.500 s");
  CHECK(list(trial.directory.path()) == std::vector<std::string>{"core"});
}

TEST_CASE("A host that is not the one that it should be fails the relay's case") {
  Trial trial;
  trial.plan.plugin_directory = trial.directory.path();
  auto outcomes = trial.run();
  CHECK(outcomes[0].passed());
  CHECK(contains(outcomes[1].failure, "the relay ended with status 78"));
}

TEST_CASE("Settings that cannot be used give status 78 and a report that says so") {
  TempDir directory;
  Result result = smoke(directory.path(), "", {"PAXECT_LINK_MODE=sideways"});
  CHECK(result.status == 78);
  std::string report = parsed(read_file(directory / "junit.xml"));
  CHECK(report.starts_with("2 2\n"));
  CHECK(contains(report, "mode = 'sideways' (PAXECT_LINK_MODE)"));
}

TEST_CASE("A report that cannot be written is an error, and a device is written to") {
  TempDir directory;
  auto smoke_to = [&](const std::string& report) {
    return test::run(
        {.argv = {PAXECT_TEST_BIN "/paxect", "link", "smoke", directory.path(), "--junit", report},
         .environment = {"PAXECT_CORE"},
         .directory = directory.path()});
  };
  Result result = smoke_to(directory / "none/junit.xml");
  CHECK(result.status == 78);
  CHECK(contains(result.error, "none"));
  CHECK(smoke_to("/dev/full").status == 78);
  Result shown = smoke_to("/dev/stdout");
  CHECK(shown.status == 0);
  CHECK(contains(shown.output, "<?xml"));
  CHECK(list(directory.path()).empty());
}

TEST_CASE("Whatever bytes a failure has, the report is valid XML that contains them") {
  link::TestSuite suite{.name = "suite", .node = "a\"<&>'b"};
  suite.cases = {{.name = "good"},
                 {.name = "bad",
                  .failure = "<&> \"it's\" ]]> \x1b[1m \xff \x7f",
                  .detail = "one\ntwo\r\tthree\0 \xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd \xe2\x98\x83"s}};
  std::string report = parsed(link::junit_text(suite));
  CHECK(report.starts_with("2 1\nbad: <&> \"it's\" ]]> \\x1b[1m \\xff \x7f: "));
  CHECK(contains(report,
                 "'one\\ntwo\\r\\tthree\\\\x00 \\\\xef\\\\xbf\\\\xbe\\\\xef\\\\xbf\\\\xbf\\ufffd \\u2603'"));
}

}  // namespace paxect::test

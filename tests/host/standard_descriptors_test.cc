// Standard descriptors that are closed, non-blocking or full, by starting `paxect` with them.
#include "host/sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/catch.h"

using namespace paxect::test;

namespace {

// Through a shell that closes or redirects descriptors first: "1>&-".
Result run_with(const Sandbox& sandbox, const std::string& redirections,
                const std::vector<std::string>& arguments) {
  Command command = sandbox.command(arguments);
  command.argv.insert(command.argv.begin(), {"sh", "-c", "exec \"$@\" " + redirections, "sh"});
  return run(command);
}

const std::vector<std::vector<std::string>>& printing_commands() {
  static const std::vector<std::vector<std::string>> kCommands = {
      {"check"}, {"plugins"}, {"one"}, {"one", "say", "word"}, {"--help"}, {"--version"}, {"run", "--help"}};
  return kCommands;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    lines.push_back(text.substr(at, end - at));
  CHECK((text.empty() || text.ends_with('\n')));
  return lines;
}

}  // namespace

TEST_CASE("A command whose output is closed or full fails with the reason") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one"));
  for (const std::vector<std::string>& arguments : printing_commands()) {
    CAPTURE(arguments);
    Result closed = run_with(sandbox, "1>&-", arguments);
    CHECK(closed.status == 70);
    CHECK(closed.error == "paxect: standard output: Bad file descriptor\n");
    Result full = run_with(sandbox, ">/dev/full", arguments);
    CHECK(full.status == 70);
    CHECK(full.error == "paxect: standard output: No space left on device\n");
  }
}

TEST_CASE("A closed standard descriptor does not become another file of the process") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "at_start = log:lost\nscript = done"));
  for (const char* closed : {"0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"}) {
    CAPTURE(closed);
    CHECK(run_with(sandbox, closed, {"run"}).status == 0);
  }
  CHECK(sandbox.journal_lines().size() == 4 * 6);
  CHECK(read_file(sandbox.journal()).find("lost") == std::string::npos);
}

TEST_CASE("Closed standard input and errors do not change what a command prints or its status") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one") + "[missing]\n");
  for (const std::vector<std::string>& arguments : printing_commands()) {
    CAPTURE(arguments);
    Result open = sandbox.paxect(arguments);
    Result closed = run_with(sandbox, "0<&- 2>&-", arguments);
    CHECK(closed.status == open.status);
    CHECK(closed.output == open.output);
  }
}

TEST_CASE("Every line reaches a non-blocking standard output and standard error whole") {
  constexpr std::size_t kLines = 2000;
  Sandbox sandbox;
  std::string config;
  for (std::size_t i = 0; i < kLines; ++i) config += "[s" + std::to_string(i) + "]\nplugin = Missing\n";
  sandbox.write_config(config + sandbox.recorder("one"));
  Command command = sandbox.command({"check"});
  command.nonblocking_output = true;
  Result result = run(command);
  CHECK(result.status == 78);
  std::vector<std::string> errors = lines_of(result.error);
  REQUIRE(errors.size() == kLines);
  for (std::size_t i = 0; i < kLines; ++i)
    REQUIRE(errors[i] ==
            "[S" + std::to_string(i) + "] 'Missing' is no plugin name: [a-z][a-z0-9_-]{0,63}, never a path");

  for (std::size_t i = 0; i < kLines; ++i)
    write_file(sandbox.plugin_directory() + "/Odd" + std::to_string(i) + ".so", "");
  command.argv[1] = "plugins";
  result = run(command);
  CHECK(result.status == 0);
  CHECK(lines_of(result.output).size() == 1 + kLines + 1);
}

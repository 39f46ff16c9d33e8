// `paxect run`, by running it: life cycle, signals, failures and exit statuses.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "host/sandbox.h"
#include "support/catch.h"
#include "support/sanitizer.h"

using namespace paxect::test;

namespace {

using Lines = std::vector<std::string>;

std::size_t position(const Lines& lines, const std::string& line) {
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (lines[i] == line) return i;
  FAIL("no line '" << line << "'");
  return 0;
}

Lines of(const Lines& lines, const std::string& instance) {
  Lines result;
  for (const std::string& line : lines)
    if (line.rfind(instance + " ", 0) == 0) result.push_back(line.substr(instance.size() + 1));
  return result;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Runs [one] and [two] until each is in its first step.
struct Running {
  explicit Running(const std::string& keys = {}, const std::vector<std::string>& options = {})
      : paxect((sandbox.write_config(sandbox.recorder("one", keys) + sandbox.recorder("two")),
                sandbox.command(arguments(options)))) {
    REQUIRE(eventually([&] { return sandbox.journal_has("two step wait") && of_one_steps(); }));
  }
  static std::vector<std::string> arguments(const std::vector<std::string>& options) {
    std::vector<std::string> result{"run"};
    result.insert(result.end(), options.begin(), options.end());
    return result;
  }
  bool of_one_steps() const {
    for (const std::string& line : sandbox.journal_lines())
      if (line.rfind("one step", 0) == 0) return true;
    return false;
  }

  Sandbox sandbox;
  Background paxect;
};

}  // namespace

TEST_CASE("Each instance gets every life-cycle call and none starts before all are initialised") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "script = again wait:5 done") +
                       sandbox.recorder("two", "script = done"));
  Result result = sandbox.paxect({"run"});
  CHECK(result.status == 0);
  CHECK(result.output.empty());
  CHECK(result.error.empty());
  Lines lines = sandbox.journal_lines();
  CHECK(of(lines, "one") ==
        Lines{"create", "init", "start", "step again", "step wait:5", "step done", "stop", "destroy"});
  CHECK(of(lines, "two") == Lines{"create", "init", "start", "step done", "stop", "destroy"});
  for (const char* first : {"one start", "two start"}) {
    CHECK(position(lines, "one init") < position(lines, first));
    CHECK(position(lines, "two init") < position(lines, first));
  }
}

TEST_CASE("SIGTERM and SIGINT stop every instance cleanly") {
  int number = GENERATE(SIGTERM, SIGINT);
  Running running;
  running.paxect.signal(number);
  Result result = running.paxect.wait();
  CHECK(result.status == 0);
  CHECK(result.error.empty());
  Lines lines = running.sandbox.journal_lines();
  CHECK(of(lines, "one") == Lines{"create", "init", "start", "step wait", "stop", "destroy"});
  CHECK(of(lines, "two") == Lines{"create", "init", "start", "step wait", "stop", "destroy"});
}

TEST_CASE("An instance that is busy sees the stop request and is not called again") {
  Running running("script = spin");
  running.paxect.signal(SIGTERM);
  CHECK(running.paxect.wait().status == 0);
  Lines lines = of(running.sandbox.journal_lines(), "one");
  CHECK(lines.back() == "destroy");
  CHECK(lines[lines.size() - 2] == "stop");
}

TEST_CASE("A second signal ends a stop that hangs") {
  Running running("at_stop = hang");
  running.paxect.signal(SIGTERM);
  REQUIRE(eventually([&] { return running.sandbox.journal_has("one stop"); }));
  running.paxect.signal(SIGINT);
  Result result = running.paxect.wait();
  CHECK(result.status == 128 + SIGINT);
  CHECK(has(result.error, "paxect: second signal: exiting without waiting for [one] ("));
}

TEST_CASE("A second signal names the instance also when it comes between two calls") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "at_stop = hang"));
  Background paxect(sandbox.command({"run"}));
  REQUIRE(eventually([&] { return sandbox.journal_has("one step wait"); }));
  // Both signals are pending when the process goes on, so that it reads them together.
  for (int number : {SIGSTOP, SIGTERM, SIGINT, SIGCONT}) paxect.signal(number);
  Result result = paxect.wait();
  CHECK(result.status > 128);
  CHECK(has(result.error, "paxect: second signal: exiting without waiting for [one] ("));
}

TEST_CASE("A stop that takes long names the sections that it waits for and whether they make progress") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "at_stop = hang") + sandbox.recorder("two") +
                       sandbox.recorder("three", "at_stop = long:20000"));
  const std::string errors = sandbox / "errors";
  const int fd = open(errors.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  REQUIRE(fd >= 0);
  Command command = sandbox.command({"run"});
  command.error_fd = fd;
  Background paxect(command);
  close(fd);
  for (const char* line : {"one step wait", "two step wait", "three step wait"})
    REQUIRE(eventually([&] { return sandbox.journal_has(line); }));
  paxect.signal(SIGTERM);
  REQUIRE(eventually([&] { return has(read_file(errors), "\n"); }));
  const std::string report = read_file(errors);
  CHECK(report.starts_with("paxect: the stop waits for [one] (silent for "));
  CHECK(report.ends_with(" s), [three] (working): another SIGTERM ends the process at once\n"));
  paxect.signal(SIGTERM);
  CHECK(paxect.wait().status == 128 + SIGTERM);
}

TEST_CASE("An allocation that fails on the main thread leaves it reading signals") {
  if (skip_when_sanitized("its run-time replaces malloc")) return;
  Sandbox sandbox;
  const bool hangs = GENERATE(false, true);
  sandbox.write_config(sandbox.recorder("one", hangs ? "at_stop = hang" : "") + sandbox.recorder("two"));
  const std::string trigger = sandbox / "no-memory";
  Background paxect(sandbox.command(
      {"run"}, {"PAXECT_PLUGIN_DIR=" + sandbox.plugin_directory(),
                "LD_PRELOAD=" PAXECT_TEST_MODULES "/no_memory.so", "TEST_NO_MEMORY=" + trigger}));
  for (const char* line : {"one step wait", "two step wait"})
    REQUIRE(eventually([&] { return sandbox.journal_has(line); }));
  // A reload makes the main thread describe its state, which needs memory.
  for (int i = 0; i < 3; ++i) {
    write_file(trigger, "");
    paxect.signal(SIGHUP);
    REQUIRE(eventually([&] { return !exists(trigger); }));
  }
  paxect.signal(SIGTERM);
  REQUIRE(eventually([&] { return sandbox.journal_has("one stop"); }));
  if (hangs) {
    write_file(trigger, "");
    paxect.signal(SIGINT);
  }
  Result result = paxect.wait();
  CHECK(result.status == (hangs ? 128 + SIGINT : 0));
  if (!hangs) CHECK(sandbox.journal_has("two destroy"));
}

TEST_CASE("A step that waits is called again when its descriptor becomes readable") {
  Sandbox sandbox;
  std::string fifo = sandbox / "fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  sandbox.write_config(sandbox.recorder("one", "watch = " + fifo + "\nscript = watch done"));
  Background paxect(sandbox.command({"run"}));
  REQUIRE(eventually([&] { return sandbox.journal_has("one nothing to read"); }));
  std::ofstream(fifo) << "hello";
  Result result = paxect.wait();
  CHECK(result.status == 0);
  CHECK(sandbox.journal_has("one read hello"));
}

TEST_CASE("A failing step stops the others cleanly and its status becomes the exit status") {
  Sandbox sandbox;
  std::string fifo = sandbox / "fifo";
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  sandbox.write_config(sandbox.recorder("one", "watch = " + fifo + "\nscript = watch fail:75") +
                       sandbox.recorder("two"));
  Background paxect(sandbox.command({"run"}));
  // An instance that had not begun when the other failed would not be started, nor stopped.
  REQUIRE(eventually(
      [&] { return sandbox.journal_has("one nothing to read") && sandbox.journal_has("two step wait"); }));
  std::ofstream(fifo) << "go";
  Result result = paxect.wait();
  CHECK(result.status == 75);
  CHECK(result.error == "[ONE] step was told to fail\n");
  Lines lines = sandbox.journal_lines();
  CHECK(of(lines, "one") == Lines{"create", "init", "start", "step watch", "nothing to read", "step watch",
                                  "read go", "step fail:75", "stop", "destroy"});
  CHECK(of(lines, "two") == Lines{"create", "init", "start", "step wait", "stop", "destroy"});
}

TEST_CASE("When one instance cannot be initialised none starts") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one") + sandbox.recorder("two", "at_init = fail:78"));
  Result result = sandbox.paxect({"run"});
  CHECK(result.status == 78);
  CHECK(result.error == "[TWO] init was told to fail\n");
  CHECK(of(sandbox.journal_lines(), "one") == Lines{"create", "init", "destroy"});
  CHECK(of(sandbox.journal_lines(), "two") == Lines{"create", "init", "destroy"});
}

TEST_CASE("Of several that cannot be initialised all are reported and the first in the file decides") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "at_init = fail:75") +
                       sandbox.recorder("two", "at_init = fail:78") +
                       sandbox.recorder("three", "at_create = fail:64"));
  Result result = sandbox.paxect({"run"});
  CHECK(result.status == 75);
  CHECK(has(result.error, "[ONE] init was told to fail\n"));
  CHECK(has(result.error, "[TWO] init was told to fail\n"));
  CHECK(has(result.error, "[THREE] create failed without a reason\n"));
}

TEST_CASE("A start that fails is followed by stop and destroy") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "at_start = fail:75"));
  Result result = sandbox.paxect({"run"});
  CHECK(result.status == 75);
  CHECK(of(sandbox.journal_lines(), "one") == Lines{"create", "init", "start", "stop", "destroy"});
}

TEST_CASE("An exception out of any call ends the run with status 70 and a message") {
  auto [keys, call] = GENERATE(table<std::string, std::string>({{"at_create = throw", "create"},
                                                                {"at_init = throw", "init"},
                                                                {"at_start = throw", "start"},
                                                                {"script = throw", "step"},
                                                                {"at_stop = throw", "stop"},
                                                                {"at_destroy = throw", "destroy"}}));
  Sandbox sandbox;
  bool steps = call == "stop" || call == "destroy";
  sandbox.write_config(sandbox.recorder("one", keys + (steps ? "\nscript = done" : "")) +
                       sandbox.recorder("two"));
  Result result = sandbox.paxect({"run"});
  CHECK(result.status == 70);
  CHECK(result.error == "[ONE] " + call + " threw an exception: " + call + " was told to throw\n");
  CHECK(of(sandbox.journal_lines(), "two").back() == "destroy");
}

TEST_CASE("A watch that is not open is an error and no busy loop") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "script = closed"));
  Result result = sandbox.paxect({"run"});
  CHECK(result.status == 70);
  CHECK(has(result.error, "[ONE] step watches descriptor 1048576, which is not open"));
}

TEST_CASE("The option --once reaches the plugin and the worst outcome becomes the exit status") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "script = once?") + sandbox.recorder("two", "script = done"));
  CHECK(sandbox.paxect({"run", "--once"}).status == 0);
  sandbox.write_config(sandbox.recorder("one", "script = incomplete") +
                       sandbox.recorder("two", "script = done"));
  CHECK(sandbox.paxect({"run", "--once"}).status == 1);
  sandbox.write_config(sandbox.recorder("one", "script = incomplete") +
                       sandbox.recorder("two", "script = wait:20 fail:75"));
  CHECK(sandbox.paxect({"run", "--once"}).status == 75);
}

TEST_CASE("A run with once that is stopped before all is done is incomplete") {
  Running running({}, {"--once"});
  running.paxect.signal(SIGTERM);
  CHECK(running.paxect.wait().status == 1);
}

TEST_CASE("A log line that the plugin writes is escaped and carries its instance") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("node-a", "script = done"));
  CHECK(sandbox.paxect({"run", "--set", "node-a.at_start=log:caf\xc3\xa9\x1b[2J"}).error ==
        "[NODE-A] caf\xc3\xa9\\x1b[2J\n");
}

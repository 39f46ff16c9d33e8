// Where and with what `paxect` may be started: a removed working directory, no /proc, few resources.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "host/sandbox.h"
#include "support/catch.h"
#include "support/sanitizer.h"

using namespace paxect::test;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// `paxect ARGUMENTS...`, which a shell starts after `setup`.
Command after(const Sandbox& sandbox, const std::string& setup, const std::vector<std::string>& arguments) {
  Command command = sandbox.command(arguments);
  command.argv.insert(command.argv.begin(), {"sh", "-c", setup + "\nexec \"$@\"", "sh"});
  return command;
}

// A tree as it is installed, whose binary finds its plugins beside it.
std::string installed_binary(const Sandbox& sandbox) {
  for (const char* name : {"bin", "lib", "lib/paxect"}) REQUIRE(mkdir((sandbox / name).c_str(), 0755) == 0);
  REQUIRE(symlink(sandbox.plugin_directory().c_str(), (sandbox / "lib/paxect/plugins").c_str()) == 0);
  write_file(sandbox / "bin/paxect", read_file(std::string(PAXECT_TEST_BIN) + "/paxect"));
  REQUIRE(chmod((sandbox / "bin/paxect").c_str(), 0755) == 0);
  return sandbox / "bin/paxect";
}

}  // namespace

TEST_CASE("Every command works in a removed working directory") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "script = done"));
  const std::string setup = "mkdir gone && cd gone && rmdir ../gone || exit 99";
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"check", "-c", sandbox.config()},
                                             {"run", "-c", sandbox.config()},
                                             {"plugins"},
                                             {"one", "say", "word", "-c", sandbox.config()}}) {
    CAPTURE(arguments);
    Result result = run(after(sandbox, setup, arguments));
    CHECK(result.status == 0);
    CHECK(result.error.empty());
  }
  Command command = after(sandbox, setup, {"plugins"});
  command.environment = {"PAXECT_PLUGIN_DIR"};
  command.argv[4] = installed_binary(sandbox);
  Result result = run(command);
  CHECK(result.status == 0);
  CHECK(has(result.output, "recorder  1.2.3"));
}

TEST_CASE("Without /proc plugins are found and run") {
  if (skip_when_sanitized("its run-time reads /proc")) return;
  if (geteuid() != 0) {
    WARN("not shown: only root can hide /proc");
    return;
  }
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "script = done"));
  installed_binary(sandbox);
  // As a path, a relative path, a link and a name in PATH.
  REQUIRE(symlink("bin/paxect", (sandbox / "alias").c_str()) == 0);
  for (const char* program : {"$PWD/bin/paxect", "bin/paxect", "./alias", "paxect"}) {
    CAPTURE(program);
    Command command;
    command.argv = {"unshare", "-m", "sh", "-c",
                    "mount -t tmpfs none /proc && PATH=$PWD/bin:$PATH && " + std::string(program) +
                        " plugins && exec " + program + " run"};
    command.environment = {"PAXECT_PLUGIN_DIR"};
    command.directory = sandbox.path();
    Result result = run(command);
    CHECK(result.status == 0);
    CHECK(has(result.output, "recorder  1.2.3"));
    CHECK(result.error.empty());
  }
}

TEST_CASE("Without a thread the run fails with a reason and nothing is left running") {
  if (skip_when_sanitized("its run-time starts a thread")) return;
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one"));
  Command command = sandbox.command({"run"});
  command.failing = {{SYS_clone3, EAGAIN}, {SYS_clone, EAGAIN}};
  Result result = run(command);
  CHECK(result.status == 70);
  CHECK(
      result.error ==
      "paxect: cannot start a thread: Resource temporarily unavailable: raise the limit of processes (ulimit "
      "-u, TasksMax=) or of memory (ulimit -v)\n");
  CHECK(sandbox.journal_lines().empty());
}

TEST_CASE("When the n-th thread cannot be started the instances before it are destroyed") {
  if (skip_when_sanitized("its run-time starts a thread")) return;
  if (geteuid() != 0) {
    WARN("not shown: the limit counts all of a user's threads, so it takes a user of its own");
    return;
  }
  Sandbox sandbox;
  std::string config;
  for (const char* name : {"a", "b", "c", "d", "e"}) config += sandbox.recorder(name, "script = done");
  sandbox.write_config(config);
  REQUIRE(chmod(sandbox.path().c_str(), 0755) == 0);
  write_file(sandbox.journal(), "");
  REQUIRE(chmod(sandbox.journal().c_str(), 0666) == 0);
  Command command = sandbox.command({"run", "-c", sandbox.config()});
  command.argv.insert(command.argv.begin(), {"setpriv", "--reuid=54321", "--clear-groups", "prlimit"});
  command.argv.insert(command.argv.begin() + 4, "--nproc=4");
  Result result = run(command);
  CHECK(result.status == 70);
  CHECK(has(result.error, "cannot start a thread: Resource temporarily unavailable"));
  std::vector<std::string> lines = sandbox.journal_lines();
  auto count = [&](const std::string& end) {
    return std::count_if(lines.begin(), lines.end(), [&](const auto& line) { return line.ends_with(end); });
  };
  CHECK(count(" create") == 3);
  CHECK(count(" destroy") == 3);
  CHECK(count(" start") == 0);
}

TEST_CASE("With few descriptors the run works or fails with one line") {
  if (skip_when_sanitized("its run-time opens files of its own")) return;
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "script = done"));
  bool failed = false;
  bool worked = false;
  for (int limit = 4; limit < 24 && !worked; ++limit) {
    CAPTURE(limit);
    Result result = run(after(sandbox, "ulimit -n " + std::to_string(limit), {"run"}));
    if (result.status == 127) continue;  // the program itself could not be loaded
    CAPTURE(result.error);
    worked = result.status == 0;
    CHECK((worked || result.status == 70));
    if (worked) continue;
    failed = true;
    CHECK(std::count(result.error.begin(), result.error.end(), '\n') == 1);
    CHECK(has(result.error, ": Too many open files (the limit is " + std::to_string(limit) +
                                "): raise the limit of open files (ulimit -n, LimitNOFILE=)\n"));
  }
  CHECK(failed);
  CHECK(worked);
}

TEST_CASE("More sections than there are descriptors for are refused with the limit") {
  if (skip_when_sanitized("UBSan needs a descriptor to check the type of an exception")) return;
  Sandbox sandbox;
  std::string config;
  for (int i = 0; i < 100; ++i) config += sandbox.recorder("s" + std::to_string(i));
  sandbox.write_config(config);
  Result result = run(after(sandbox, "ulimit -n 64", {"run"}));
  CHECK(result.status == 70);
  CHECK(
      result.error ==
      "paxect: cannot run 100 sections: Too many open files (the limit is 64): raise the limit of open files "
      "(ulimit -n, LimitNOFILE=)\n");
  CHECK(sandbox.journal_lines().empty());
}

TEST_CASE("With little memory the run works or fails with a status of its own") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  WARN("not shown: a sanitizer reserves its memory at the start");
#else
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "script = done"));
  bool failed = false;
  bool worked = false;
  for (int mebibytes = 12; mebibytes < 200 && !worked; ++mebibytes) {
    CAPTURE(mebibytes);
    Result result = run(after(sandbox, "ulimit -v " + std::to_string(mebibytes * 1024), {"run"}));
    if (result.status == 127) continue;  // the program itself could not be loaded
    CAPTURE(result.error);
    worked = result.status == 0;
    CHECK((worked || result.status == 70 || result.status == 78));
    if (!worked) failed = true;
  }
  CHECK(failed);
  CHECK(worked);
#endif
}

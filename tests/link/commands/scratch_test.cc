// The hidden directories of `smoke` and `doctor`, when the command does not come to its end.
#include "commands/scratch.h"

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include "support/catch.h"

#include "support/files.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

// The hidden directory in `parent`, once there is one.
std::string scratch_in(const std::string& parent) {
  std::string found;
  bool there = eventually([&] {
    for (const std::string& name : list(parent))
      if (name.starts_with(".paxect_")) found = parent + "/" + name;
    return !found.empty();
  });
  REQUIRE(there);
  return found;
}

// `smoke` with a core that waits for the file `go`, from the first file on or in the relay alone.
struct Smoke {
  TempDir place;
  TempDir parent;

  explicit Smoke(const std::string& waits_for = "*") {
    const std::string core = place / "core";
    const std::string wait = "touch waits; while [ -e waits ] && ! [ -e go ]; do sleep 0.01; done";
    write_file(core, "#!/bin/sh\ncd '" + place.path() + "' || exit\ncase $3 in " + waits_for + ") " + wait +
                         " ;; esac\nexec " PAXECT_TEST_BIN "/paxect-core \"$@\"\n");
    REQUIRE(chmod(core.c_str(), 0755) == 0);
  }

  Command command(const std::string& shell = "") const {
    return {
        .argv = {"sh", "-c", shell + " exec " PAXECT_TEST_BIN "/paxect link smoke '" + parent.path() + "'"},
        .environment = {"PAXECT_CORE=" + place / "core"},
        .directory = place.path()};
  }
  void wait_for_core() const {
    REQUIRE(eventually([&] { return exists(place / "waits"); }));
  }
  void let_go() const { write_file(place / "go", ""); }
};

bool has_strace() {
  static const bool kWorks =
      run({.argv = {"sh", "-c", "strace -D -f -o /dev/null -e trace=none true"}}).status == 0;
  if (!kWorks) WARN("skipped: strace cannot trace here");
  return kWorks;
}

TEST_CASE("smoke ended by a signal leaves nothing behind and has the status of that signal") {
  int number = GENERATE(SIGINT, SIGTERM, SIGHUP);
  Smoke smoke(GENERATE(as<std::string>{}, "*", "*/inbox/*"));
  Background running(smoke.command());
  smoke.wait_for_core();
  CHECK(std::filesystem::is_directory(scratch_in(smoke.parent.path())));
  running.signal(number);
  Result result = running.wait();
  CHECK(result.status == 128 + number);
  CHECK(result.output.empty());
  CHECK(list(smoke.parent.path()).empty());
}

TEST_CASE("doctor ended by a signal leaves nothing behind and has the status of that signal") {
  if (!has_strace()) return;
  TempDir parent;
  // Detached, strace leaves the pid to the program; each flush takes a second more.
  Background running(
      {.argv = {"strace", "-D", "-f", "-o", "/dev/null", "-e", "inject=fsync:delay_enter=1000000",
                PAXECT_TEST_BIN "/paxect", "link", "doctor", parent.path()}});
  scratch_in(parent.path());
  running.signal(SIGINT);
  CHECK(running.wait().status == 128 + SIGINT);
  CHECK(list(parent.path()).empty());
}

TEST_CASE("doctor tries again to remove its directory where a file system says that it is not empty") {
  if (!has_strace()) return;
  TempDir parent;
  TempDir trace;
  const Result result = run({.argv = {"strace", "-f", "-o", trace / "calls", "-e", "trace=rmdir", "-e",
                                      "inject=rmdir:error=ENOTEMPTY:when=1..3", PAXECT_TEST_BIN "/paxect",
                                      "link", "doctor", parent.path()}});
  INFO(result.error);
  const std::string calls = read_file(trace / "calls");
  INFO(calls);
  const std::size_t failed = calls.find("(INJECTED)");
  REQUIRE(failed != std::string::npos);
  CHECK(calls.find(".paxect_doctor.") < failed);
  CHECK(list(parent.path()).empty());
}

TEST_CASE("A signal that is ignored does not end smoke") {
  Smoke smoke;
  Background running(smoke.command("trap '' HUP;"));
  smoke.wait_for_core();
  running.signal(SIGHUP);
  smoke.let_go();
  CHECK(running.wait().status == 0);
  CHECK(list(smoke.parent.path()).empty());
}

TEST_CASE("What a killed smoke left is removed by the next one, and what a running one has is not") {
  Smoke killed;
  std::string left;
  {
    Background running(killed.command());
    killed.wait_for_core();
    left = scratch_in(killed.parent.path());
    CHECK(run(Command{.argv = {PAXECT_TEST_BIN "/paxect", "link", "smoke", killed.parent.path()},
                      .environment = {"PAXECT_CORE=builtin"},
                      .directory = killed.place.path()})
              .status == 0);
    CHECK(exists(left));
    running.signal(SIGKILL);
    CHECK(running.wait().status == 128 + SIGKILL);
  }
  killed.let_go();
  CHECK(exists(left));
  CHECK(run(killed.command()).status == 0);
  CHECK(list(killed.parent.path()).empty());
}

TEST_CASE("Nothing but the abandoned directories of the same purpose is removed") {
  TempDir parent;
  for (const char* name : {".paxect_smoke.abcdef", ".paxect_doctor.abcdef", "own", ".paxect_smoke_own"})
    std::filesystem::create_directory(parent / name);
  write_file(parent / ".paxect_smoke.lock", "a file");
  write_file(parent / "own/file", "x");
  std::filesystem::create_directory_symlink("own", parent / ".paxect_smoke.abcdeg");
  {
    link::ScratchDirectory scratch;
    REQUIRE(scratch.open(parent.path(), "smoke").ok());
    CHECK(list(parent.path()).size() == 6);
  }
  CHECK(list(parent.path()) == Names{".paxect_doctor.abcdef", ".paxect_smoke.abcdeg", ".paxect_smoke.lock",
                                     ".paxect_smoke_own", "own"});
  CHECK(list(parent / "own") == Names{"file"});
}

}  // namespace
}  // namespace paxect::test

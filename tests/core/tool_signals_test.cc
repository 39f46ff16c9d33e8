// paxect-core and the signals that request a stop: in every phase it ends soon, by the signal, and leaves no
// file.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "codec.h"
#include "signals.h"
#include "support/catch.h"
#include "support/emulation.h"
#include "support/files.h"
#include "support/sanitizer.h"
#include "support/temp_dir.h"
#include "tool.h"

namespace paxect::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The command ends within a second of the signal. The rest allows for a busy machine.
constexpr milliseconds kSoon{5000};

// Runs in a process of its own; returns its exit status, or 128 + signal.
template <class Work>
int in_child(Work work) {
  pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) _exit(work());
  int raw = 0;
  REQUIRE(waitpid(pid, &raw, 0) == pid);
  return WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
}

TEST_CASE("a system call that blocks after the signal was handled is interrupted") {
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
  CHECK(in_child([&] {
          tool::catch_signals();
          std::raise(SIGTERM);  // handled before it returns
          for (int i = 0; i < 2; ++i) {
            char byte = 0;
            if (read(ends[0], &byte, 1) >= 0 || errno != EINTR) return 1;
          }
          return tool::stop_requested() == SIGTERM ? 0 : 2;
        }) == 0);
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("work that does not react to the signal is ended by it soon") {
  auto begin = steady_clock::now();
  CHECK(in_child([] {
          tool::catch_signals();
          std::raise(SIGINT);
          for (;;) pause();
          return 0;
        }) == 128 + SIGINT);
  CHECK(steady_clock::now() - begin < kSoon);
}

TEST_CASE("an alarm of the parent ends the command") {
  CHECK(in_child([] {
          tool::catch_signals();
          alarm(1);
          for (;;) pause();
          return 0;
        }) == 128 + SIGALRM);
}

TEST_CASE("a signal at any moment ends a command that waits for a FIFO") {
  if (skip_when_emulated("the process has the emulator's name from the beginning")) return;
  TempDir dir;
  write_file(dir / "in", "data");
  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    std::vector<std::string> argv{kTool, "encode", "-i", dir / "fifo", "-o", dir / "out"};
    if (i % 3 == 1) argv = {kTool, "encode", "-i", dir / "in", "-o", dir / "fifo"};
    if (i % 3 == 2) argv = {kTool, "salvage", dir / "fifo", "-o", dir / "out"};
    Background command({.argv = argv, .timeout = std::chrono::seconds(5)});
    std::string name = "/proc/" + std::to_string(command.pid()) + "/comm";
    REQUIRE(eventually([&] { return read_file(name) == "paxect-core\n"; }));  // no longer a copy of this test
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 4000));  // any moment, not a wait
    command.signal(SIGTERM);
    Result result = command.wait();
    bool refused = i % 3 == 2 && result.status == 3;  // salvage reads no FIFO, and may have said so before
    INFO("run " << i << ": " << result.error);
    CHECK((result.status == 128 + SIGTERM || refused));
  }
  CHECK(list(dir.path()) == std::vector<std::string>{"fifo", "in"});
}

TEST_CASE("a command that compresses a large frame ends soon after the signal, and leaves no hidden file") {
  if (skip_when_emulated("qemu-user has no seccomp filters")) return;
  if (skip_when_sanitized("compressing takes too long to prepare")) return;
  TempDir dir;
  write_file(dir / "in", text(60'000'000));
  for (bool no_tmpfile : {true, false}) {
    Background encoder({.argv = {kTool, "encode", "--level", "22", "--frame", "1000000000", "-i", dir / "in",
                                 "-o", dir / "out"},
                        .no_tmpfile = no_tmpfile});
    std::string io = "/proc/" + std::to_string(encoder.pid()) + "/io";
    REQUIRE(eventually([&] {  // it has read everything: it compresses
      std::string counters = read_file(io);
      return std::stoll(counters.substr(counters.find("rchar: ") + 7)) > 60'000'000;
    }));
    auto begin = steady_clock::now();
    encoder.signal(SIGTERM);
    CHECK(encoder.wait().status == 128 + SIGTERM);
    CHECK(steady_clock::now() - begin < kSoon);
    CHECK(list(dir.path()) == std::vector<std::string>{"in"});
  }
}

TEST_CASE("the forced end leaves files alone that only have the name of a temporary file") {
  TempDir dir;
  const std::string input = dir / ".paxect-0123456789abcdef.part";
  const std::string inherited = dir / ".paxect-fedcba9876543210.part";
  write_file(input, "input");
  write_file(inherited, "inherited");
  CHECK(in_child([&] {
          if (open(input.c_str(), O_RDONLY | O_CLOEXEC) < 0 || open(inherited.c_str(), O_WRONLY) < 0)
            return 1;
          tool::catch_signals();
          std::raise(SIGTERM);
          for (;;) pause();
          return 0;
        }) == 128 + SIGTERM);
  CHECK(exists(input));
  CHECK(exists(inherited));
}

TEST_CASE("without a timer the command still ends soon after the signal") {
  CHECK(in_child([] {
          const rlimit none{};  // timers take from the signals that may be pending
          setrlimit(RLIMIT_SIGPENDING, &none);
          tool::catch_signals();
          std::raise(SIGTERM);
          for (;;) pause();
          return 0;
        }) == 128 + SIGTERM);
}

TEST_CASE("a salvage that is stopped leaves no hidden file of its output or its report") {
  const int number = GENERATE(SIGTERM, SIGQUIT, SIGXCPU, SIGALRM, SIGUSR1);
  if (skip_when_emulated("qemu-user has no seccomp filters")) return;
  TempDir dir;
  write_file(dir / "copy", noise(20'000'000));
  std::vector<std::string> argv{kTool, "salvage", "-o", dir / "out", "--report", dir / "report"};
  argv.insert(argv.end(), 64, dir / "copy");  // a search of seconds
  Background salvage({.argv = argv, .no_tmpfile = true});
  REQUIRE(eventually([&] { return list(dir.path()).size() == 3; }));  // two hidden files
  salvage.signal(number);
  CHECK(salvage.wait().status == 128 + number);
  CHECK(list(dir.path()) == std::vector<std::string>{"copy"});
}

TEST_CASE("a repair that is stopped leaves no hidden file, and the damaged container as it was") {
  const bool no_tmpfile = GENERATE(true, false);
  if (skip_when_emulated("qemu-user has no seccomp filters")) return;
  TempDir dir;
  const std::string container = encode(noise(20'000'000), {{PAXECT_PARAM_PROTECT, 6}});
  std::string damaged = container;
  damaged.replace(1'000'000, 500'000, 500'000, '\0');
  write_file(dir / "damaged", damaged);
  std::vector<std::string> argv{kTool, "repair", "-q", "-o", dir / "out"};
  argv.insert(argv.end(), 64, dir / "damaged");  // of which it reads 1.4 GB
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    bool is_stopped = false;
    for (int i = 0; i < 20 && !is_stopped; ++i) {
      Background repair({.argv = argv, .no_tmpfile = no_tmpfile});
      const std::string io = "/proc/" + std::to_string(repair.pid()) + "/io";
      REQUIRE(eventually([&] {  // it reads the copies, or has ended
        const std::string counters = read_file(io);
        const std::size_t at = counters.find("rchar: ");
        return at == std::string::npos || std::stoll(counters.substr(at + 7)) > 20'000'000;
      }));
      repair.signal(number);
      const int status = repair.wait().status;
      is_stopped = status == 128 + number;
      if (is_stopped) continue;
      // On a busy machine the signal may have come too late.
      CHECK(status == 0);
      CHECK((read_file(dir / "out") == container));
      REQUIRE(unlink((dir / "out").c_str()) == 0);
    }
    CHECK(is_stopped);
    CHECK(list(dir.path()) == std::vector<std::string>{"damaged"});
    CHECK((read_file(dir / "damaged") == damaged));
  }
}

TEST_CASE("a repair into a pipe that nobody reads any more ends with a status of its own, and by no signal") {
  TempDir dir;
  std::string damaged = encode(noise(3'000'000), {{PAXECT_PARAM_PROTECT, 6}});
  write_file(dir / "damaged", damaged.replace(1'000'000, 4096, 4096, '\0'));
  const Result result = run(
      {.argv = {"/bin/bash", "-c", R"("$0" repair "$1" -o - | head -c 100 >"$2"; exit "${PIPESTATUS[0]}")",
                kTool, dir / "damaged", dir / "part"}});
  CHECK(result.status == 3);
  CHECK(result.error == "paxect-core: standard output: cannot write: Broken pipe\n");
  CHECK(list(dir.path()) == std::vector<std::string>{"damaged", "part"});
}

TEST_CASE("a command whose output nobody takes ends by the signal") {
  if (skip_when_emulated("/proc/PID/syscall shows the emulator's system calls")) return;
  TempDir dir;
  write_file(dir / "container",
             encode(noise(1'000'000), {{PAXECT_PARAM_FRAME_SIZE, 1000}, {PAXECT_PARAM_PROTECT, 6}}));
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"info", "--frames", dir / "container"},
        {"decode", "-i", dir / "container"},
        {"repair", dir / "container", "-o", "-"}}) {
    std::vector<std::string> argv = arguments;
    argv.insert(argv.begin(), kTool);
    Background command({.argv = argv});  // its output is read in wait() only
    std::string process = "/proc/" + std::to_string(command.pid());
    auto is_in = [&](long call) {
      return read_file(process + "/syscall").starts_with(std::to_string(call) + " ");
    };
    REQUIRE(eventually([&] { return is_in(SYS_write) || is_in(kPoll); }));
    command.signal(SIGTERM);
    CHECK(eventually([&] { return read_file(process + "/stat").find(") Z ") != std::string::npos; }, kSoon));
    CHECK(command.wait().status == 128 + SIGTERM);
  }
}

}  // namespace
}  // namespace paxect::test

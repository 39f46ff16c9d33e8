// paxect-core when system calls fail. strace makes one call of a kind fail: the first, the second and so on
// until there are no more. Each time the command must end with status 3 and one line, and leave existing
// files unchanged.
#include <algorithm>
#include <sstream>

#include "codec.h"
#include "support/catch.h"
#include "support/emulation.h"
#include "support/files.h"
#include "support/temp_dir.h"
#include "tool.h"

namespace paxect::test {
namespace {

// The calls that strace recorded, one on each line, from the one that opens the input. Earlier calls belong
// to the start of the program.
std::vector<std::string> calls_from(const std::string& input, const std::string& log) {
  std::vector<std::string> calls;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    if (!calls.empty() || line.find('"' + input + '"') != std::string::npos) calls.push_back(line);
  }
  return calls;
}

bool is_call(const std::string& line, const std::string& name) {
  return line.find(' ' + name + '(') != std::string::npos;
}

// A command under strace. Leak detection is off, because LeakSanitizer itself has to trace the process.
struct Traced {
  std::string input;
  std::string log;
  std::vector<std::string> argv;

  Result with(const std::vector<std::string>& expressions, std::vector<std::string>* calls) const {
    std::vector<std::string> command{"strace", "-f", "-qq", "-s", "0", "-o", log};
    for (const std::string& expression : expressions) command.insert(command.end(), {"-e", expression});
    command.insert(command.end(), argv.begin(), argv.end());
    Result result = run({.argv = command, .environment = {"ASAN_OPTIONS=detect_leaks=0"}});
    if (calls != nullptr) *calls = calls_from(input, read_file(log));
    return result;
  }
};

bool can_trace() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  WARN("skipped: a sanitizer makes system calls of its own and dies when they fail");
  return false;
#endif
  if (skip_when_emulated("strace shows the emulator's own system calls")) return false;
  TempDir dir;
  Result result = run({.argv = {"strace", "-o", dir / "log", "-e", "inject=getppid:error=EIO", "true"}});
  if (result.status == 0) return true;
  WARN("skipped: strace does not work here: " << result.error);
  return false;
}

// One command with a directory that contains only its input and, on request, an older output.
class Job {
 public:
  Job(const std::string& command, bool replace) : replace_(replace) {
    // Enough zeros for a hole in the middle and one at the end of the file.
    std::string data = text(9000) + std::string(200'000, '\0') + text(2000);
    data.resize(std::size_t{88} * 4096);
    bool repairing = command == "repair";
    std::string container =
        encode(data, {{PAXECT_PARAM_FRAME_SIZE, 65536}, {PAXECT_PARAM_PROTECT, repairing ? 6 : 0}});
    expected_ = command == "decode" ? data : container;
    if (repairing) container[100] = static_cast<char>(container[100] ^ 1);
    write_file(dir_ / "in", command == "encode" ? data : container);
    traced_ = {dir_ / "in",
               log_dir_ / "log",
               {kTool, command, "-o", dir_ / "out", "--sync", "--threads", "1", repairing ? "-q" : "-i",
                dir_ / "in"}};
    if (command == "encode") traced_.argv.insert(traced_.argv.end(), {"--frame", "65536"});
    restore();
  }

  // The number, from 1, of the first call of this name whose line in strace's output contains `part`.
  int number_of(const std::string& name, const std::string& part) {
    traced_.with({"trace=" + name + ",openat"}, nullptr);
    restore();
    std::istringstream lines(read_file(traced_.log));
    int count = 1;
    for (std::string line; std::getline(lines, line);) {
      if (line.find(part) != std::string::npos) return count;
      count += is_call(line, name) ? 1 : 0;
    }
    FAIL("no call with " << part);
    return 0;
  }
  // The first call of this name that is not the start of the program.
  int first(const std::string& name) { return number_of(name, '"' + traced_.input + '"'); }

  struct Outcome {
    std::size_t injected = 0;  // calls that failed
    Result result;
  };
  // Each failure is strace's CALL:error=E:when=N. Checks what holds for every failure.
  Outcome run_with(const std::vector<std::string>& failures) {
    std::vector<std::string> expressions{"trace=all"};
    for (const std::string& failure : failures) expressions.push_back("inject=" + failure);
    std::vector<std::string> calls;
    Outcome outcome;
    outcome.result = traced_.with(expressions, &calls);
    std::string injected;
    bool renamed = false;
    for (const std::string& line : calls) {
      bool failed = line.find("(INJECTED)") != std::string::npos;
      if (failed) injected += line + "\n";
      outcome.injected += failed ? 1 : 0;
      bool renames = is_call(line, "renameat") || is_call(line, "renameat2");
      renamed = renamed || (renames && line.find(" = 0") != std::string::npos);
    }
    INFO(injected << "stderr: " << outcome.result.error);
    if (outcome.injected != 0) check(outcome.result, renamed);
    restore();
    return outcome;
  }

 private:
  void check(const Result& result, bool renamed) {
    bool there = replace_ || result.status == 0 || renamed;
    CHECK(list(dir_.path()) ==
          (there ? std::vector<std::string>{"in", "out"} : std::vector<std::string>{"in"}));
    if (result.status == 0) {
      CHECK((result.error.empty() || result.error.find(": could not keep its ") != std::string::npos));
      CHECK(read_file(dir_ / "out") == expected_);
      return;
    }
    CHECK(result.status == 3);
    CHECK(one_line(result.error));
    // After the rename only the flush of the directory can fail. The output is then complete.
    if (renamed)
      CHECK(read_file(dir_ / "out") == expected_);
    else if (replace_)
      CHECK(read_file(dir_ / "out") == "what stood there");
  }
  void restore() {
    run({.argv = {"rm", "-f", dir_ / "out"}});
    if (replace_) write_file(dir_ / "out", "what stood there");
  }

  TempDir dir_;
  TempDir log_dir_;
  bool replace_;
  std::string expected_;
  Traced traced_;
};

enum class Needed { kAlways, kStreaming, kDecoding, kReplacing, kCreating };

struct Fault {
  const char* call;
  const char* error;
  bool may_succeed;  // retried, or done another way, or of no matter
  Needed needed = Needed::kAlways;

  bool must_occur(const std::string& command, bool replacing) const {
    if (may_succeed) return false;
    return needed == Needed::kAlways || (needed == Needed::kStreaming && command != "repair") ||
           (needed == Needed::kDecoding && command == "decode") ||
           needed == (replacing ? Needed::kReplacing : Needed::kCreating);
  }
};

constexpr Fault kFaults[] = {{"openat", "EIO", true},
                             {"openat", "EMFILE", true},
                             {"read", "EIO", false, Needed::kStreaming},
                             {"read", "EINTR", true},
                             {"pwrite64", "ENOSPC", false},
                             {"pwrite64", "EIO", false},
                             {"pwrite64", "EINTR", true},
                             {"close", "EIO", true},
                             {"close", "EINTR", true},
                             {"fsync", "EIO", false},
                             {"fsync", "ENOSPC", false},
                             {"fchmod", "EPERM", true},
                             {"utimensat", "EPERM", true},
                             {"fgetxattr", "EIO", true},
                             {"flistxattr", "EIO", true},
                             {"linkat", "ENOSPC", true},  // the first is an attempt that leads to another way
                             {"renameat", "EIO", false, Needed::kReplacing},
                             {"renameat2", "EIO", false, Needed::kCreating},
                             {"newfstatat", "EIO", true},
                             {"lseek", "EIO", true},
                             {"ftruncate", "EFBIG", false, Needed::kDecoding},
                             {"mmap", "ENOMEM", true},
                             {"getrandom", "ENOSYS", true},
                             {"fadvise64", "EIO", true}};

bool is(const char* a, const std::string& b) { return a == b; }

// Fails each call of one kind in turn, together with `besides`, which always fail. Returns how many calls
// there were.
int each_failure(Job& job, const Fault& fault, const std::vector<std::string>& besides = {}) {
  int first = job.first(fault.call);
  for (int n = first;; ++n) {
    INFO(fault.call << " number " << n << " fails with " << fault.error);
    std::vector<std::string> failures = besides;
    failures.push_back(std::string(fault.call) + ":error=" + fault.error + ":when=" + std::to_string(n));
    Job::Outcome outcome = job.run_with(failures);
    if (outcome.injected < failures.size()) return n - first;
    if (!fault.may_succeed) CHECK(outcome.result.status == 3);
    if (is(fault.error, "EINTR") && (is(fault.call, "read") || is(fault.call, "pwrite64")))
      CHECK(outcome.result.status == 0);
  }
}

TEST_CASE("a container that cannot be read as a whole: the message says where, and that repair restores it") {
  if (!can_trace()) return;
  TempDir dir;
  write_file(dir / "in", encode(noise(1 << 20, 5), {{PAXECT_PARAM_PROTECT, 6}}));
  for (const char* command : {"test", "decode"}) {
    // The fault of read(2) alone: a repair reads with pread(2).
    std::vector<std::string> argv = {"strace",
                                     "-f",
                                     "-q",
                                     "-o",
                                     dir / "log",
                                     "-P",
                                     dir / "in",
                                     "-e",
                                     "trace=read",
                                     "-e",
                                     "inject=read:error=EIO:when=2+",
                                     kTool,
                                     command};
    if (std::string(command) == "decode") argv.insert(argv.end(), {"-o", dir / "out", "-i"});
    argv.push_back(dir / "in");
    const Result result = run({.argv = argv});
    INFO(result.error);
    CHECK(result.status == 3);
    CHECK(result.error.find("/in: cannot read: Input/output error (byte ") != std::string::npos);
    CHECK(result.error.find("it can be repaired: paxect-core repair " + (dir / "in") + " -o FILE") !=
          std::string::npos);
  }
}

TEST_CASE(
    "any one system call that fails ends the command with status 3 and leaves an existing output unchanged") {
  if (!can_trace()) return;
  for (const char* command : {"encode", "decode", "repair"}) {
    Job job(command, true);
    for (const Fault& fault : kFaults) {
      INFO(command << ", " << fault.call << ": " << fault.error);
      int failures = each_failure(job, fault);
      if (fault.must_occur(command, true)) CHECK(failures > 0);
    }
  }
}

TEST_CASE("the same holds on a file system that has no files without names") {
  if (!can_trace()) return;
  for (const char* command : {"encode", "decode", "repair"}) {
    Job job(command, false);
    std::string number = std::to_string(job.number_of("openat", "O_TMPFILE"));
    std::string unnamed = "openat:error=EOPNOTSUPP:when=" + number;
    INFO(command);
    CHECK(job.run_with({unnamed}).result.status == 0);
    CHECK(job.run_with({unnamed + "+"}).result.status == 3);
    for (const Fault& fault : kFaults)
      if (!is(fault.call, "openat") && !is(fault.call, "linkat") && !is(fault.call, "fchmod")) {
        INFO(fault.call << ": " << fault.error);
        int failures = each_failure(job, fault, {unnamed});
        if (fault.must_occur(command, false)) CHECK(failures > 0);
      }
  }
}

TEST_CASE("a hidden file that could not get its name is private again at once") {
  if (!can_trace()) return;
  TempDir dir;
  write_file(dir / "in", text(1000));
  Traced traced{dir / "in", dir / "log", {kTool, "encode", "-i", dir / "in", "-o", dir / "out"}};
  std::vector<std::string> calls;
  // Another process creates the name and removes it again, so that a second attempt is made.
  Result result = traced.with({"trace=openat,fchmod,linkat,renameat2,newfstatat",
                               "inject=linkat:error=ENOENT", "inject=renameat2:error=EEXIST:when=1"},
                              &calls);
  INFO(result.error);
  CHECK(result.status == 0);
  CHECK(read_file(dir / "out") == encode(text(1000)));
  auto refused = std::find_if(calls.begin(), calls.end(), [](const std::string& line) {
    return is_call(line, "renameat2") && line.find("EEXIST") != std::string::npos;
  });
  REQUIRE(refused != calls.end());
  REQUIRE(refused + 1 != calls.end());
  INFO(*(refused + 1));
  CHECK(is_call(*(refused + 1), "fchmod"));
  CHECK((refused + 1)->find("0600") != std::string::npos);
}

TEST_CASE("a command works with the threads that the system grants") {
  if (!can_trace()) return;
  TempDir dir;
  std::string data = text(300'000);
  write_file(dir / "in", data);
  for (const char* command : {"encode", "decode"}) {
    INFO(command);
    bool encoding = is(command, "encode");
    Traced traced{dir / (encoding ? "in" : "container"), dir / "log", {kTool, command}};
    std::string output = dir / (encoding ? "container" : "out");
    traced.argv.insert(traced.argv.end(), {"-i", traced.input, "-o", output, "--threads", "4"});
    if (encoding) traced.argv.insert(traced.argv.end(), {"--frame", "4096"});
    std::vector<std::string> calls;
    Result result = traced.with({"trace=openat,clone,clone3", "inject=clone,clone3:error=EAGAIN"}, &calls);
    INFO(result.error);
    CHECK(std::any_of(calls.begin(), calls.end(),
                      [](const std::string& line) { return line.find("(INJECTED)") != std::string::npos; }));
    CHECK(result.status == 0);
    CHECK(read_file(output) == (encoding ? encode(data, {{PAXECT_PARAM_FRAME_SIZE, 4096}}) : data));
  }
}

TEST_CASE("an input that cannot be read and an output that is full or gone are status 3") {
  TempDir dir;
  write_file(dir / "data", noise(300'000));  // more than a pipe holds, as container too
  write_file(dir / "container", encode(noise(300'000)));
  for (const std::string command : {"encode", "decode"}) {
    INFO(command);
    std::string input = dir / (command == "encode" ? "data" : "container");
    // Page 0 of a process is never mapped, so reading it from /proc/self/mem is an I/O error.
    Result unreadable = run({.argv = {kTool, command, "-i", "/proc/self/mem", "-o", dir / "out"}});
    CHECK(unreadable.status == 3);
    CHECK(unreadable.error.find("/proc/self/mem: cannot read: Input/output error") != std::string::npos);
    Result full = run({.argv = {kTool, command, "-i", input, "-o", "/dev/full"}});
    CHECK(full.status == 3);
    CHECK(full.error.find("/dev/full: cannot write: No space left on device") != std::string::npos);
    Result gone = run(
        {.argv = {"sh", "-c", "{ \"$0\" \"$1\" -i \"$2\"; echo $? >&2; } | true", kTool, command, input}});
    CHECK(gone.error.find("standard output: cannot write: Broken pipe") != std::string::npos);
    CHECK(gone.error.find("\n3\n") != std::string::npos);
    CHECK((one_line(unreadable.error) && one_line(full.error)));
  }
  CHECK(list(dir.path()) == std::vector<std::string>{"container", "data"});
}

}  // namespace
}  // namespace paxect::test

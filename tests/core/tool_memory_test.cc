// Programs whose malloc fails: each call by number, alone and with all that follow it. PAXECT_TEST_LONG=1
// tries every number rather than the first, the last and some in between.
#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "codec.h"
#include "paxect/core.h"
#include "salvaging.h"
#include "support/catch.h"
#include "support/emulation.h"
#include "support/files.h"
#include "support/temp_dir.h"
#include "tool.h"

namespace paxect::test {
namespace {

using Arguments = std::vector<std::string>;

Result run_with(const Arguments& argv, const std::string& directory, std::vector<std::string> environment) {
  environment.push_back("LD_PRELOAD=" PAXECT_TEST_FAILING_MALLOC);
  return run({.argv = argv, .environment = environment, .directory = directory});
}

std::set<long> numbers(const Arguments& argv, const std::string& directory) {
  Result counted = run_with(argv, directory, {"PAXECT_TEST_MALLOC_COUNT=2"});
  REQUIRE(counted.status == 0);
  long count = std::stol(counted.error.substr(counted.error.rfind('\n', counted.error.size() - 2) + 1));
  REQUIRE(count > 3);
  constexpr long kEnds = 10;
  constexpr long kBetween = 20;
  long step = std::getenv("PAXECT_TEST_LONG") != nullptr ? 1 : std::max(1L, count / kBetween);
  std::set<long> tried;
  for (long n = 1; n <= count; n += step) tried.insert(n);
  for (long n = 1; n <= kEnds; ++n) tried.insert({n, std::max(1L, count - n + 1)});
  return tried;
}

// Runs it once for each number and each kind of failure; `allowed`: besides 0.
void fail_each(const Arguments& argv, const std::string& directory, int allowed, bool prints) {
  for (long n : numbers(argv, directory)) {
    for (bool lasting : {false, true}) {
      std::vector<std::string> environment = {"PAXECT_TEST_MALLOC=" + std::to_string(n)};
      if (lasting) environment.emplace_back("PAXECT_TEST_MALLOC_LASTING=1");
      Result result = run_with(argv, directory, environment);
      INFO("malloc " << n << (lasting ? " and later" : "") << ": " << result.error);
      CHECK((result.status == 0 || result.status == allowed));
      if (result.status != 0 && prints) CHECK(one_line(result.error));
      if (result.status != 0 && prints) CHECK(result.error.find("memory") != std::string::npos);
    }
  }
}

}  // namespace

TEST_CASE("a command that runs out of memory ends with status 3 and one line, and leaves nothing behind") {
  if (skip_when_emulated("a preloaded library reaches the emulator too")) return;
  TempDir dir;
  write_file(dir / "in", noise(100000));
  REQUIRE(tool({"encode", "-i", dir / "in", "-o", dir / "c", "--protect", "10", "--frame", "30000"}).status ==
          0);
  const std::vector<Arguments> commands = {
      {"encode", "-i", "in", "-o", "out", "-q"},
      {"decode", "-i", "c", "-o", "out", "--json"},
      {"decode", "-i", "c", "-o", "out", "--range", "5:70000"},
      {"test", "c", "--json"},
      {"info", "c", "--frames", "--json"},
      {"check", "c", "in"},
      {"repair", "c", "-o", "out", "--json"},
      {"salvage", "c", "-o", "out", "--json", "--report", "report"},
      {"--help"},
  };
  for (Arguments argv : commands) {
    argv.insert(argv.begin(), kTool);
    CAPTURE(argv);
    fail_each(argv, dir.path(), 3, true);
    for (const std::string& name : list(dir.path()))
      CHECK(std::set<std::string>{"in", "c", "out", "report"}.contains(name));
  }
}

TEST_CASE("repair: a lack of memory is reported with the name of the file and what helps a repair") {
  if (skip_when_emulated("the emulator takes memory too")) return;
  TempDir dir;
  // A frame that takes far more memory than the commands without it.
  write_file(dir / "file", noise(24 << 20, 5));
  REQUIRE(tool({"encode", "-i", dir / "file", "-o", dir / "c", "--protect", "10", "--frame", "25165824"})
              .status == 0);
  std::string bytes = read_file(dir / "c");
  bytes.replace(1000, 5000, std::string(5000, '\0'));
  write_file(dir / "c", bytes);
  unsigned unknown = 0;
  unsigned failed = 0;
  for (unsigned mebibytes = 16; mebibytes <= 160; mebibytes += 8) {
    auto limited = [&](const std::string& command) {
      return run({.argv = {"/bin/sh", "-c",
                           "ulimit -v " + std::to_string(1024 * mebibytes) + "; exec \"$0\" " + command +
                               " \"$1\" --threads 1",
                           kTool, dir / "c"}});
    };
    const Result checked = limited("repair --check");
    INFO(mebibytes << " MiB: " << checked.error);
    if (checked.status == 3) {
      CHECK(checked.error.find("memory") != std::string::npos);
      if (checked.error.find(dir / "c") != std::string::npos) ++failed;
    }
    CHECK(checked.error.find("use smaller frames") == std::string::npos);
    const Result tested = limited("test");
    INFO(tested.error);
    // Where the data is found to be damaged, something is said about a repair.
    if (tested.status == 4) CHECK(tested.error.find("repaired") != std::string::npos);
    if (tested.error.find("whether it can be repaired is not known: out of memory") != std::string::npos)
      ++unknown;
  }
  CHECK(failed > 0);
  CHECK(unknown > 0);
}

TEST_CASE(
    "test: where memory lacks for the protection, the summary has the status of the process and the error") {
  if (skip_when_emulated("the emulator takes memory too")) return;
  TempDir dir;
  write_file(dir / "file", noise(20'000'000, 6));
  REQUIRE(tool({"encode", "-i", dir / "file", "-o", dir / "c", "--protect", "25"}).status == 0);
  unsigned failed = 0;
  for (unsigned kibibytes = 22000; kibibytes <= 160000; kibibytes += 4000) {
    const Result tested = run(
        {.argv = {"/bin/sh", "-c",
                  "ulimit -v " + std::to_string(kibibytes) + "; exec \"$0\" test \"$1\" --json --threads 1",
                  kTool, dir / "c"}});
    INFO(kibibytes << " KiB: status " << tested.status << ", " << tested.error << tested.output);
    // A lack of memory that nothing can report ends the process before its summary.
    if (tested.output.empty()) continue;
    CHECK(tested.output.find("\"exit_status\":" + std::to_string(tested.status) + ",") != std::string::npos);
    CHECK((tested.output.find("\"error\":") != std::string::npos) == (tested.status != 0));
    if (tested.status == 3 && tested.output.find("\"sha256\":") != std::string::npos) ++failed;
    if (tested.status == 0 && failed > 0) break;
  }
  CHECK(failed > 0);
}

TEST_CASE("test: where memory for a repair lacks, later files are reported as not tested, with status 3") {
  if (skip_when_emulated("a preloaded library reaches the emulator too")) return;
  TempDir dir;
  const std::string container = encode(noise(100000), {{PAXECT_PARAM_PROTECT, 10}});
  write_file(dir / "a", zeroed(container, 5000, 3000));
  write_file(dir / "b", zeroed(container, 5000, 3000));
  write_file(dir / "c", container);
  const std::string unknown = "paxect-core: a: whether it can be repaired is not known: out of memory";
  auto failing = [&](Arguments files, long call) {
    files.insert(files.begin(), {kTool, "test", "--threads", "1"});
    return run_with(files, dir.path(), {"PAXECT_TEST_MALLOC=" + std::to_string(call)});
  };
  const Result whole =
      run_with({kTool, "test", "--threads", "1", "a"}, dir.path(), {"PAXECT_TEST_MALLOC_COUNT=2"});
  REQUIRE(whole.status == 4);
  REQUIRE(whole.error.find("it can be repaired") != std::string::npos);
  const long count = std::stol(whole.error.substr(whole.error.rfind('\n', whole.error.size() - 2) + 1));
  const long step = std::getenv("PAXECT_TEST_LONG") != nullptr ? 1 : std::max(1L, count / 100);
  unsigned ended = 0;
  unsigned alone_ended = 0;
  for (long call = 1; call <= count; call += step) {
    INFO("malloc " << call << " of " << count);
    const Result all = failing({"a", "b", "c"}, call);
    const Result alone = failing({"a"}, call);
    INFO(all.error << "alone: " << alone.error);
    if (all.error.find("; files after it were not tested\n") != std::string::npos) {
      ++ended;
      CHECK(all.status == 3);
      CHECK(all.error.find(unknown + "; files after it were not tested\n") != std::string::npos);
      // None of them is mentioned.
      CHECK(all.error.find("paxect-core: b: ") == std::string::npos);
      // With none after it, the status is that of its damage. Three names take more calls than one, so that
      // the last ones of them are others, some of which say for what the memory lacks.
      if (alone.error.find(unknown) != std::string::npos) {
        ++alone_ended;
        const bool is_short = alone.error.find(unknown + "\n") != std::string::npos;
        CHECK((is_short || alone.error.find(": find it out with more memory: ") != std::string::npos));
        CHECK(alone.status == 4);
      }
    } else if (all.error.find("paxect-core: out of memory\n") == std::string::npos) {
      // What fails otherwise does not keep the others from their test.
      CHECK(all.error.find("paxect-core: b: it can be repaired") != std::string::npos);
    }
  }
  CHECK(ended > 0);
  CHECK(alone_ended > 0);
}

TEST_CASE("several threads lack no memory where less is enough") {
  if (skip_when_emulated("the emulator takes memory too")) return;
  TempDir dir;
  write_file(dir / "file", noise(20'000'000, 7));
  REQUIRE(tool({"encode", "-i", dir / "file", "-o", dir / "c", "--protect", "25"}).status == 0);
  std::string bytes = read_file(dir / "c");
  bytes.replace(0, 1 << 20, std::string(1 << 20, '\0'));
  write_file(dir / "damaged", bytes);
  for (const char* command : {"repair --check damaged -q", "encode -i file -o out --protect 25 -q"}) {
    auto status_with = [&](unsigned kibibytes) {
      return run({.argv = {"/bin/sh", "-c",
                           "ulimit -v " + std::to_string(kibibytes) + "; exec \"$0\" " + command +
                               " --threads 2",
                           kTool},
                  .directory = dir.path()})
          .status;
    };
    unsigned enough = 70000;
    while (enough < 100000 && status_with(enough) != 0) enough += 10000;
    INFO(command << ", " << enough << " KiB are enough");
    REQUIRE(enough < 100000);
    for (unsigned more = 112000; more <= 127000; more += 3000) CHECK(status_with(more) == 0);
  }
}

TEST_CASE("the first job of a process that runs out of memory ends with MEMORY") {
  if (skip_when_emulated("a preloaded library reaches the emulator too")) return;
  TempDir dir;
  fail_each({PAXECT_TEST_FIRST_JOB}, dir.path(), PAXECT_ERROR_MEMORY, false);
}

}  // namespace paxect::test

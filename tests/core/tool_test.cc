// paxect-core as a user runs it.
#include <csignal>
#include <filesystem>

#include "codec.h"
#include "support/catch.h"
#include "support/emulation.h"
#include "support/files.h"
#include "support/temp_dir.h"
#include "tool.h"
#include "vectors.h"

namespace paxect::test {
namespace {

TEST_CASE("every form of the flags works, and standard input and output too") {
  TempDir dir;
  std::string data = text(50'000);
  write_file(dir / "in", data);
  std::string expected = encode(data);
  for (const std::vector<std::string>& form :
       {std::vector<std::string>{"-i", dir / "in", "-o", dir / "out"},
        {"-i" + (dir / "in"), "-o" + (dir / "out")},
        {"--input", dir / "in", "--output", dir / "out"},
        {"--input=" + (dir / "in"), "--output=" + (dir / "out")},
        {"-i=" + (dir / "in"), "-o=" + (dir / "out")},
        {"--in", dir / "in", "--o=" + (dir / "out"), "--lev", "5"},
        {"--level", "9", "-i", "none", "-o", dir / "out", "-i", dir / "in", "--level=5"}}) {
    std::filesystem::remove(dir / "out");
    std::vector<std::string> arguments = form;
    arguments.insert(arguments.begin(), "encode");
    Result result = tool(arguments);
    CHECK(result.status == 0);
    CHECK(result.error.empty());
    CHECK(read_file(dir / "out") == expected);
  }
  CHECK(tool({"encode"}, data).output == expected);
  CHECK(tool({"encode", "-i", "-", "-o", "-"}, data).output == expected);
  CHECK(tool({"decode", "--verify"}, expected).output == data);
  CHECK(tool({"decode", "-i", dir / "out", "-o", "-"}).output == data);
}

TEST_CASE("the command works whatever libcrypto's configuration says: it does not read it") {
  TempDir dir;
  write_file(dir / "openssl.cnf",  // leaves out the provider of SHA-256
             "openssl_conf = init\n[init]\nproviders = list\n[list]\nbase = base\n[base]\nactivate = 1\n");
  Result result = run({.argv = {kTool, "encode"},
                       .environment = {"OPENSSL_CONF=" + (dir / "openssl.cnf")},
                       .input = "0123456789"});
  CHECK(result.status == 0);
  CHECK(result.output == encode("0123456789"));
}

TEST_CASE("options reach the container") {
  std::string data = text(50'000);
  Result result = tool({"encode", "--level", "-5", "--channels=auto", "--frame", "4096", "--mapping", "u16",
                        "--verify", "--threads", "3"},
                       data);
  REQUIRE(result.status == 0);
  CHECK(result.output == encode(data, {{PAXECT_PARAM_LEVEL, -5},
                                       {PAXECT_PARAM_CHANNELS, 4},
                                       {PAXECT_PARAM_FRAME_SIZE, 4096},
                                       {PAXECT_PARAM_MAPPING, 1},
                                       {PAXECT_PARAM_VERIFY, 1}}));
}

TEST_CASE("an abbreviation means one of the Python tool's options, or nothing") {
  std::string data = text(50'000);
  CHECK(tool({"encode", "--l", "9", "--c=2", "--fr", "4096", "--m=u16", "--ver"}, data).output ==
        encode(data, {{PAXECT_PARAM_LEVEL, 9},
                      {PAXECT_PARAM_CHANNELS, 2},
                      {PAXECT_PARAM_FRAME_SIZE, 4096},
                      {PAXECT_PARAM_MAPPING, 1},
                      {PAXECT_PARAM_VERIFY, 1}}));
  CHECK(tool({"decode", "--v"}, encode(data)).output == data);
  CHECK(tool({"decode", "--max", "100"}, encode(data)).status == 64);
}

TEST_CASE("every vector gives its exit status by file and by pipe, and no output on failure") {
  TempDir dir;
  for (const Vector& vector : load_vectors()) {
    INFO(vector.name);
    std::string out = dir / "out";
    std::filesystem::remove(out);
    Result result = tool({"decode", "-i", PAXECT_TEST_VECTORS "/" + vector.name + ".freq", "-o", out});
    CHECK(result.status == vector.exit);
    CHECK(exists(out) == (vector.exit == 0));
    if (vector.exit == 0) CHECK(read_file(out) == vector.data);
    if (vector.exit != 0) {
      CHECK(one_line(result.error));
      CHECK(result.error.find(vector.name + ".freq: ") != std::string::npos);
      CHECK(result.error.find("(byte ") != std::string::npos);
    }
    CHECK(tool({"decode"}, vector.container).status == vector.exit);
  }
  CHECK(list(dir.path()).size() <= 1);
}

TEST_CASE("wrong usage is status 64 and one line") {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{},
                                                    {"frobnicate"},
                                                    {"encode", "--level", "23"},
                                                    {"encode", "--level", "5x"},
                                                    {"encode", "--channels", "0"},
                                                    {"encode", "--channels", "9"},
                                                    {"encode", "--mapping", "u8"},
                                                    {"encode", "--frame", "0"},
                                                    {"encode", "--frame", "4294967296"},
                                                    {"encode", "--thr", "3"},
                                                    {"encode", "--", "--lev"},
                                                    {"encode", "stray"},
                                                    {"encode", "-i"},
                                                    {"decode", "--level", "3"},
                                                    {"decode", "--threads", "9999"}}) {
    Result result = tool(arguments);
    CHECK(result.status == 64);
    CHECK(one_line(result.error));
    CHECK(result.output.empty());
  }
}

TEST_CASE("help and version go to standard output") {
  Result help = tool({"-h"});
  CHECK(help.status == 0);
  CHECK(help.output.find("encode") != std::string::npos);
  CHECK(tool({"encode", "--help"}).output.find("--mapping") != std::string::npos);
  Result version = tool({"--version"});
  CHECK(version.status == 0);
  CHECK(version.output ==
        "paxect-core 1.0.0 (format 42, libzstd " + std::string(paxect_core_zstd_version_string()) + ")\n");
}

TEST_CASE("file errors are status 3, name the file, and leave nothing behind") {
  TempDir dir;
  write_file(dir / "in", text(10'000));
  auto complaint = [&](const std::vector<std::string>& arguments) {
    Result result = tool(arguments);
    CHECK(result.status == 3);
    CHECK(one_line(result.error));
    return result.error;
  };
  CHECK(complaint({"encode", "-i", dir / "none", "-o", dir / "out"}).find((dir / "none") + ": cannot open") !=
        std::string::npos);
  CHECK(complaint({"encode", "-i", dir / "in", "-o", dir / "in"}).find("is the input file") !=
        std::string::npos);
  CHECK(complaint({"encode", "-i", dir / "in", "-o", "/dev/full"}).find("No space left") !=
        std::string::npos);
  CHECK(complaint({"encode", "-i", dir / "in", "-o", dir.path()}).find("is a directory") !=
        std::string::npos);
  CHECK(list(dir.path()) == std::vector<std::string>{"in"});
}

TEST_CASE("a name with control characters cannot break the one line of an error") {
  TempDir dir;
  Result result = tool({"decode", "-i", dir / "two\nlines", "-o", dir / "out"});
  CHECK(result.status == 3);
  CHECK(one_line(result.error));
}

TEST_CASE("a reader that goes away is a write error, not a death by SIGPIPE") {
  std::string data = noise(3'000'000);
  Result result =
      run({.argv = {"sh", "-c", "{ \"$0\" encode; echo $? >&2; } | head -c 10 > /dev/null", kTool},
           .input = data});
  CHECK(result.error.find("standard output: cannot write: Broken pipe") != std::string::npos);
  CHECK(result.error.find("\n3\n") != std::string::npos);
}

TEST_CASE("SIGINT in the middle leaves no output and ends by the signal") {
  bool no_tmpfile = GENERATE(false, true);
  if (no_tmpfile && skip_when_emulated("qemu-user has no seccomp filters")) return;
  TempDir dir;
  REQUIRE(run({.argv = {"mkfifo", dir / "in"}}).status == 0);
  Background encoder(
      {.argv = {kTool, "encode", "-i", dir / "in", "-o", dir / "out"}, .no_tmpfile = no_tmpfile});
  Background feeder({.argv = {"sh", "-c", "exec cat /dev/zero > \"$0\"", dir / "in"}});
  std::string io = "/proc/" + std::to_string(encoder.pid()) + "/io";
  std::size_t files = no_tmpfile ? 2 : 1;  // a hidden file beside the target, or none at all
  REQUIRE(eventually([&] {                 // it has written: it is in the middle
    std::string counters = read_file(io);
    return std::stoll(counters.substr(counters.find("wchar: ") + 7)) > 1000 &&
           list(dir.path()).size() >= files;
  }));
  CHECK(list(dir.path()).size() == files);
  encoder.signal(SIGINT);
  CHECK(encoder.wait().status == 128 + SIGINT);
  CHECK(list(dir.path()) == std::vector<std::string>{"in"});
}

TEST_CASE("a file system without O_TMPFILE gets the same file") {
  if (skip_when_emulated("qemu-user has no seccomp filters")) return;
  TempDir dir;
  std::string data = text(50'000);
  write_file(dir / "in", data);
  Result result = run({.argv = {kTool, "encode", "-i", dir / "in", "-o", dir / "out"}, .no_tmpfile = true});
  CHECK(result.status == 0);
  CHECK(read_file(dir / "out") == encode(data));
  CHECK(list(dir.path()) == std::vector<std::string>{"in", "out"});
}

}  // namespace
}  // namespace paxect::test

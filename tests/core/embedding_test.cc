// Builds examples/embed_* against the install prefix as a user of the library would, with find_package and
// with pkg-config, and runs them. tests/docs/run_blocks.py builds the program of examples/EMBEDDING.md.

#include "codec.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

const std::string kSources = PAXECT_TEST_SOURCES;
const std::string kLibraries = PAXECT_TEST_INSTALLED "/lib";

void must(const Command& command) {
  Result result = run(command);
  INFO(result.output << result.error);
  REQUIRE(result.status == 0);
}

// The directory of the programs that the example's own CMakeLists.txt makes.
void build_with_cmake(const std::string& example, const std::string& build) {
  must({.argv = {"cmake", "-S", kSources + "/examples/" + example, "-B", build, "-G", "Ninja",
                 "-DCMAKE_PREFIX_PATH=" PAXECT_TEST_INSTALLED, "-DCMAKE_C_COMPILER=" PAXECT_TEST_CC,
                 "-DCMAKE_CXX_COMPILER=" PAXECT_TEST_CXX,
                 "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror " PAXECT_TEST_FLAGS,
                 "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror " PAXECT_TEST_FLAGS}});
  must({.argv = {"cmake", "--build", build}});
}

// The command line of examples/EMBEDDING.md.
void build_with_pkg_config(const std::string& compiler, const std::string& source,
                           const std::string& program) {
  std::string line = compiler + " " PAXECT_TEST_FLAGS " -Wall -Wextra -Werror '" + source +
                     "' $(pkg-config --cflags --libs paxect_core) -o '" + program + "'";
  must({.argv = {"sh", "-ec", line}, .environment = {"PKG_CONFIG_PATH=" + kLibraries + "/pkgconfig"}});
}

Result run_with_library(const std::vector<std::string>& argv, const std::string& input = {}) {
  return run({.argv = argv, .environment = {"LD_LIBRARY_PATH=" + kLibraries}, .input = input});
}

void check_decode_file(const std::string& program) {
  TempDir dir;
  std::string container = encode(text(5000));
  write_file(dir / "in.freq", container);
  Result good = run_with_library({program, dir / "in.freq", dir / "out"});
  CHECK(good.status == 0);
  CHECK(good.output.find("out: 5000 bytes, SHA-256 ") != std::string::npos);
  CHECK(read_file(dir / "out") == text(5000));
  container.back() = static_cast<char>(container.back() ^ 1);
  write_file(dir / "bad.freq", container);
  Result bad = run_with_library({program, dir / "bad.freq", dir / "none"});
  CHECK(bad.status == 2);
  CHECK(bad.error.find("bad.freq: SHA-256 of the data differs") != std::string::npos);
  CHECK_FALSE(exists(dir / "none"));
}

void check_encode(const std::vector<std::string>& command) {
  std::string data = noise(1'000'000);
  Result good = run_with_library(command, data);
  CHECK(good.status == 0);
  CHECK(good.output == encode(data, {{PAXECT_PARAM_FRAME_SIZE, 256 * 1024}}));
  CHECK(good.error.find("1000000 bytes in") != std::string::npos);
  std::vector<std::string> limited = command;
  limited.push_back("400000");
  Result cancelled = run_with_library(limited, data);
  CHECK(cancelled.status == 3);
  CHECK(cancelled.error.find("cancelled") != std::string::npos);
}

void check_stream(const std::string& program) {
  check_encode({program, "encode"});
  std::string data = text(700'000);
  Result good = run_with_library({program, "decode"}, encode(data));
  CHECK(good.status == 0);
  CHECK(good.output == data);
  Result bad = run_with_library({program, "decode"}, "PXC2" + encode(data).substr(4));
  CHECK(bad.status == 4);
  CHECK(bad.error.find("not a .freq container") != std::string::npos);
  Result full = run_with_library({"sh", "-c", "\"$0\" encode > /dev/full", program}, data);
  CHECK(full.status == 3);
  CHECK(full.error.find("standard output") != std::string::npos);
}

TEST_CASE("the C examples build with find_package against the install prefix, and run") {
  TempDir dir;
  build_with_cmake("embed_c", dir / "build");
  check_decode_file(dir / "build/decode_file");
  check_encode({dir / "build/encode_pipe"});
}

TEST_CASE("the C++ example builds with find_package against the install prefix, and runs") {
  TempDir dir;
  build_with_cmake("embed_cpp", dir / "build");
  check_stream(dir / "build/stream");
}

TEST_CASE("the examples build with pkg-config and one command line, and run") {
  TempDir dir;
  build_with_pkg_config(PAXECT_TEST_CC, kSources + "/examples/embed_c/decode_file.c", dir / "decode_file");
  check_decode_file(dir / "decode_file");
  build_with_pkg_config(PAXECT_TEST_CC, kSources + "/examples/embed_c/encode_pipe.c", dir / "encode_pipe");
  check_encode({dir / "encode_pipe"});
  build_with_pkg_config(PAXECT_TEST_CXX " -std=c++17", kSources + "/examples/embed_cpp/stream.cc",
                        dir / "stream");
  check_stream(dir / "stream");
}

}  // namespace
}  // namespace paxect::test

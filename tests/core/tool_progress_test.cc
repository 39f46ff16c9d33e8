// The progress line: its text, and when it is shown, on a terminal and elsewhere.
#include <fcntl.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>

#include "codec.h"
#include "progress.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"
#include "tool.h"

namespace paxect::test {
namespace {

// A terminal of 60 columns that a program writes to.
class Terminal {
 public:
  Terminal() {
    winsize size{24, 60, 0, 0};
    REQUIRE(openpty(&ours_, &theirs_, nullptr, nullptr, &size) == 0);
    fcntl(ours_, F_SETFL, O_NONBLOCK);
  }
  ~Terminal() {
    close(ours_);
    close(theirs_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  int fd() const { return theirs_; }
  // Everything written so far.
  const std::string& written() {
    std::array<char, 4096> buffer;
    for (ssize_t got; (got = read(ours_, buffer.data(), buffer.size())) > 0;)
      written_.append(buffer.data(), static_cast<std::size_t>(got));
    return written_;
  }
  // The text on the screen after it, without trailing spaces.
  std::string screen() {
    std::string screen;
    std::string line;
    std::size_t column = 0;
    for (char byte : written()) {
      if (byte == '\n') {
        screen += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
        line.clear();
      } else if (byte != '\r') {
        if (line.size() <= column) line.resize(column + 1, ' ');
        line[column] = byte;
      }
      column = byte == '\n' || byte == '\r' ? 0 : column + 1;
    }
    return screen + line.substr(0, line.find_last_not_of(' ') + 1);
  }

 private:
  int ours_ = -1;
  int theirs_ = -1;
  std::string written_;
};

// An encoder whose input does not end.
class Endless {
 public:
  explicit Endless(int error_fd, std::vector<std::string> options = {})
      : made_(run({.argv = {"mkfifo", dir_ / "in"}})),
        encoder_(command(error_fd, std::move(options))),
        feeder_({.argv = {"sh", "-c", "exec cat /dev/zero > \"$0\"", dir_ / "in"}}) {}
  Result interrupt() {
    encoder_.signal(SIGINT);
    return encoder_.wait();
  }

 private:
  Command command(int error_fd, std::vector<std::string> options) const {
    std::vector<std::string> argv = {kTool, "encode", "-i", dir_ / "in", "-o", "/dev/null", "--threads", "1"};
    argv.insert(argv.end(), options.begin(), options.end());
    return {.argv = argv, .error_fd = error_fd};
  }

  TempDir dir_;
  Result made_;
  Background encoder_;
  Background feeder_;
};

TEST_CASE("the line has a bar, a rate and the time left, and fits the terminal") {
  using tool::progress_line;
  CHECK(progress_line("a", 50 << 20, 100 << 20, 2, 80) ==
        "a [##########----------] 50 %  25.0 MiB/s  0:02 left");
  CHECK(progress_line("a", 0, 100, 1, 80) == "a [--------------------] 0 %  0.0 B/s");
  CHECK(progress_line("a", 100, 100, 1, 80) == "a [####################] 100 %  100.0 B/s  0:00 left");
  CHECK(progress_line("a", 200, 100, 1, 80) == "a [####################] 100 %  200.0 B/s  0:00 left");
  CHECK(progress_line("a", 1000, 0, 1, 80) == "a  1.0 KiB/s");
  CHECK(progress_line("a", 1, std::uint64_t{100} << 30, 1, 80).find("277777:46:40 left") !=
        std::string::npos);
  CHECK(progress_line("a", 1000, 3'600'000, 1, 80).find("  59:59 left") != std::string::npos);
  CHECK(progress_line("a", 1000, 36'000'000, 1, 80).find("  9:59:59 left") != std::string::npos);
  CHECK(progress_line("a long name", 1000, 0, 1, 20) == "...g name  1.0 KiB/s");
  CHECK(progress_line("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 1000, 0, 1, 17) == "...\xc3\xa9  1.0 KiB/s");
  CHECK(progress_line("a long name", 1000, 0, 1, 13) == "  1.0 KiB/s");
  CHECK(progress_line("a long name", 1000, 0, 1, 5) == "  1.0");
}

TEST_CASE("progress is shown on a terminal after half a second, nowhere else, and erased at the end") {
  auto begin = std::chrono::steady_clock::now();
  Terminal terminal, quiet, never;
  Endless in_pipe(-1);
  Endless on_quiet(quiet.fd(), {"--quiet"});
  Endless on_never(never.fd(), {"--no-progress"});
  Endless on_terminal(terminal.fd());
  REQUIRE(eventually([&] { return !terminal.written().empty(); }));
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(500));
  REQUIRE(eventually([&] { return terminal.screen().find("iB/s") != std::string::npos; }));
  for (Endless* encoder : {&in_pipe, &on_quiet, &on_never, &on_terminal}) {
    Result result = encoder->interrupt();
    CHECK(result.status == 128 + SIGINT);
    CHECK(result.error.empty());
  }
  CHECK(terminal.screen().empty());
  CHECK(quiet.written().empty());
  CHECK(never.written().empty());
}

TEST_CASE("the line is erased before an error") {
  TempDir dir;
  std::string container = encode(text(100'000), {{PAXECT_PARAM_FRAME_SIZE, 100}});
  container.back() ^= 1;
  write_file(dir / "a.freq", container);
  Terminal terminal;
  Result result = run(
      {.argv = {kTool, "test", "--progress", "a.freq"}, .directory = dir.path(), .error_fd = terminal.fd()});
  CHECK(result.status == 2);
  CHECK(terminal.written().find("a.freq [") != std::string::npos);
  CHECK(terminal.screen().find("paxect-core: a.freq: SHA-256") == 0);
  CHECK(terminal.screen().find('[') == std::string::npos);
}

TEST_CASE("with --progress and without a terminal, progress is printed as lines") {
  TempDir dir;
  write_file(dir / "in", text(10'000));
  Result result =
      run({.argv = {kTool, "encode", "--progress", "-i", "in", "-o", "out"}, .directory = dir.path()});
  CHECK(result.status == 0);
  CHECK(one_line(result.error));
  CHECK(result.error.find("in [####################] 100 %") == 0);
}

TEST_CASE("a name with control characters cannot break the line") {
  TempDir dir;
  write_file(dir / "a\r\nb", text(10));
  Result result =
      run({.argv = {kTool, "encode", "--progress", "-i", "a\r\nb", "-o", "out"}, .directory = dir.path()});
  CHECK(result.error.find("a??b [") == 0);
}

}  // namespace
}  // namespace paxect::test

// Signals before `paxect run` has started its instances, by sending them.
#include "host/sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "support/catch.h"

using namespace paxect::test;

namespace {

// The writing end of a FIFO. Opens as soon as a reader has, or waits for, the other end.
class Gate {
 public:
  explicit Gate(std::string path) : path_(std::move(path)) { REQUIRE(mkfifo(path_.c_str(), 0600) == 0); }
  ~Gate() { release(); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  const std::string& path() const { return path_; }
  bool is_reached() {
    return eventually([&] { return (fd_ = open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0; });
  }
  void write(const std::string& text) const {
    REQUIRE(::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  void release() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  std::string path_;
  int fd_ = -1;
};

// `paxect run` at the point where the second of its plugins is being loaded.
struct Loading {
  explicit Loading(const std::vector<std::string>& options = {}) : gate(sandbox / "gate") {
    sandbox.add_plugin("gated");
    sandbox.write_config(sandbox.recorder("one") + "[two]\nplugin = gated\njournal = " + sandbox.journal());
    std::vector<std::string> arguments{"run"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    paxect = std::make_unique<Background>(sandbox.command(arguments, {"TEST_GATE=" + gate.path()}));
    REQUIRE(gate.is_reached());
  }

  Sandbox sandbox;
  Gate gate;
  std::unique_ptr<Background> paxect;
};

}  // namespace

TEST_CASE("SIGHUP while plugins are loaded does not end the process") {
  Loading loading;
  loading.paxect->signal(SIGHUP);
  loading.gate.release();
  REQUIRE(eventually([&] { return loading.sandbox.journal_has("two step wait"); }));
  loading.paxect->signal(SIGTERM);
  Result result = loading.paxect->wait();
  CHECK(result.status == 0);
  CHECK(result.error.empty());
}

TEST_CASE("A signal to stop while plugins are loaded ends the run cleanly before anything is created") {
  bool once = GENERATE(false, true);
  Loading loading(once ? std::vector<std::string>{"--once"} : std::vector<std::string>{});
  loading.paxect->signal(SIGTERM);
  loading.gate.release();
  Result result = loading.paxect->wait();
  CHECK(result.status == (once ? 1 : 0));
  CHECK(result.error.empty());
  CHECK(loading.sandbox.journal_lines().empty());
}

TEST_CASE("A second signal ends a load that hangs") {
  Loading loading;
  loading.paxect->signal(SIGTERM);
  loading.paxect->signal(SIGINT);
  Result result = loading.paxect->wait();
  CHECK((result.status == 128 + SIGTERM || result.status == 128 + SIGINT));  // read in any order
  CHECK(result.error == "paxect: second signal: exiting without waiting for [two] (loading plugin gated)\n");
}

// As timeout(1) sends it: to the process, and to its group.
TEST_CASE("The same signal twice at once is one request to stop") {
  Loading loading;
  loading.paxect->signal(SIGTERM);
  loading.paxect->signal(SIGTERM);
  loading.gate.release();
  Result result = loading.paxect->wait();
  CHECK(result.status == 0);
  CHECK(result.error.empty());
}

TEST_CASE("A second signal ends the process even when nobody reads its messages") {
  Sandbox sandbox;
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  REQUIRE(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  const std::string block(4096, 'x');
  while (write(ends[1], block.data(), block.size()) > 0) {
  }
  REQUIRE(fcntl(ends[1], F_SETFL, 0) == 0);
  sandbox.write_config(sandbox.recorder("one", "at_stop = log:blocked"));
  Command command = sandbox.command({"run"});
  command.error_fd = ends[1];
  Background paxect(command);
  REQUIRE(eventually([&] { return sandbox.journal_has("one step wait"); }));
  paxect.signal(SIGTERM);
  REQUIRE(eventually([&] { return sandbox.journal_has("one stop"); }));
  paxect.signal(SIGINT);
  CHECK(paxect.wait().status == 128 + SIGINT);
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("A configuration may be a pipe, and a signal ends the wait for its writer") {
  Sandbox sandbox;
  Gate gate(sandbox / "pipe");
  Background paxect(sandbox.command({"run", "-c", "pipe"}));
  REQUIRE(gate.is_reached());
  SECTION("written") {
    gate.write(sandbox.recorder("one", "script = done"));
    gate.release();
    CHECK(paxect.wait().status == 0);
    CHECK(sandbox.journal_has("one destroy"));
  }
  SECTION("signalled") {
    gate.write("[one]\n");
    paxect.signal(SIGTERM);
    Result result = paxect.wait();
    CHECK(result.status == 0);
    CHECK(result.error.empty());
  }
}

TEST_CASE("Commands other than run are ended by a signal") {
  int number = GENERATE(SIGTERM, SIGINT, SIGHUP);
  Sandbox sandbox;
  Gate gate(sandbox / "pipe");
  std::vector<std::string> arguments = GENERATE(std::vector<std::string>{"check", "-c", "pipe"},
                                                std::vector<std::string>{"plugins", "-c", "pipe"},
                                                std::vector<std::string>{"one", "say", "-c", "pipe"});
  Background paxect(sandbox.command(arguments));
  REQUIRE(gate.is_reached());
  paxect.signal(number);
  CHECK(paxect.wait().status == 128 + number);
}

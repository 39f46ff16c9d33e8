// SIGHUP in `paxect run`, by sending it.
#include <algorithm>
#include <csignal>
#include <memory>

#include "host/sandbox.h"
#include "support/catch.h"

using namespace paxect::test;

namespace {

// A recorder [one] and another instance [two], both in their first step.
struct Running {
  explicit Running(const std::string& keys = {}, const std::string& other = "recorder") {
    if (other != "recorder") sandbox.add_plugin(other);
    sandbox.write_config(sandbox.recorder("one", keys) + "[two]\nplugin = " + other +
                         "\njournal = " + sandbox.journal() + "\n");
    paxect = std::make_unique<Background>(sandbox.command({"run"}));
    REQUIRE(eventually([&] { return steps("one") > 0 && steps("two") > 0; }));
  }
  long count(const std::string& line) const {
    auto lines = sandbox.journal_lines();
    return std::count(lines.begin(), lines.end(), line);
  }
  long steps(const std::string& instance) const { return count(instance + " step wait"); }
  Result stop() const {
    paxect->signal(SIGTERM);
    return paxect->wait();
  }

  Sandbox sandbox;
  std::unique_ptr<Background> paxect;
};

}  // namespace

TEST_CASE("SIGHUP reloads every instance that waits and then steps it again") {
  Running running;
  running.paxect->signal(SIGHUP);
  REQUIRE(eventually([&] { return running.steps("one") == 2 && running.steps("two") == 2; }));
  CHECK(running.count("one reload") == 1);
  CHECK(running.count("two reload") == 1);
  running.paxect->signal(SIGHUP);
  REQUIRE(eventually([&] { return running.steps("one") == 3; }));
  CHECK(running.count("one reload") == 2);
  Result result = running.stop();
  CHECK(result.status == 0);
  CHECK(result.error.empty());
}

TEST_CASE("An instance whose plugin cannot reload ignores SIGHUP with a warning") {
  Running running({}, "plain");
  running.paxect->signal(SIGHUP);
  REQUIRE(eventually([&] { return running.steps("two") == 2 && running.count("one reload") == 1; }));
  CHECK(running.count("two reload") == 0);
  Result result = running.stop();
  CHECK(result.status == 0);
  CHECK(result.error == "[TWO] SIGHUP ignored: plugin plain has nothing to reload\n");
}

TEST_CASE("A reload that fails is reported and the instance continues") {
  Running running("at_reload = fail:78");
  running.paxect->signal(SIGHUP);
  REQUIRE(eventually([&] { return running.steps("one") == 2; }));
  Result result = running.stop();
  CHECK(result.status == 0);
  CHECK(result.error == "[ONE] reload was told to fail\n");
}

TEST_CASE("A reload that throws is a defect and ends the run") {
  Running running("at_reload = throw");
  running.paxect->signal(SIGHUP);
  Result result = running.paxect->wait();
  CHECK(result.status == 70);
  CHECK(result.error == "[ONE] reload threw an exception: reload was told to throw\n");
  CHECK(running.count("two destroy") == 1);
}

TEST_CASE("A malformed reload extension is a defect and ends the run") {
  Running running({}, "bad_extension");
  running.paxect->signal(SIGHUP);
  Result result = running.paxect->wait();
  CHECK(result.status == 70);
  CHECK(result.error ==
        "[TWO] plugin bad_extension: extension paxect.reload/1 has 15 bytes, fewer than 16\n");
}

TEST_CASE("SIGHUP after SIGTERM does not end a run that is stopping") {
  Sandbox sandbox;
  sandbox.write_config(sandbox.recorder("one", "at_stop = hang"));
  Background paxect(sandbox.command({"run"}));
  REQUIRE(eventually([&] { return sandbox.journal_has("one step wait"); }));
  paxect.signal(SIGTERM);
  REQUIRE(eventually([&] { return sandbox.journal_has("one stop"); }));
  paxect.signal(SIGHUP);
  paxect.signal(SIGINT);
  CHECK(paxect.wait().status == 128 + SIGINT);
}

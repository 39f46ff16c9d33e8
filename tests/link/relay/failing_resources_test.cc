// A relay while threads or memory run out: each request by number fails, alone and with all that follow it.
// A thread that cannot be had costs time only. Memory that cannot be had may end the process; the next start
// then delivers each file once and leaves nothing behind.
#include "core/failing_resources.h"

#include <algorithm>
#include <set>

#include "link/link_rig.h"
#include "link/relay_site.h"
#include "relay/lanes.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr int kFiles = 6;

std::string data_of(int i) { return noise(20'000, static_cast<std::uint32_t>(i)); }

void put_files(LinkRig& rig) {
  rig.host.set("mode", "send");
  rig.host.set("settle_ms", "0");
  rig.host.set("backoff_sec", "0");
  for (int i = 0; i < kFiles; ++i) rig.put("f" + std::to_string(i) + ".bin", data_of(i));
}

void check_each_delivered_once(const LinkRig& rig) {
  std::vector<std::string> expected;
  std::multiset<std::string> names;
  for (int i = 0; i < kFiles; ++i) {
    const std::string name = "f" + std::to_string(i);
    expected.insert(expected.end(), {name + ".freq", name + ".freq.sha256"});
    names.insert(rig.outbox(name + ".freq"));
  }
  CHECK(rig.delivered() == expected);
  CHECK(rig.waiting().empty());
  std::multiset<std::string> logged;
  for (const LogEntry& entry : rig.log())
    if (entry.event == "encode" || entry.event == "duplicate" || entry.event == "name_conflict")
      logged.insert(entry.target);
  CHECK(logged == names);
}

// Steps until all is done, or a step fails.
paxect_plugin_status step_to_the_end(LinkRig& rig) {
  for (int i = 0; i < 200; ++i) {
    const paxect_plugin_status status = rig.link->step();
    if (status != PAXECT_PLUGIN_OK || rig.link->last().state == PAXECT_STEP_DONE) return status;
    if (rig.link->last().state == PAXECT_STEP_WAIT) {
      Unaffected scope;
      rig.host.advance_ns(1'000'000'000);
    }
  }
  return PAXECT_PLUGIN_OK;
}

TEST_CASE("Threads that cannot be had cost no delivery") {
  bool lasting = GENERATE(true, false);
  for (long n = 1; n < 200; ++n) {
    LinkRig rig;
    put_files(rig);
    rig.host.set_once();
    rig.start();
    Failing failing(Resource::kThread, n, lasting);
    INFO("thread " << n << (lasting ? " and later" : " alone"));
    REQUIRE(step_to_the_end(rig) == PAXECT_PLUGIN_OK);
    failing.stop();
    REQUIRE(rig.link->last().outcome == PAXECT_PLUGIN_OK);
    rig.stop();
    check_each_delivered_once(rig);
    if (!failing.happened()) {
      CHECK(n > 2);
      return;
    }
  }
  FAIL("the requests never end");
}

// Steps until all is done, or a step fails; waits for the lanes of large files.
paxect_plugin_status step_with_lanes(LinkRig& rig) {
  for (int i = 0; i < 200; ++i) {
    const paxect_plugin_status status = rig.link->step();
    if (status != PAXECT_PLUGIN_OK || rig.link->last().state == PAXECT_STEP_DONE) return status;
    Unaffected scope;
    if (rig.link->last().state == PAXECT_STEP_WAIT && !rig.wait_for_lane())
      rig.host.advance_ns(1'000'000'000);
  }
  return PAXECT_PLUGIN_OK;
}

struct LargeFileRig : LinkRig {
  LargeFileRig() {
    host.set("mode", "send");
    host.set("settle_ms", "0");
    host.set("backoff_sec", "0");
    host.set_once();
    put("large.bin", std::string(link::Lanes::kLargeBytes + 1, 'x'));
    put("small.bin", "small");
    start();
  }
  void check_delivered() const {
    CHECK(delivered() ==
          std::vector<std::string>{"large.freq", "large.freq.sha256", "small.freq", "small.freq.sha256"});
    CHECK(waiting().empty());
    CHECK(events("encode").size() == 2);
  }
};

TEST_CASE("A large file for which no thread can be had is worked on by the relay's own") {
  LargeFileRig rig;
  Failing failing(Resource::kThread, 1, true);
  REQUIRE(step_with_lanes(rig) == PAXECT_PLUGIN_OK);
  failing.stop();
  CHECK(failing.happened());
  CHECK(rig.link->last().outcome == PAXECT_PLUGIN_OK);
  rig.check_delivered();
}

// Fails the n-th request for memory for ever larger n, until one run needs fewer. Returns how many runs the
// relay gave up what was in hand.
int fail_requests_by_number(Requesters requesters) {
  long n = 1;
  int given_up = 0;
  for (int tries = 0; tries < 1000; ++tries) {
    LargeFileRig rig;
    INFO("new " << n);
    Failing failing(Resource::kNew, n, false, requesters);
    REQUIRE(step_with_lanes(rig) == PAXECT_PLUGIN_OK);
    failing.stop();
    CHECK(rig.link->last().outcome == PAXECT_PLUGIN_OK);
    rig.check_delivered();
    if (rig.host.logged("cannot work on")) ++given_up;
    if (!failing.happened()) return given_up;
    n += is_long() ? 1 : std::max(1L, n / 10);
  }
  FAIL("the requests never end");
  return given_up;
}

TEST_CASE("An exception gives up what is in hand, and the relay goes on") {
  fail_requests_by_number(Requesters::kAll);
}

TEST_CASE("An exception in a lane gives up its file, and the relay goes on") {
  CHECK(fail_requests_by_number(Requesters::kOtherThreads) > 0);
}

TEST_CASE("Memory that cannot be had loses nothing, and nothing is delivered twice") {
  const bool lasting = GENERATE(false, true);
  long n = 1;
  for (int tries = 0; tries < 4000; ++tries) {
    LinkRig rig;
    put_files(rig);
    rig.host.set_once();
    rig.start();
    Failing failing(Resource::kNew, n, lasting);
    const paxect_plugin_status status = step_to_the_end(rig);
    failing.stop();
    CHECK((lasting || status == PAXECT_PLUGIN_OK));
    INFO("new " << n << (lasting ? " and later" : " alone") << ", status " << status);
    rig.stop();
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
    check_each_delivered_once(rig);
    if (!failing.happened()) return;
    // Each of them in the long run, one in so many otherwise.
    n += is_long() ? 1 : std::max(1L, n / 5);
  }
  FAIL("the requests never end");
}

}  // namespace
}  // namespace paxect::test

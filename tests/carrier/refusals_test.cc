#include "refusals.h"

#include <string>

#include "support/catch.h"
#include "support/fake_host.h"
#include "support/temp_dir.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kPause = Refusals::kForgotten / 2;
constexpr char kCondition[] = "the server refuses messages to the stream test_";

// The refusals of an instance without a server.
struct RefusalsRig {
  RefusalsRig() {
    fake.set("mode", "send");
    fake.set("folder", place.path());
    fake.set("subject", "test");
    REQUIRE(read_settings(host, &settings).ok());
  }
  bool holds(const std::string& what) const { return !problems.text(kCondition + what).empty(); }
  void wait(std::uint64_t ns) {
    fake.advance_ns(ns);
    refusals.tend();
  }

  const test::TempDir place;
  test::FakeHost fake{"carrier"};
  Host host{fake.get()};
  Settings settings;
  Connection connection{host, settings, "test"};
  Names names{"test"};
  Problems problems{host};
  Refusals refusals{host, connection, names, &problems};
};

TEST_CASE("A refusal that nobody has tried again for a while is over") {
  RefusalsRig rig;
  rig.refusals.note("test.data.0.0", "maximum bytes exceeded");
  rig.wait(kPause);
  CHECK(rig.holds("data"));
  rig.wait(kPause);
  CHECK_FALSE(rig.holds("data"));
}

TEST_CASE("A refusal lasts while somebody waits for its end") {
  RefusalsRig rig;
  rig.refusals.note("test.data.0.0", "maximum bytes exceeded");
  rig.refusals.note("test.job.0", "maximum bytes exceeded");
  for (int i = 0; i < 5; ++i) {
    rig.wait(kPause);
    rig.refusals.renew("data");
    CHECK(rig.holds("data"));
  }
  CHECK_FALSE(rig.holds("job"));
  CHECK(rig.refusals.count() == 2);
  rig.wait(2 * kPause);
  CHECK_FALSE(rig.holds("data"));
  rig.refusals.renew("data");  // begins nothing
  CHECK_FALSE(rig.holds("data"));
}

TEST_CASE("Silence that goes on is one condition, and keeps the words of a refusal") {
  RefusalsRig rig;
  rig.refusals.note("test.list.0", "maximum bytes exceeded");
  rig.fake.clear_log();
  for (int i = 0; i < 5; ++i) {
    rig.refusals.note_silence("test.job.0");
    rig.refusals.note_silence("test.list.0");
    rig.wait(kPause);
    CHECK(rig.holds("job"));
    CHECK(rig.problems.text(kCondition + std::string("list")).find("maximum bytes") != std::string::npos);
  }
  CHECK(rig.fake.log().size() == 1);
  CHECK(rig.fake.logged("(no reply)"));
}

}  // namespace
}  // namespace paxect::carrier

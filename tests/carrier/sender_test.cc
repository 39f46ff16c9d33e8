#include "sender.h"

#include <sys/stat.h>

#include <optional>
#include <string>

#include "support/catch.h"
#include "support/fake_host.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr int kMaxFiles = 20'000;

// A sender of a folder, started, without a server.
struct SenderRig {
  explicit SenderRig(const std::string& folder) {
    fake.set("mode", "send");
    fake.set("folder", folder);
    fake.set("subject", "test");
    fake.set("scan_ms", "500");
    REQUIRE(read_settings(host, &settings).ok());
    bool busy = false;
    REQUIRE(state.open(settings, &busy).ok());
    connection.emplace(host, settings, "test");
    REQUIRE(connection->open().ok());
    sender.emplace(host, settings, state, &*connection);
    REQUIRE(sender->start().ok());
  }

  test::FakeHost fake{"carrier"};
  Host host{fake.get()};
  Settings settings;
  StateDirectory state;
  std::optional<Connection> connection;
  std::optional<Sender> sender;
};

TEST_CASE("A sender with as many files in hand as it takes waits for the next scan when more come") {
  const test::TempDir place;
  const std::string folder = place / "folder";
  REQUIRE(mkdir(folder.c_str(), 0755) == 0);
  for (int i = 0; i < kMaxFiles; ++i) test::write_file(folder + "/" + std::to_string(i) + ".freq", "");
  SenderRig rig(folder);
  test::FakeHost& fake = rig.fake;
  Sender& sender = *rig.sender;
  sender.step();
  REQUIRE(sender.candidates() == kMaxFiles);
  for (int i = 0; i < 3; ++i) {
    test::write_file(folder + "/more" + std::to_string(i) + ".freq", "");
    sender.forget_changes();
    fake.advance_ns(1000 * kMillisecond);
    const std::uint64_t wake = sender.step();
    INFO(i);
    CHECK(wake >= fake.monotonic_ns() + 500 * kMillisecond);
    CHECK(sender.candidates() == kMaxFiles);
  }
}

TEST_CASE("A sender whose folder is away waits a second") {
  const test::TempDir place;
  SenderRig rig(place / "folder");
  CHECK(rig.sender->step() >= rig.fake.monotonic_ns() + 1000 * kMillisecond);
  CHECK(rig.sender->is_blocked());
}

TEST_CASE("A sidecar is held until its container is there, and only one that stays alone is to be removed") {
  const test::TempDir place;
  const std::string folder = place / "folder";
  REQUIRE(mkdir(folder.c_str(), 0755) == 0);
  test::write_file(folder + "/g.freq.sha256", "");
  SenderRig rig(folder);
  Sender& sender = *rig.sender;
  const auto reason = [&] {
    sender.forget_changes();
    rig.fake.advance_ns(1000 * kMillisecond);
    sender.step();
    const auto held = sender.held().find("g.freq.sha256");
    return held == sender.held().end() ? "" : held->second.reason;
  };
  CHECK(reason() == "the container of this sidecar is not there yet");
  CHECK_FALSE(rig.fake.logged("is not sent"));
  rig.fake.advance_ns(10'000 * kMillisecond);
  CHECK(reason() == "the container of this sidecar is missing: remove it");
  CHECK(reason() == "the container of this sidecar is missing: remove it");
  test::write_file(folder + "/g.freq", "");
  CHECK(reason().empty());
}

}  // namespace
}  // namespace paxect::carrier

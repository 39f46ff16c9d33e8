#include "sender.h"

#include <sys/stat.h>

#include <string>

#include "support/catch.h"
#include "support/fake_host.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::carrier {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr int kMaxFiles = 20'000;

TEST_CASE("A sender with as many files in hand as it takes waits for the next scan when more come") {
  const test::TempDir place;
  const std::string folder = place / "folder";
  REQUIRE(mkdir(folder.c_str(), 0755) == 0);
  for (int i = 0; i < kMaxFiles; ++i) test::write_file(folder + "/" + std::to_string(i) + ".freq", "");
  test::FakeHost fake("carrier");
  fake.set("mode", "send");
  fake.set("folder", folder);
  fake.set("subject", "test");
  fake.set("scan_ms", "500");
  const Host host(fake.get());
  Settings settings;
  REQUIRE(read_settings(host, &settings).ok());
  StateDirectory state;
  bool busy = false;
  REQUIRE(state.open(settings, &busy).ok());
  Connection connection(host, settings, "test");
  REQUIRE(connection.open().ok());
  Sender sender(host, settings, state, &connection);
  REQUIRE(sender.start().ok());
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
  test::FakeHost fake("carrier");
  fake.set("mode", "send");
  fake.set("folder", place / "folder");
  fake.set("subject", "test");
  const Host host(fake.get());
  Settings settings;
  REQUIRE(read_settings(host, &settings).ok());
  StateDirectory state;
  bool busy = false;
  REQUIRE(state.open(settings, &busy).ok());
  Connection connection(host, settings, "test");
  REQUIRE(connection.open().ok());
  Sender sender(host, settings, state, &connection);
  REQUIRE(sender.start().ok());
  CHECK(sender.step() >= fake.monotonic_ns() + 1000 * kMillisecond);
  CHECK(sender.is_blocked());
}

}  // namespace
}  // namespace paxect::carrier

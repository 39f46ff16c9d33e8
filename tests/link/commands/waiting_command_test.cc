// `waiting`, beside a relay that runs.
#include "link/commands/command_rig.h"
#include "support/catch.h"
#include "support/process.h"

namespace paxect::test {
namespace {

TEST_CASE("waiting lists what status counts, before the relay has observed it") {
  LinkRig rig;
  rig.start();
  rig.put("tool.exe", "MZ");
  CHECK(command_json(rig.host, {"status"})["backlog"]["blocked"].GetUint64() == 1);
  auto report = command_json(rig.host, {"waiting"});
  REQUIRE(report["items"].Size() == 1);
  CHECK(report["items"][0]["path"].GetString() == std::string("tool.exe"));
  CHECK(report["items"][0]["reason"].GetString() == std::string("policy_block: disallowed_suffix:.exe"));
}

TEST_CASE("waiting lists what could not be delivered, with reason and remedy") {
  LinkRig rig;
  rig.host.set("settle_ms", "0");
  CHECK(command_json(rig.host, {"waiting"})["items"].Size() == 0);
  rig.put("tool.exe", "MZ");
  rig.start();
  CHECK(eventually([&] {
    rig.host.advance_ns(6'000'000'000);
    REQUIRE(rig.link->step() == PAXECT_PLUGIN_OK);
    return command_json(rig.host, {"waiting"})["items"].Size() == 1;
  }));
  auto report = command_json(rig.host, {"waiting"});
  const auto& file = report["items"][0];
  CHECK(file["path"].GetString() == std::string("tool.exe"));
  CHECK(file["state"].GetString() == std::string("blocked"));
  CHECK(file["reason"].GetString() == std::string("policy_block: disallowed_suffix:.exe"));
  CHECK(std::string(file["advice"].GetString()).find("allowed_suffixes") != std::string::npos);
  CHECK(report["unlisted"].GetUint64() == 0);
  const std::string output = command(rig.host, {"waiting"}).output;
  CHECK(output.find("tool.exe  blocked  policy_block: disallowed_suffix:.exe\n  what to do") == 0);
}

}  // namespace
}  // namespace paxect::test

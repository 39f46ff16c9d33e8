// The installed JSON Schemas against what a relay really reads and writes.
#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "link/command_rig.h"
#include "link/link_rig.h"
#include "settings/json_schema.h"

namespace paxect::test {
namespace {

std::string schema(const std::string& name) {
  return read_file(std::string(PAXECT_TEST_SCHEMAS "/") + name + ".schema.json");
}

rapidjson::Document parsed(const std::string& text) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag>(text.c_str());
  INFO(text);
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

bool is_valid(const std::string& name, const std::string& text) {
  auto faults = link::check_schema(parsed(text), schema(name));
  for (const auto& fault : faults) WARN(name << ": " << fault.place << " of " << text);
  return faults.empty();
}

bool is_refused(const std::string& name, const std::string& text) {
  return !link::check_schema(parsed(text), schema(name)).empty();
}

// A relay with something of everything: delivered, doubled, in conflict, blocked, damaged, refused peers.
void fill(LinkRig& rig) {
  rig.put("good.txt", "good");
  rig.put("empty.bin", "");
  rig.put("twin.txt", "one");
  rig.put("twin.csv", "two");
  rig.put("again.txt", "same");
  write_file(rig.outbox("again"), "same");
  rig.put("bad.exe", "no");
  rig.put("odd \xff\n\\name.txt", "odd");
  rig.put("broken.freq", "this is no container");
  rig.put("cheat.freq", "neither");
  rig.put("cheat.freq.sha256", std::string(64, '0') + "\n");
  write_file(rig.directory / "link_manifest_x.json", "{");
  write_file(rig.directory / "link_manifest_y.json", R"({"payload": {"node": "y"}, "hmac_sha256": "00"})");
}

TEST_CASE("The log, reasons, manifest, policy and status of a relay are as their schemas say") {
  LinkRig rig;
  rig.host.set("hmac_key", "secret");
  rig.start();
  fill(rig);
  rig.settle(60'000'000'000);
  write_file(rig.policy(), "{\"require_sig\": 1, \"auto_delete\": 2}");
  rig.settle(60'000'000'000);

  auto status = command(rig.host, {"status", "--json"});
  CHECK(is_valid("status", status.output));
  CHECK(is_refused("status", "{\"running\": true}"));
  rig.stop();
  CHECK(is_valid("status", command(rig.host, {"status", "--json"}).output));

  std::set<std::string> events;
  for (const LogEntry& entry : rig.log()) {
    events.insert(entry.event);
    CHECK(is_valid("log", entry.line));
  }
  for (const char* event : {"startup", "encode", "decode", "duplicate", "name_conflict", "policy_block",
                            "checksum_mismatch", "decode_error", "quarantine", "handshake_reject",
                            "handshake_parse_error", "policy_error", "shutdown"}) {
    INFO(event);
    CHECK(events.contains(event));
  }
  CHECK(rig.events("policy_error").size() == 2);

  int reasons = 0;
  for (const std::string& name : list(rig.inbox(".quarantine"))) {
    if (!name.ends_with(".reason.json")) continue;
    ++reasons;
    CHECK(is_valid("reason", read_file(rig.inbox(".quarantine/" + name))));
  }
  CHECK(reasons == 2);
  CHECK(is_valid("manifest", read_file(rig.directory / "link_manifest.json")));
}

TEST_CASE("The policy that a first start writes is as its schema says, and so is an unsigned manifest") {
  LinkRig rig;
  std::filesystem::remove(rig.policy());
  rig.start();
  rig.settle();
  CHECK(is_valid("policy", read_file(rig.policy())));
  CHECK(is_valid("manifest", read_file(rig.directory / "link_manifest.json")));
}

TEST_CASE("The schemas refuse what is none of theirs") {
  const std::string line =
      R"({"datetime_utc": "2026-01-01 00:00:00 UTC", "level": "info", "event": "EVENT", "src": "/a",
          "dst": "/b", "status": "ok", "message": "MESSAGE", "version": "1.0.0", "id": 1})";
  auto with = [&](const std::string& event, const std::string& message) {
    std::string text = line;
    text.replace(text.find("EVENT"), 5, event);
    return text.replace(text.find("MESSAGE"), 7, message);
  };
  CHECK(is_valid("log", with("decode", "sha256=" + std::string(64, 'a'))));
  CHECK(is_refused("log", with("decode", "done")));
  CHECK(is_refused("log", with("policy_block", "disallowed_suffix:.exe")));  // its status is not "blocked"
  CHECK(is_refused("log", with("surprise", "")));
  CHECK(is_refused("reason", R"({"event": "decode_error"})"));
  CHECK(is_refused("manifest", R"({"payload": {"node": "a"}, "hmac_sha256": ""})"));
  CHECK(is_refused("policy", R"({"max_file_mb": "256"})"));
}

}  // namespace
}  // namespace paxect::test

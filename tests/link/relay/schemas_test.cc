// The installed JSON Schemas against what a relay really reads and writes.
#include <filesystem>
#include <regex>
#include <set>

#include "link/commands/command_rig.h"
#include "link/link_rig.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

const std::string kSchemas = PAXECT_TEST_SOURCES "/link_plugin/schemas";

bool is_valid(const std::string& name, const std::string& text) {
  return fits_schema("link_plugin", name, text);
}

bool is_refused(const std::string& name, const std::string& text) {
  std::string schema = read_file(kSchemas + "/" + name + ".schema.json");
  return !link::check_schema(parsed_json(text), schema).empty();
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

TEST_CASE("The log, reasons, manifest, policy and state of a relay are as their schemas say") {
  LinkRig rig;
  rig.host.set("hmac_key", "secret");
  rig.start();
  fill(rig);
  rig.settle(60'000'000'000);
  write_file(rig.policy(), "{\"require_sig\": 1, \"auto_delete\": 2}");
  rig.settle(60'000'000'000);

  std::string state = read_file(rig.lock() + ".status.json");
  CHECK(is_valid("state", state));
  CHECK_FALSE(parsed_json(state)["waiting"].Empty());
  rig.stop();
  CHECK(is_valid("state", read_file(rig.lock() + ".status.json")));

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

TEST_CASE("The state has the files that are tried again and what the relay waits for, as its schema says") {
  LinkRig rig;
  auto state = [&] {
    std::string text = read_file(rig.lock() + ".status.json");
    CHECK(is_valid("state", text));
    return parsed_json(text);
  };
  rig.host.set(
      "core", "sh -c 'case $3 in */inbox/*) exit 1; esac; exec " PAXECT_TEST_BIN "/paxect-core \"$@\"' core");
  rig.put("refused.txt", "x");
  rig.start();
  rig.settle();
  rig.stop();
  rig.start();  // the attempt is remembered, and the file not tried yet
  CHECK(state()["waiting"][0]["attempts"].GetUint() == 1);
  std::filesystem::rename(rig.outbox(), rig.directory / "away");
  for (int i = 0; i < 2; ++i) {
    rig.host.advance_ns(10'000'000'000);
    rig.link->step();
  }
  CHECK(std::string(state()["waiting_for"].GetString()).find("outbox ") == 0);
}

TEST_CASE("What each command prints is as its schema says, beside a relay that runs and without one") {
  LinkRig rig;
  rig.host.set("hmac_key", "secret");
  for (const char* each : {"status", "stats", "peers"})
    command_json(rig.host, {each}, each == std::string("status"));
  rig.start();
  fill(rig);
  rig.settle(60'000'000'000);
  command_json(rig.host, {"status"});
  command_json(rig.host, {"stats"});
  command_json(rig.host, {"peers"});
  CHECK(command_json(rig.host, {"quarantine", "list"})["items"].Size() == 2);
  for (const char* file : {"good.txt", "bad.exe", "cheat.freq", "odd \xff\n\\name.txt"})
    command_json(rig.host, {"explain", file});
  command_json(rig.host, {"explain", "none"}, PAXECT_PLUGIN_INCOMPLETE);
  rig.stop();
  write_file(rig.inbox(".quarantine/unexplained"), "");
  command_json(rig.host, {"quarantine", "show", "unexplained"});
}

// Every command that takes --json has one, so that a new command cannot come without.
TEST_CASE("Every command with --json has a schema, and every schema has a row in the README") {
  FakeHost host;
  auto* extension = static_cast<const paxect_commands_extension*>(
      load_plugin(PAXECT_TEST_PLUGINS "/link.so")->extension(PAXECT_EXTENSION_COMMANDS));
  int commands = 0;
  for (std::uint32_t i = 0; const paxect_command* each = extension->command_at(i); ++i) {
    if (std::string(each->arguments).find("--json") == std::string::npos) continue;
    INFO(each->name);
    CHECK(exists(kSchemas + "/" + each->name + ".schema.json"));
    ++commands;
  }
  CHECK(commands == 16);
  std::set<std::string> told;
  std::string readme = read_file(kSchemas + "/README.md");
  const std::regex row("\\| `([a-z_]+)` \\|");
  for (std::sregex_iterator at(readme.begin(), readme.end(), row), end; at != end; ++at)
    told.insert((*at)[1]);
  std::set<std::string> there;
  for (const std::string& name : list(kSchemas))
    if (std::size_t end = name.find(".schema.json"); end != std::string::npos)
      there.insert(name.substr(0, end));
  CHECK(told == there);
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
  CHECK(is_refused("status", R"({"running": true})"));
  CHECK(
      is_refused("state",
                 R"({"pid": 1, "written_utc_ns": 0, "waiting_for": "", "oldest_utc_ns": 0, "waiting_count": 0,
                       "trouble": {}, "waiting": [{}]})"));
  CHECK(
      is_refused("state",
                 R"({"pid": 0, "written_utc_ns": 0, "waiting_for": "", "oldest_utc_ns": 0, "waiting_count": 0,
                       "trouble": {}, "waiting": []})"));
  CHECK(is_refused(
      "peers", R"({"node": "a", "peers": [{"node": "b", "state": "odd", "reason": "", "manifest": "m"}]})"));
}

}  // namespace
}  // namespace paxect::test

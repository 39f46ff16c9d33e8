#include <filesystem>

#include "base/relay_paths.h"
#include "link/commands/command_rig.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

// A relay that has given up on bad.freq and its sidecar, and on junk.freq.
struct Given {
  Given() {
    rig.put("bad.freq", "junk");
    rig.put("bad.freq.sha256", std::string(64, '0'));
    rig.put("junk.freq", "more junk");
    CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
    REQUIRE(rig.waiting().empty());
  }
  Names quarantine() const { return list(rig.inbox(".quarantine")); }

  LinkRig rig;
};

TEST_CASE_METHOD(Given, "quarantine list names each file once with its reason") {
  auto report = command_json(rig.host, {"quarantine", "list"});
  const auto& items = report["items"];
  REQUIRE(items.Size() == 2);
  CHECK(std::string(items[0]["name"].GetString()) == "bad.freq");
  CHECK(items[0]["sidecar"].GetBool());
  CHECK(std::string(items[0]["event"].GetString()) == "checksum_mismatch");
  CHECK(items[0]["attempts"].GetUint64() == 1);
  CHECK(std::string(items[1]["name"].GetString()) == "junk.freq");
  CHECK_FALSE(items[1]["sidecar"].GetBool());
  CHECK(std::string(items[1]["source"].GetString()) == rig.inbox("junk.freq"));
  CommandResult outcome = command(rig.host, {"quarantine", "list"});
  CHECK(outcome.status == 0);
  CHECK(outcome.output.find("bad.freq  4 B  2026-01-02") == 0);
}

TEST_CASE_METHOD(Given,
                 "explain names the last thing that became of a name, not what went to quarantine before") {
  CHECK(std::string(command_json(rig.host, {"explain", rig.inbox("junk.freq")})["state"].GetString()) ==
        "quarantined");
  rig.put("junk.freq", container_of("whole"));
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(std::string(command_json(rig.host, {"explain", rig.inbox("junk.freq")})["state"].GetString()) ==
        "delivered");
}

TEST_CASE_METHOD(Given, "quarantine list tells files of one name apart") {
  rig.put("bad.freq", "junk again");
  rig.put("bad.freq.sha256", std::string(64, '1'));
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  auto report = command_json(rig.host, {"quarantine", "list"});
  const auto& items = report["items"];
  REQUIRE(items.Size() == 3);
  CHECK(items[1]["sidecar"].GetBool());
  CHECK(std::string(items[1]["source"].GetString()) == rig.inbox("bad.freq"));
  CHECK(command(rig.host, {"quarantine", "retry", items[1]["name"].GetString()}).status == 0);
  CHECK(read_file(rig.inbox("bad.freq")) == "junk again");
  CHECK(read_file(rig.inbox("bad.freq.sha256")) == std::string(64, '1'));
}

TEST_CASE("A quarantined file that is called like a reason is neither taken for one nor overwritten") {
  LinkRig rig;
  rig.write_policy("\"quarantine_on_policy_block\": true");
  rig.put("a.exe.reason.json", "data");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  rig.put("a.exe", "MZ");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(read_file(rig.inbox(".quarantine/a.exe.reason.json")) == "data");
  auto report = command_json(rig.host, {"quarantine", "list"});
  REQUIRE(report["items"].Size() == 2);
  CHECK(std::string(report["items"][0]["name"].GetString()) == "a.exe.1");
  CHECK(std::string(report["items"][1]["name"].GetString()) == "a.exe.reason.json");
}

TEST_CASE("Of the longest names, too, a reason is none of the files in quarantine, and each has its own") {
  LinkRig rig;
  const std::string stem(link::kNameMax - 6, 'l');
  const Names names{stem + "1.freq", stem + "2.freq"};
  for (const std::string& name : names) rig.put(name, "junk " + name.substr(stem.size()));
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  auto report = command_json(rig.host, {"quarantine", "list"});
  REQUIRE(report["items"].Size() == 2);
  for (const auto& item : report["items"].GetArray())
    CHECK(command(rig.host, {"quarantine", "retry", item["name"].GetString()}).status == 0);
  CHECK(rig.waiting() == names);
  for (const std::string& name : names)
    CHECK(read_file(rig.inbox(name)) == "junk " + name.substr(stem.size()));
}

TEST_CASE_METHOD(Given, "A reason without its file is no file in quarantine") {
  std::filesystem::remove(rig.inbox(".quarantine/junk.freq"));
  auto report = command_json(rig.host, {"quarantine", "list"});
  REQUIRE(report["items"].Size() == 1);
  CHECK(std::string(report["items"][0]["name"].GetString()) == "bad.freq");
  CHECK(command(rig.host, {"quarantine", "retry", "junk.freq.reason.json"}).status != 0);
  CHECK(rig.waiting().empty());
}

TEST_CASE_METHOD(Given, "quarantine show tells all about the names given and says which is not there") {
  CommandResult outcome = command(rig.host, {"quarantine", "show", "bad.freq"});
  CHECK(outcome.status == 0);
  CHECK(outcome.output.find("with a sidecar") != std::string::npos);
  CHECK(outcome.output.find("checksum_mismatch: sidecar sha256 mismatch") != std::string::npos);
  outcome = command(rig.host, {"quarantine", "show", "none", "junk.freq"});
  CHECK(outcome.status == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(outcome.output.find("junk.freq") == 0);
  CHECK(rig.host.logged("no none in", PAXECT_LOG_ERROR));
}

TEST_CASE_METHOD(Given, "quarantine retry gives a file back to a running relay, with its sidecar") {
  rig.start();
  rig.settle();
  CHECK(command(rig.host, {"quarantine", "retry", "bad.freq"}).status == 0);
  CHECK(rig.waiting() == Names{"bad.freq", "bad.freq.sha256"});
  CHECK(quarantine() == Names{"junk.freq", "junk.freq.reason.json"});
  rig.settle(60'000'000'000);
  // It is as damaged as before.
  CHECK(quarantine().size() == 5);
  CHECK(rig.events("quarantine").size() == 3);
}

TEST_CASE_METHOD(Given, "quarantine retry replaces nothing") {
  for (const char* taken : {"bad.freq", "bad.freq.sha256"}) {
    rig.put(taken, "another");
    auto before = quarantine();
    CHECK(command(rig.host, {"quarantine", "retry", "bad.freq"}).status == PAXECT_PLUGIN_INCOMPLETE);
    CHECK(read_file(rig.inbox(taken)) == "another");
    CHECK(rig.waiting() == Names{taken});
    CHECK(quarantine() == before);
    std::filesystem::remove(rig.inbox(taken));
  }
}

TEST_CASE("quarantine retry brings a file back to its folder and its name, whatever bytes that has") {
  LinkRig rig;
  rig.host.set("recursive", "true");
  rig.host.set("quarantine", rig.directory / "aside");
  std::filesystem::create_directories(rig.inbox("deep/er"));
  const std::string name = "deep/er/odd \xff\n\\x41.freq";
  rig.put(name, "junk");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  REQUIRE_FALSE(exists(rig.inbox(name)));
  auto report = command_json(rig.host, {"quarantine", "list"});
  REQUIRE(report["items"].Size() == 1);
  CommandResult outcome = command(rig.host, {"quarantine", "retry", "odd \xff\n\\x41.freq"});
  CHECK(outcome.status == 0);
  CHECK(outcome.output.find('\n') == outcome.output.size() - 1);
  CHECK(read_file(rig.inbox(name)) == "junk");
  CHECK(list(rig.directory / "aside").empty());
}

TEST_CASE_METHOD(Given, "quarantine retry leads out of the inbox by no reason file") {
  std::filesystem::create_directories(rig.directory / "outside");
  write_file(rig.inbox(".quarantine/junk.freq.reason.json"),
             "{\"source\": \"" + rig.inbox("../outside/elsewhere") + "\"}");
  CHECK(command(rig.host, {"quarantine", "retry", "junk.freq"}).status == 0);
  CHECK(list(rig.directory / "outside").empty());
  CHECK(rig.waiting() == Names{"junk.freq"});
}

TEST_CASE("A name is no command for the terminal, by none of the control characters, and is given as shown") {
  LinkRig rig;
  rig.put("a\x1b[K\xc2\x9bK\x7f\xc2\xa0\xc3\x9b.freq", "junk");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  const std::string name = "a\\x1b[K\\xc2\\x9bK\\x7f\xc2\xa0\xc3\x9b.freq";
  CHECK(command(rig.host, {"quarantine", "list"}).output.find(name + "  4 B") == 0);
  CHECK(command(rig.host, {"quarantine", "drop", name}).status == 0);
}

TEST_CASE("A name as list shows it is of that file, even where another one is called so") {
  LinkRig rig;
  rig.put("\x80.freq", "junk");
  rig.put("\\x80.freq", "more junk");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(command(rig.host, {"quarantine", "drop", "\\x80.freq"}).status == 0);
  CHECK(list(rig.inbox(".quarantine")) == Names{"\\x80.freq", "\\x80.freq.reason.json"});
}

TEST_CASE_METHOD(Given, "quarantine drop removes the file and all that goes with it") {
  CommandResult outcome = command(rig.host, {"quarantine", "drop", "bad.freq"});
  CHECK(outcome.status == 0);
  CHECK(outcome.output == "bad.freq: removed\n");
  CHECK(quarantine() == Names{"junk.freq", "junk.freq.reason.json"});
  CHECK(command(rig.host, {"quarantine", "drop", "../bad.freq"}).status == PAXECT_PLUGIN_INCOMPLETE);
}

TEST_CASE("A quarantine that is not there is empty and wrong verbs are refused") {
  LinkRig rig;
  CHECK(command_json(rig.host, {"quarantine", "list"})["items"].Size() == 0);
  for (const Names& words : std::vector<Names>{{"quarantine"},
                                               {"quarantine", "burn"},
                                               {"quarantine", "list", "name"},
                                               {"quarantine", "drop"},
                                               {"quarantine", "drop", "name", "--json"}})
    CHECK(command(rig.host, words).status == PAXECT_PLUGIN_USAGE);
  CHECK(list(rig.directory.path()) == Names{"inbox"});
}

}  // namespace
}  // namespace paxect::test

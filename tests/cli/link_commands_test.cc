// `paxect link COMMAND` by the installed binaries.
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>

#include "support/files.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

struct Desk {
  TempDir directory;
  Desk() { std::filesystem::create_directories(directory / "inbox"); }

  Result paxect(const std::vector<std::string>& words) const {
    std::vector<std::string> argv = {PAXECT_TEST_INSTALLED "/bin/paxect"};
    argv.insert(argv.end(), words.begin(), words.end());
    argv.insert(argv.end(), {"--set", "link.settle_ms=0"});
    return run({.argv = argv, .directory = directory.path()});
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("What was relayed and what was not can be asked for") {
  Desk desk;
  write_file(desk.directory / "inbox/good.txt", "12345");
  write_file(desk.directory / "inbox/bad.freq", "junk");
  CHECK(desk.paxect({"run", "--once"}).status == 1);

  Result status = desk.paxect({"link", "status", "--json"});
  CHECK(status.status == 1);
  CHECK(has(status.output, "\"state\":\"stopped\""));
  CHECK(has(status.output, "\"delivered\":1"));
  CHECK(has(status.output, "\"quarantined\":1"));
  Result stats = desk.paxect({"link", "stats"});
  CHECK(stats.status == 0);
  CHECK(has(stats.output, "decode: 1\n"));
  CHECK(has(stats.output, "delivered_bytes: 5\n"));
  CHECK(has(desk.paxect({"link", "explain", "good"}).output, "last event: "));
  CHECK(has(desk.paxect({"link", "explain", "bad.freq"}).output, "quarantined: decode_error"));
  CHECK(desk.paxect({"link", "explain", "stranger"}).status == 1);
  CHECK(desk.paxect({"link", "peers"}).status == 0);
}

TEST_CASE("Quarantined files are listed, shown, given back and dropped") {
  Desk desk;
  write_file(desk.directory / "inbox/bad.freq", "junk");
  desk.paxect({"run", "--once"});
  CHECK(has(desk.paxect({"link", "quarantine", "list"}).output, "bad.freq decode_error: "));
  CHECK(has(desk.paxect({"link", "quarantine", "show", "bad.freq"}).output, "\"attempts\": 1"));
  CHECK(desk.paxect({"link", "quarantine", "retry", "bad.freq"}).status == 0);
  CHECK(list(desk.directory / "inbox") == std::vector<std::string>{".quarantine", "bad.freq"});
  desk.paxect({"run", "--once"});
  CHECK(desk.paxect({"link", "quarantine", "drop", "bad.freq"}).status == 0);
  CHECK(list(desk.directory / "inbox/.quarantine").empty());
  CHECK(desk.paxect({"link", "quarantine", "drop", "bad.freq"}).status == 64);
  CHECK(desk.paxect({"link", "quarantine", "burn"}).status == 64);
}

TEST_CASE("A running relay says so, and SIGHUP makes it read its policy again") {
  Desk desk;
  Background relay(
      {.argv = {PAXECT_TEST_INSTALLED "/bin/paxect", "run"}, .directory = desk.directory.path()});
  auto logged = [&](const std::string& event) {
    return exists(desk.directory / "paxect_link_log.jsonl") &&
           has(read_file(desk.directory / "paxect_link_log.jsonl"), event);
  };
  REQUIRE(eventually([&] { return logged("startup"); }));
  Result status = desk.paxect({"link", "status"});
  CHECK(status.status == 0);
  CHECK(has(status.output, "state: running\n"));
  CHECK(has(status.output, "pid: " + std::to_string(relay.pid()) + "\n"));
  relay.signal(SIGHUP);
  CHECK(eventually([&] { return logged("policy_reload"); }));
  relay.signal(SIGTERM);
  CHECK(relay.wait().status == 0);
}

}  // namespace
}  // namespace paxect::test

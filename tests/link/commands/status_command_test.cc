// `status` and `peers`, beside a relay that runs and without one.
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "base/relay_paths.h"
#include "link/commands/command_rig.h"
#include "stages/trust.h"
#include "support/catch.h"
#include "support/process.h"

namespace paxect::test {
namespace {

std::int64_t now_ns() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

TEST_CASE("status before the first start finds nothing and makes nothing") {
  LinkRig rig;
  auto status = command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK_FALSE(status["running"].GetBool());
  CHECK(status["pid"].IsNull());
  CHECK(status["backlog"]["files"].GetUint64() == 0);
  CHECK(status["last_delivery"].IsNull());
  CHECK(list(rig.directory.path()) == Names{"inbox"});
}

TEST_CASE("status lists the large files in hand, with how far they are") {
  LinkRig rig;
  rig.host.set("mode", "send");
  rig.host.set("settle_ms", "0");
  rig.write_policy("\"max_file_mb\": 100000000");
  rig.put_sparse("large.bin", std::uint64_t{1} << 40);
  rig.start();
  std::uint64_t read = 0;
  CHECK(eventually([&] {
    rig.host.advance_ns(6'000'000'000);
    REQUIRE(rig.link->step() == PAXECT_PLUGIN_OK);
    auto status = command_json(rig.host, {"status"});
    if (status["in_hand"].Size() == 1) read = status["in_hand"][0]["bytes_read"].GetUint64();
    return read > 0;
  }));
  auto status = command_json(rig.host, {"status"});
  REQUIRE(status["in_hand"].Size() == 1);
  CHECK(status["in_hand"][0]["path"].GetString() == std::string("large.bin"));
  CHECK(status["in_hand"][0]["bytes"].GetUint64() == std::uint64_t{1} << 40);
  CHECK(status["in_hand"][0]["seconds"].GetUint64() >= 6);
  const std::string output = command(rig.host, {"status"}).output;
  CHECK(output.find("in hand") != std::string::npos);
  CHECK(output.find("large.bin, ") != std::string::npos);
  CHECK(output.find(" of 1.0 TiB read, for ") != std::string::npos);
  rig.host.request_stop();
  rig.stop();
}

TEST_CASE("status counts the inbox by the rules of the relay") {
  LinkRig rig;
  rig.write_policy("\"max_file_mb\": 1");
  rig.put("one.txt", std::string(1000, 'x'));
  rig.put("two.csv", std::string(500, 'x'));
  rig.put("bad.exe", "MZ");
  rig.put("large.txt", std::string(2 << 20, 'x'));
  rig.put(".hidden", "");
  rig.put("half.part", "");
  rig.put("c.freq", "container");
  rig.put("c.freq.sha256", "sidecar");
  std::filesystem::create_symlink("one.txt", rig.inbox("link"));
  std::filesystem::create_directories(rig.inbox("folder"));
  rig.put("folder/three.txt", "3");
  rig.host.use_system_clock();
  auto status = command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE);
  const auto& backlog = status["backlog"];
  CHECK(backlog["files"].GetUint64() == 3);
  CHECK(backlog["bytes"].GetUint64() == 1509);
  CHECK(backlog["blocked"].GetUint64() == 2);
  CHECK(backlog["ignored"].GetUint64() == 1);
  CHECK(backlog["oldest_seconds"].GetUint64() < 300);
  rig.host.set("recursive", "true");
  CHECK(command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE)["backlog"]["files"].GetUint64() == 4);
}

TEST_CASE("status of a running relay has its process and its last delivery") {
  LinkRig rig;
  rig.put("good.txt", text(1000));
  rig.put("bad.exe", "MZ");
  rig.put("bad.freq", "junk");
  rig.start();
  rig.settle(10'000'000'000);
  auto status = command_json(rig.host, {"status"});
  CHECK(status["running"].GetBool());
  CHECK(status["pid"].GetInt64() == getpid());
  CHECK(std::string(status["last_delivery"]["dst"].GetString()) == rig.outbox("good"));
  CHECK(status["last_minute"]["files"].GetUint64() == 1);
  CHECK(status["last_minute"]["bytes"].GetUint64() == 1000);
  CHECK(status["last_minute"]["files_per_second"].GetDouble() > 0);
  CHECK(status["latency"]["files"].GetUint64() == 1);
  CHECK(status["latency"]["p95_seconds"].GetDouble() >= status["latency"]["median_seconds"].GetDouble());
  CHECK(status["backlog"]["blocked"].GetUint64() == 1);
  CHECK(status["quarantine"].GetUint64() == 1);
  CHECK(status["in_flight"].GetUint64() == 0);
  CHECK(std::string(status["state"].GetString()) == "running");
  CHECK(status["waiting_for"].IsNull());
  // It does not stay in the report of a relay that delivers nothing any more.
  rig.settle(80'000'000'000);
  CHECK(command_json(rig.host, {"status"})["latency"].IsNull());
}

TEST_CASE("A relay that waits for a place, or for its start, is shown as waiting and not as in trouble") {
  LinkRig rig;
  rig.start();
  rig.settle();
  const std::string away = rig.directory / "away";
  std::filesystem::rename(rig.outbox(), away);
  for (bool started : {true, false}) {
    INFO(started);
    if (!started) {
      rig.stop();
      CHECK(std::string(command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE)["state"].GetString()) ==
            "stopped");
      rig.start();
    }
    rig.settle(20'000'000'000);
    auto status = command_json(rig.host, {"status"});
    CHECK(status["running"].GetBool());
    CHECK(std::string(status["state"].GetString()) == "waiting");
    CHECK(std::string(status["waiting_for"].GetString()).find("outbox " + rig.directory / "outbox") == 0);
    CHECK(status["trouble"].MemberCount() == 0);
    const std::string output = command(rig.host, {"status"}).output;
    CHECK(output.find("relay           waiting, process ") == 0);
    CHECK(output.find("waits for       outbox ") != std::string::npos);
    CHECK(output.find("trouble") == std::string::npos);
  }
  std::filesystem::rename(away, rig.outbox());
  rig.settle(20'000'000'000);
  auto status = command_json(rig.host, {"status"});
  CHECK(std::string(status["state"].GetString()) == "running");
  CHECK(status["waiting_for"].IsNull());
}

TEST_CASE("The age of a file counts from its arrival, whatever its mtime") {
  LinkRig rig;
  rig.host.set("backoff_sec", "3600");
  rig.host.set("core", "sh -c 'exit 1' core");
  rig.host.set_realtime_ns(now_ns());
  auto put_old = [&](const std::string& name) {
    rig.put("new " + name, "x");
    std::filesystem::last_write_time(
        rig.inbox("new " + name), std::filesystem::file_time_type::clock::now() - std::chrono::hours(10'000));
    std::filesystem::rename(rig.inbox("new " + name), rig.inbox(name));
  };
  auto age = [&](int expected) {
    return command_json(rig.host, {"status"}, expected)["backlog"]["oldest_seconds"].GetUint64();
  };
  put_old("before.txt");
  CHECK(age(PAXECT_PLUGIN_INCOMPLETE) < 60);
  rig.start();
  rig.settle(100'000'000'000);
  CHECK(age(PAXECT_PLUGIN_OK) >= 90);
  CHECK(age(PAXECT_PLUGIN_OK) < 200);
  // Its name and mode change, and it is the same file.
  std::filesystem::permissions(rig.inbox("before.txt"), std::filesystem::perms::owner_read);
  rig.settle(100'000'000'000);
  CHECK(age(PAXECT_PLUGIN_OK) >= 190);
  CHECK(age(PAXECT_PLUGIN_OK) < 300);
  CHECK(command_json(rig.host, {"status"})["backlog"]["files"].GetUint64() == 1);
  // The wall clock is corrected by a year: the age stays as it was.
  rig.host.set_realtime_ns(now_ns() + std::int64_t{365} * 24 * 3600 * 1'000'000'000);
  rig.settle(10'000'000'000);
  CHECK(age(PAXECT_PLUGIN_OK) < 400);
  auto explained = command_json(rig.host, {"explain", "before.txt"});
  CHECK(std::string(explained["state"].GetString()) == "pending");
}

TEST_CASE("status says how old its knowledge of a relay is, and that a silent one is in trouble") {
  LinkRig rig;
  CHECK(command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE)["report_age_seconds"].IsNull());
  rig.start();
  for (int minute = 0; minute < 3; ++minute) rig.settle(60'000'000'000);
  auto status = command_json(rig.host, {"status"});
  CHECK(status["report_age_seconds"].GetInt() <= 5);
  CHECK_FALSE(status["trouble"].HasMember("relay"));
  // Stopped: the clock goes on, and it does not step.
  rig.host.advance_ns(12'000'000'000);
  status = command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK(status["state"].GetString() == std::string("unresponsive"));
  CHECK(status["report_age_seconds"].GetInt() >= 12);
  CHECK(status["trouble"].HasMember("relay"));
  CHECK(command(rig.host, {"status"}).output.find("has given no sign of life for ") != std::string::npos);
  REQUIRE(rig.link->step() == PAXECT_PLUGIN_OK);
  CHECK_FALSE(command_json(rig.host, {"status"})["trouble"].HasMember("relay"));
}

TEST_CASE("Commands do not disturb a relay and take no lock of it") {
  LinkRig rig;
  rig.start();
  for (const Names& words :
       std::vector<Names>{{"status"}, {"explain", "a.txt"}, {"peers"}, {"quarantine", "list"}, {"stats"}})
    command(rig.host, words);
  rig.put("a.txt", "a");
  rig.settle(10'000'000'000);
  CHECK(rig.delivered() == Names{"a"});
  rig.stop();
  CHECK(rig.events("stale_lock").empty());
  for (const Names& words : std::vector<Names>{{"status"}, {"explain", "a.txt"}, {"peers"}})
    command(rig.host, words);
  CHECK_FALSE(exists(rig.lock()));
  rig.start();
}

TEST_CASE("status and explain report a file that is held, with or without a relay that runs") {
  LinkRig rig;
  rig.host.set("mode", "send");
  rig.write_policy("\"auto_delete\": false");
  rig.put("a.txt", "a");
  rig.run_once();
  std::filesystem::remove(link::journal_of(rig.lock()));
  rig.start();
  rig.settle();
  for (bool runs : {true, false}) {
    if (!runs) rig.stop();
    auto explained = command_json(rig.host, {"explain", "a.txt"});
    CHECK(std::string(explained["state"].GetString()) == "held");
    CHECK(std::string(explained["advice"].GetString()).find("touch") == 0);
    auto status = command_json(rig.host, {"status"}, runs ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE);
    CHECK(status["backlog"]["held"].GetUint64() == 1);
    CHECK(status["backlog"]["files"].GetUint64() == 0);
    CHECK(status["backlog"]["blocked"].GetUint64() == 0);
  }
}

TEST_CASE("peers judges the manifests beside our own") {
  LinkRig rig;
  rig.host.set("manifest", rig.directory / "link_manifest.json");
  rig.host.set("hmac_key", "key");
  CHECK(command_json(rig.host, {"peers"})["peers"].Size() == 0);
  write_file(rig.directory / "link_manifest_a.json",
             link::manifest_text({{"node", "alpha"}}, std::string("key")));
  write_file(rig.directory / "link_manifest_b.json",
             link::manifest_text({{"node", "beta"}}, std::string("other")));
  write_file(rig.directory / "link_manifest_c.json", link::manifest_text({{"node", "gamma"}}, std::nullopt));
  write_file(rig.directory / "link_manifest_d.json", "no manifest");
  auto report = command_json(rig.host, {"peers"});
  const auto& peers = report["peers"];
  REQUIRE(peers.Size() == 4);
  std::string states;
  for (const auto& peer : peers.GetArray())
    states += std::string(peer["node"].GetString()) + "=" + peer["state"].GetString() + " ";
  CHECK(states == "alpha=signed beta=rejected gamma=unsigned =unreadable ");
  auto status = command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK(status["peers"]["rejected"].GetUint64() == 1);
  write_file(rig.policy(), "{broken");
  CHECK(command(rig.host, {"peers"}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE)["trouble"].HasMember("policy"));
}

TEST_CASE("An operator who cannot read the key asks all the same, but for what peers are worth") {
  LinkRig rig;
  rig.host.set("manifest", rig.directory / "link_manifest.json");
  for (const std::string& key : {std::string("credential:hmac_key"), "file:" + rig.inbox("no key")}) {
    INFO(key);
    rig.host.set("hmac_key", key);
    CHECK(command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE)["trouble"].MemberCount() == 0);
    CHECK(command_json(rig.host, {"peers"})["peers"].Size() == 0);
    CHECK(command(rig.host, {"quarantine", "list"}).status == PAXECT_PLUGIN_OK);
    std::string manifest = rig.directory / "link_manifest_east.json";
    write_file(manifest, link::manifest_text({{"node", "east"}}, std::nullopt));
    auto status = command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE);
    CHECK(std::string(status["trouble"]["peers"].GetString()).find("hmac_key = '" + key) == 0);
    CHECK(status["peers"].MemberCount() == 0);
    CHECK(command(rig.host, {"peers"}).status == PAXECT_PLUGIN_CONFIG);
    std::filesystem::remove(manifest);
  }
  rig.host.set("hmac_key", "hex:no digits");
  CHECK(command(rig.host, {"status"}).status == PAXECT_PLUGIN_CONFIG);
}

TEST_CASE("Commands report that their user may not read the state") {
  if (geteuid() != 0) return;
  const std::vector<std::string> as_nobody = {"setpriv", "--reuid", "65534", "--clear-groups"};
  auto run_as_nobody = [&](const std::string& at, const std::vector<std::string>& words) {
    std::vector<std::string> argv = as_nobody;
    argv.insert(argv.end(), words.begin(), words.end());
    return run({.argv = argv, .directory = at});
  };
  TempDir directory;
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  const std::string paxect = PAXECT_TEST_BIN "/paxect";
  if (run_as_nobody(directory.path(), {paxect, "--version"}).status != 0) {
    WARN("skipped: another user cannot run the program here");
    return;
  }
  for (const char* name : {"inbox", "state"}) std::filesystem::create_directory(directory / name);
  const std::vector<std::string> settings = {"--set", "link.log=state/log", "--set", "link.lock=state/lock"};
  auto words = [&](std::vector<std::string> all) {
    all.insert(all.begin(), paxect);
    all.insert(all.end(), settings.begin(), settings.end());
    return all;
  };
  write_file(directory / "inbox/a.txt", "a");
  REQUIRE(run({.argv = words({"run", "--once"}), .directory = directory.path()}).status == 0);
  std::filesystem::permissions(directory / "state", std::filesystem::perms(0700));
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"status"}, {"stats"}, {"waiting"}, {"explain", "a.txt"}}) {
    std::vector<std::string> all = {"link"};
    all.insert(all.end(), command.begin(), command.end());
    const Result result = run_as_nobody(directory.path(), words(all));
    INFO(command[0] << ": " << result.output << result.error);
    CHECK(result.status == 78);
    CHECK(result.output.empty());
    CHECK(result.error.find("Permission denied") != std::string::npos);
  }
}

TEST_CASE("A reload reads a policy again that did not change") {
  LinkRig rig;
  rig.write_policy("");
  rig.start();
  rig.settle();
  CHECK(rig.events("policy_reload").empty());
  auto* extension = static_cast<const paxect_reload_extension*>(
      load_plugin(PAXECT_TEST_PLUGINS "/link.so")->extension(PAXECT_EXTENSION_RELOAD));
  REQUIRE(extension != nullptr);
  CHECK(extension->reload(rig.link->instance()) == PAXECT_PLUGIN_OK);
  rig.settle();
  CHECK(rig.events("policy_reload").size() == 1);
}

}  // namespace
}  // namespace paxect::test

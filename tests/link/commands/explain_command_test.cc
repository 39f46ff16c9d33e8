// `explain`, beside a relay that runs and without one.
#include <unistd.h>

#include <filesystem>

#include "link/commands/command_rig.h"
#include "support/catch.h"
#include "support/process.h"

namespace paxect::test {
namespace {

std::string state_of(LinkRig& rig, const std::string& file) {
  auto report = command_json(rig.host, {"explain", file});
  return report["state"].GetString();
}

TEST_CASE("explain says since when a file is there") {
  LinkRig rig;
  rig.start();
  rig.settle();
  rig.put("a.exe", "MZ");
  rig.settle();
  rig.host.advance_ns(100'000'000'000);
  rig.settle();
  CHECK(std::string(command_json(rig.host, {"explain", "a.exe"})["since"].GetString())
            .find("2026-01-02 03:04:") == 0);
  CHECK(command(rig.host, {"explain", "a.exe"}).output.find("since           2026-01-02 03:04:") !=
        std::string::npos);
}

TEST_CASE("explain follows a file from the inbox to the outbox") {
  LinkRig rig;
  rig.put("a.txt", text(100));
  CHECK(state_of(rig, "a.txt") == "waiting");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  auto report = command_json(rig.host, {"explain", "a.txt"});
  CHECK(std::string(report["state"].GetString()) == "delivered");
  CHECK(std::string(report["reason"].GetString()).find(rig.outbox("a")) != std::string::npos);
  REQUIRE(report["history"].Size() == 2);
  CHECK(std::string(report["history"][0]["event"].GetString()) == "encode");
  CHECK(std::string(report["history"][1]["event"].GetString()) == "decode");
  CHECK(state_of(rig, rig.inbox("a.txt")) == "delivered");
  CHECK(state_of(rig, rig.outbox("a")) == "delivered");
  CHECK(std::string(command_json(rig.host, {"explain", "never.txt"}, PAXECT_PLUGIN_INCOMPLETE)["state"]
                        .GetString()) == "unknown");
}

TEST_CASE("explain says why a file is not taken") {
  LinkRig rig;
  rig.put("a.exe", "MZ");
  rig.put("half.part", "");
  std::filesystem::create_symlink("a.exe", rig.inbox("link.txt"));
  std::filesystem::create_directories(rig.inbox("folder"));
  rig.put("folder/b.txt", "b");
  auto report = command_json(rig.host, {"explain", "a.exe"});
  CHECK(std::string(report["state"].GetString()) == "blocked");
  CHECK(std::string(report["reason"].GetString()) == "disallowed_suffix:.exe");
  for (const char* name : {"half.part", "link.txt", "folder", "folder/b.txt"})
    CHECK(state_of(rig, name) == "ignored");
  rig.put("c.freq", "container");
  rig.put("c.freq.sha256", "sidecar");
  report = command_json(rig.host, {"explain", "c.freq.sha256"});
  CHECK(std::string(report["reason"].GetString()) == "goes with its container");
}

TEST_CASE("explain says which key of which file lets a blocked file pass, and so does the screen") {
  struct Block {
    const char* policy;
    const char* name;
    std::string advice;
  };
  for (const Block& block : {Block{"", "a.exe", "add \".exe\" to allowed_suffixes in "},
                             Block{"", "a", "give it an allowed suffix, or add \"\" to allowed_suffixes in "},
                             Block{"\"max_file_mb\": 0", "a.txt", "raise max_file_mb in "},
                             Block{nullptr, "a.txt", "add \"other\" to trusted_nodes in "}}) {
    LinkRig rig;
    rig.write_policy(block.policy == nullptr ? "" : block.policy);
    if (block.policy == nullptr) rig.host.set("node", "other");
    rig.put(block.name, "a");
    CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
    auto report = command_json(rig.host, {"explain", block.name});
    CHECK(report["advice"].GetString() == block.advice + rig.policy());
    CHECK(rig.host.logged(": " + block.advice + rig.policy()));
    CHECK(read_file(rig.log_path()).find(block.advice) == std::string::npos);
  }
  LinkRig rig;
  rig.host.set("mode", "receive");
  rig.put("a.txt", "a");
  rig.put("bad.freq", "bad");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.host.logged("mode receive takes containers alone"));
  CHECK(std::string(command_json(rig.host, {"explain", "bad.freq"})["advice"].GetString()) ==
        "paxect link quarantine retry bad.freq gives it back to the inbox");
}

TEST_CASE("explain of a sidecar that went to the quarantine shows it beside its container") {
  LinkRig rig;
  rig.host.set("mode", "receive");
  rig.put("bad.freq", "bad");
  rig.put("bad.freq.sha256", std::string(64, '0') + "  bad.freq\n");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  const auto report = command_json(rig.host, {"explain", "bad.freq.sha256"});
  CHECK(std::string(report["state"].GetString()) == "quarantined");
  CHECK(std::string(report["reason"].GetString()).find("beside its container bad.freq, ") == 0);
  CHECK(std::string(report["advice"].GetString()) ==
        "paxect link quarantine retry bad.freq gives it back to the inbox");
}

TEST_CASE("The commands that explain advises work as they are shown, whatever bytes a name has") {
  const std::string data = noise(40'000, 7);
  TempDir made;
  write_file(made / "file", data);
  REQUIRE(run({.argv = {PAXECT_TEST_BIN "/paxect-core", "encode", "-i", made / "file", "-o", made / "a.freq",
                        "--protect", "5"}})
              .status == 0);
  // Beyond repair.
  const std::string damaged = read_file(made / "a.freq").replace(10'000, 20'000, std::string(20'000, '\0'));
  for (const std::string name :
       {"a b.freq", "it's.freq", "a\nb.freq", "-rf.freq", "$(id).freq", "a\\x0ab.freq", "\xff.freq"}) {
    LinkRig rig;
    rig.host.set("mode", "receive");
    rig.put(name, damaged);
    // What is shown as one of the other names.
    rig.put(name == "a\nb.freq" ? "a\\x0ab.freq" : "a\nb.freq", damaged);
    CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
    const std::string advice = command_json(rig.host, {"explain", rig.inbox(name)})["advice"].GetString();
    INFO(advice);
    CHECK(command(rig.host, {"explain", rig.inbox(name)}).output.find(advice) != std::string::npos);
    // The words of a command that the advice has, as a shell takes them.
    const auto words_of = [&](const std::string& begin, const std::string& end) {
      const std::size_t from = advice.find(begin);
      const std::size_t to = advice.find(end, from);
      REQUIRE((from != std::string::npos && to != std::string::npos));
      const std::string text = advice.substr(from + begin.size(), to - from - begin.size());
      return run({.argv = {"bash", "-c", "printf %s " + text}}).output;
    };
    const std::string salvaged = words_of("paxect-core salvage ", " -o FILE");
    CHECK(read_file(salvaged) == damaged);
    CHECK(command(rig.host,
                  {"quarantine", "retry", words_of("paxect link quarantine retry ", " gives it back")})
              .status == 0);
    CHECK(read_file(rig.inbox(name)) == damaged);
    CHECK(rig.waiting() == Names{name});
  }
}

TEST_CASE("explain of a file that failed has its attempts and the time of the next") {
  LinkRig rig;
  rig.host.set("core",
               "sh -c 'case $3 in *a.txt) exit 1;; esac; exec " PAXECT_TEST_BIN "/paxect-core \"$@\"' core");
  rig.host.set("max_attempts", "5");
  rig.host.set("backoff_sec", "100");
  rig.put("a.txt", "a");
  rig.start();
  rig.settle(10'000'000'000);
  rig.host.advance_ns(5'000'000'000);
  rig.link->step();
  auto report = command_json(rig.host, {"explain", "a.txt"});
  CHECK(std::string(report["state"].GetString()) == "pending");
  CHECK(report["attempts"].GetUint64() == 1);
  CHECK(std::string(report["next_try"].GetString()).find("2026-01-02 03:0") == 0);
  CHECK(command_json(rig.host, {"status"})["backlog"]["pending"].GetUint64() == 1);
  rig.settle(3'000'000'000'000);
  report = command_json(rig.host, {"explain", "a.txt"});
  CHECK(std::string(report["state"].GetString()) == "quarantined");
  CHECK(report["attempts"].GetUint64() == 5);
}

TEST_CASE("explain knows what was delivered and left where it is") {
  LinkRig rig;
  rig.write_policy("\"auto_delete\": false");
  rig.put("a.txt", "a");
  rig.run_once();
  CHECK(state_of(rig, "a.txt") == "delivered");
  auto status = command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK(status["backlog"]["files"].GetUint64() == 0);
  CHECK(status["backlog"]["kept"].GetUint64() == 2);
}

}  // namespace
}  // namespace paxect::test

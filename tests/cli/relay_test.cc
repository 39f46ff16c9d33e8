// `paxect run --once` by the installed binaries.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

// A place to run the installed host in, whatever this test's own environment sets.
struct Station {
  TempDir directory;

  Result run_once(const std::vector<std::string>& settings) const {
    Command command{.argv = {PAXECT_TEST_INSTALLED "/bin/paxect", "run", "--once"},
                    .directory = directory.path()};
    command.environment = {"PAXECT_CORE"};
    for (const std::string& setting : settings) command.environment.push_back("PAXECT_LINK_" + setting);
    return test::run(command);
  }
};

struct Sample {
  std::string name;  // without its suffix
  std::string contents;
};

std::vector<Sample> samples() {
  return {{"empty", ""},
          {"large", noise(20 << 20) + text(20 << 20)},
          {"with space", "spaced"},
          {"new\nline", "two lines"},
          {"snow \xe2\x98\x83 \xe9\x9b\xaa", text(70'000)}};
}

TEST_CASE("Environment variables alone relay example.txt to outbox/example") {
  Station station;
  std::filesystem::create_directories(station.directory / "in");
  write_file(station.directory / "in/example.txt", "hello\n");
  Result result = station.run_once({"INBOX=in", "OUTBOX=out"});
  INFO(result.error);
  CHECK(result.status == 0);
  CHECK(read_file(station.directory / "out/example") == "hello\n");
  CHECK(list(station.directory / "in").empty());
}

TEST_CASE("A removed working directory keeps only a relay with relative paths from starting") {
  Station station;
  const std::string at = station.directory.path();
  std::filesystem::create_directories(at + "/inbox");
  write_file(at + "/inbox/a.txt", "hello\n");
  std::string config = "[link]\n";
  for (const char* key : {"inbox", "outbox", "policy", "manifest", "log", "lock"})
    config += std::string(key) + " = " + at + "/" + key + "\n";
  write_file(at + "/absolute.conf", config);
  write_file(at + "/relative.conf", "[link]\ninbox = " + at + "/inbox\n");
  auto run_with = [&](const std::string& file) {
    const std::string script = "mkdir gone && cd gone && rmdir ../gone && exec \"$1\" run --once -c \"$2\"";
    return test::run({.argv = {"sh", "-c", script, "sh", PAXECT_TEST_INSTALLED "/bin/paxect", at + file},
                      .environment = {"PAXECT_CORE"},
                      .directory = at});
  };
  Result refused = run_with("/relative.conf");
  CHECK(refused.status == 78);
  CHECK(refused.error ==
        "[LINK] outbox = 'outbox' (default): the working directory does not exist: give an absolute path\n");
  Result result = run_with("/absolute.conf");
  INFO(result.error);
  CHECK(result.status == 0);
  CHECK(read_file(at + "/outbox/a") == "hello\n");
}

TEST_CASE("Relay mode brings every kind of file through identical") {
  Station station;
  std::filesystem::create_directories(station.directory / "inbox");
  for (const Sample& sample : samples())
    write_file(station.directory / ("inbox/" + sample.name + ".txt"), sample.contents);
  Result result = station.run_once({});
  INFO(result.error);
  CHECK(result.status == 0);
  for (const Sample& sample : samples())
    CHECK((read_file(station.directory / ("outbox/" + sample.name)) == sample.contents));
  CHECK(list(station.directory / "outbox").size() == samples().size());
  CHECK(list(station.directory / "inbox").empty());
}

TEST_CASE("Send and receive together bring every kind of file through identical") {
  Station station;
  std::filesystem::create_directories(station.directory / "from");
  for (const Sample& sample : samples())
    write_file(station.directory / ("from/" + sample.name + ".bin"), sample.contents);
  Result sent = station.run_once({"MODE=send", "INBOX=from", "OUTBOX=share"});
  INFO(sent.error);
  CHECK(sent.status == 0);
  CHECK(list(station.directory / "from").empty());
  CHECK(list(station.directory / "share").size() == 2 * samples().size());
  Result received = station.run_once({"MODE=receive", "INBOX=share", "OUTBOX=to"});
  INFO(received.error);
  CHECK(received.status == 0);
  for (const Sample& sample : samples())
    CHECK((read_file(station.directory / ("to/" + sample.name)) == sample.contents));
  CHECK(list(station.directory / "share").empty());
}

TEST_CASE("Two sections with one lock, inbox or metrics file are refused by check and run with both names") {
  auto [key, first, second] = GENERATE(table<std::string, std::string, std::string>(
      {{"lock", "same", "alias/same"}, {"inbox", "same", "same/."}, {"metrics_file", "same", "same"}}));
  CAPTURE(key);
  Station station;
  REQUIRE(symlink(".", (station.directory / "alias").c_str()) == 0);
  auto section = [](const std::string& name, const std::string& setting, const std::string& value) {
    std::string text = "[" + name + "]\nplugin = link\n" + setting + " = " + value + "\n";
    for (const char* each : {"inbox", "outbox", "lock"})
      if (each != setting) text += std::string(each) + " = " + name + "_" + each + "\n";
    return text;
  };
  write_file(station.directory / "two.conf", section("one", key, first) + section("two", key, second));
  for (const char* command : {"check", "run"}) {
    CAPTURE(command);
    Result result = test::run({.argv = {PAXECT_TEST_INSTALLED "/bin/paxect", command, "-c", "two.conf"},
                               .environment = {"PAXECT_CORE"},
                               .directory = station.directory.path()});
    CHECK(result.status == 78);
    INFO(result.error);
    const std::string of_two = "[TWO] " + key + " = ";
    const std::string of_one = "[ONE] " + key + " = ";  // `run` initialises both at once
    CHECK((result.error.starts_with(of_two) ||
           (command == std::string("run") && result.error.starts_with(of_one))));
    const std::string other = result.error.starts_with(of_two) ? "one" : "two";
    CHECK(result.error.ends_with("): section [" + other + "] has it too: give each section its own\n"));
    CHECK_FALSE(exists(station.directory / "one_outbox"));
  }
}

TEST_CASE("check reports every fault of a section") {
  Station station;
  write_file(
      station.directory / "bad.conf",
      "[link]\nmode = both\nInbox = in\npoll_sec = soon\nlevel = 99\n[other]\nplugin = link\ninbx = in\n");
  auto check = [&](const std::string& file) {
    return test::run({.argv = {PAXECT_TEST_INSTALLED "/bin/paxect", "check", "-c", file},
                      .environment = {"PAXECT_CORE"},
                      .directory = station.directory.path()});
  };
  Result result = check("bad.conf");
  CHECK(result.status == 78);
  CHECK(result.error == "paxect: bad.conf:3: 'Inbox' is no key: [a-z][a-z0-9_]{0,63}\n");
  write_file(
      station.directory / "bad.conf",
      "[link]\nmode = both\npoll_sec = soon\nlevel = 99\n[other]\nplugin = link\ninbx = in\nmode = sned\n");
  result = check("bad.conf");
  CHECK(result.status == 78);
  for (const char* fault : {"[LINK] mode = 'both' (bad.conf:2): ", "[LINK] poll_sec = 'soon' (bad.conf:3): ",
                            "[LINK] level = '99' (bad.conf:4): ", "[OTHER] unknown key 'inbx' (bad.conf:7): ",
                            "[OTHER] mode = 'sned' (bad.conf:8): "}) {
    CAPTURE(fault);
    CHECK(result.error.find(fault) != std::string::npos);
  }
  CHECK(std::count(result.error.begin(), result.error.end(), '\n') == 5);
}

TEST_CASE("A command whose output cannot be written ends with status 70 and a line") {
  Station station;
  Result result = test::run(
      {.argv = {"sh", "-c", "exec \"$0\" link status >/dev/full", PAXECT_TEST_INSTALLED "/bin/paxect"},
       .environment = {"PAXECT_CORE"},
       .directory = station.directory.path()});
  CHECK(result.status == 70);
  CHECK(result.error == "paxect: standard output: No space left on device\n");
}

TEST_CASE("A second relay on the same lock ends with status 75") {
  Station station;
  Background first(
      {.argv = {PAXECT_TEST_INSTALLED "/bin/paxect", "run"}, .directory = station.directory.path()});
  REQUIRE(eventually([&] {
    return exists(station.directory / "paxect_link_log.jsonl") &&
           read_file(station.directory / "paxect_link_log.jsonl").find("startup") != std::string::npos;
  }));
  Result second = station.run_once({});
  CHECK(second.status == 75);
  CHECK(second.error.find("held by process " + std::to_string(first.pid())) != std::string::npos);
  first.signal(SIGTERM);
  Result result = first.wait();
  CHECK(result.status == 0);
  CHECK_FALSE(exists(station.directory / ".paxect_link.lock"));
}

TEST_CASE("An operator asks a relay that runs, reloads it, and asks again when it is gone") {
  Station station;
  const std::string log = station.directory / "paxect_link_log.jsonl";
  auto ask = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {PAXECT_TEST_INSTALLED "/bin/paxect", "link"});
    return test::run({.argv = words, .directory = station.directory.path()});
  };
  auto logged = [&](const std::string& text) { return read_file(log).find(text) != std::string::npos; };
  Background relay(
      {.argv = {PAXECT_TEST_INSTALLED "/bin/paxect", "run"}, .directory = station.directory.path()});
  REQUIRE(eventually([&] { return exists(log) && logged("startup"); }));
  write_file(station.directory / "inbox/blocked.exe", "MZ");
  write_file(station.directory / "inbox/a.txt", "a");
  REQUIRE(eventually([&] { return exists(station.directory / "outbox/a") && logged("policy_block"); }));
  Result status = ask({"status", "--json"});
  CHECK(status.status == 0);
  CHECK(status.output.find("\"pid\":" + std::to_string(relay.pid())) != std::string::npos);
  CHECK(ask({"explain", "a.txt"}).output.find("state           delivered") != std::string::npos);
  CHECK(ask({"explain", "blocked.exe"}).output.find("disallowed_suffix:.exe") != std::string::npos);
  CHECK(ask({"doctor", "inbox", "--json"}).output.find("rename without replace") != std::string::npos);
  relay.signal(SIGHUP);
  CHECK(eventually([&] { return logged("policy_reload"); }));
  relay.signal(SIGTERM);
  CHECK(relay.wait().status == 0);
  CHECK(ask({"status"}).status == 1);
  CHECK(ask({"stats"}).output.find("decode          1 file,") != std::string::npos);
  CHECK(ask({"explain", "never.txt"}).status == 1);
  CHECK(ask({"sing"}).status == 64);
}

TEST_CASE("Statuses of --once and of settings: 1 when something is blocked, 78 when they cannot be used") {
  Station station;
  std::filesystem::create_directories(station.directory / "inbox");
  write_file(station.directory / "inbox/blocked.exe", "MZ");
  Result blocked = station.run_once({});
  CHECK(blocked.status == 1);
  CHECK(blocked.error.find("[LINK] policy_block blocked.exe disallowed_suffix:.exe") != std::string::npos);
  CHECK(station.run_once({"MODE=sideways"}).status == 78);
}

}  // namespace
}  // namespace paxect::test

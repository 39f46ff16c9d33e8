// `stats` and what all commands have in common.
#include <atomic>
#include <filesystem>
#include <thread>

#include "commands/console.h"
#include "commands/log_reader.h"
#include "link/commands/command_rig.h"
#include "stages/audit_log.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

std::string line(const std::string& time, const std::string& event, int bytes) {
  return "{\"datetime_utc\": \"" + time + " UTC\", \"level\": \"info\", \"event\": \"" + event +
         "\", \"src\": \"/in/a\", \"dst\": \"/out/a\", \"status\": \"ok\", \"message\": \"\", \"bytes\": " +
         std::to_string(bytes) + ", \"container_bytes\": " + std::to_string(bytes + 10) + "}\n";
}

TEST_CASE("A count is followed by the singular for one and by the plural for others") {
  CHECK(link::count_text(1, "delivery") == "1 delivery");
  CHECK(link::count_text(3, "delivery") == "3 deliveries");
  CHECK(link::count_text(0, "file") == "0 files");
}

TEST_CASE("stats counts events and the files and bytes of each direction") {
  FakeHost host;
  TempDir directory;
  host.set("log", directory / "log.jsonl");
  write_file(directory / "log.jsonl",
             line("2026-01-02 03:00:00", "encode", 1000) + line("2026-01-02 03:00:10", "encode", 3000) +
                 line("2026-01-02 03:00:11", "decode", 500) + line("2026-01-02 02:00:00", "startup", 0));
  auto stats = command_json(host, {"stats"});
  CHECK(stats["lines"].GetUint64() == 4);
  CHECK(stats["unreadable"].GetUint64() == 0);
  CHECK(stats["events"]["encode"].GetUint64() == 2);
  CHECK(stats["events"]["startup"].GetUint64() == 1);
  CHECK(stats["directions"]["encode"]["files"].GetUint64() == 2);
  CHECK(stats["directions"]["encode"]["bytes"].GetUint64() == 4000);
  CHECK(stats["directions"]["encode"]["container_bytes"].GetUint64() == 4020);
  CHECK(stats["directions"]["encode"]["files_per_second"].GetDouble() == Approx(0.2));
  CHECK(stats["directions"]["encode"]["bytes_per_second"].GetDouble() == Approx(400));
  CHECK(stats["directions"]["decode"]["bytes"].GetUint64() == 500);
  CHECK_FALSE(stats["directions"].HasMember("startup"));
  CHECK(std::string(stats["first_utc"].GetString()) == "2026-01-02 02:00:00 UTC");
  CHECK(std::string(stats["last_utc"].GetString()) == "2026-01-02 03:00:11 UTC");
}

TEST_CASE("stats reads the rotated logs too and no file twice") {
  FakeHost host;
  TempDir directory;
  const std::string log = directory / "log.jsonl";
  const std::string rotated = directory / "log.20260102T030000Z.jsonl";
  write_file(log, line("2026-01-02 03:00:00", "decode", 1));
  write_file(rotated, line("2026-01-01 03:00:00", "decode", 2));
  write_file(directory / "log.20260102T030000Z.1.jsonl", line("2026-01-01 04:00:00", "decode", 4));
  write_file(directory / "log.other.jsonl", line("2026-01-01 03:00:00", "decode", 8));
  write_file(directory / "log.20260102T030000Z.json", line("2026-01-01 03:00:00", "decode", 16));
  auto stats = command_json(host, {"stats", log, rotated, log});
  CHECK(stats["directions"]["decode"]["bytes"].GetUint64() == 7);
  CHECK(stats["logs"].Size() == 3);
}

TEST_CASE("stats reads what logrotate rotated, oldest first, and names what is compressed") {
  FakeHost host;
  TempDir directory;
  const std::string log = directory / "log.jsonl";
  write_file(log, line("2026-01-05 03:00:00", "decode", 1));
  write_file(log + ".1", line("2026-01-04 03:00:00", "decode", 1));
  write_file(log + ".2", line("2026-01-03 03:00:00", "decode", 1));
  write_file(log + "-20260102", line("2026-01-02 03:00:00", "decode", 1));
  write_file(directory / "log.20260101T030000Z.jsonl", line("2026-01-01 03:00:00", "decode", 1));
  for (const char* other : {"log.jsonl.bak", "log.jsonl-old", "other.jsonl.1"})
    write_file(directory / other, line("2026-01-01 03:00:00", "decode", 1));
  write_file(log + ".3.gz", "compressed");
  write_file(directory / "log.20251231T030000Z.jsonl.zst", "compressed");
  auto stats = command_json(host, {"stats", log});
  CHECK(stats["lines"].GetInt() == 5);
  std::vector<std::string> read;
  for (const auto& path : stats["logs"].GetArray()) read.emplace_back(path.GetString());
  CHECK(read == std::vector<std::string>{directory / "log.20260101T030000Z.jsonl", log + "-20260102",
                                         log + ".2", log + ".1", log});
  REQUIRE(stats["passed_over"].Size() == 2);
  CHECK(command(host, {"stats", log}).output.find("2 rotated logs were passed over, such as ") !=
        std::string::npos);
}

TEST_CASE("stats misses no line of a log that rotates while it reads") {
  FakeHost host;
  TempDir directory;
  host.set("log", directory / "log.jsonl");
  std::atomic<std::uint64_t> written{0};
  std::atomic<bool> done{false};
  link::AuditLog log;
  REQUIRE(log.open(directory / "log.jsonl", 600).ok());
  std::thread relay([&] {
    for (std::int64_t i = 0; i < 150 && !done; ++i) {
      const std::int64_t time = 1'767'323'045'000'000'000 + i * 1'000'000'000;
      for (int line = 0; line < 3; ++line) log.append({.name = "decode"}, time);
      if (!log.flush(time).ok()) break;
      written += 3;
    }
    done = true;
  });
  while (!done) {
    std::uint64_t before = written;
    auto stats = command_json(host, {"stats"});
    CHECK(stats["lines"].GetUint64() >= before);
  }
  relay.join();
  CHECK(written == 450);
  auto stats = command_json(host, {"stats"});
  CHECK(stats["lines"].GetUint64() == 450);
  CHECK(stats["logs"].Size() > 100);
}

// A relay of which there are only logs.
struct Logs {
  FakeHost host;
  TempDir directory;

  Logs() {
    host.set("inbox", directory / "in");
    host.set("outbox", "/out");
    host.set("lock", directory / "lock");
    host.set("log", directory / "log.jsonl");
    std::filesystem::create_directory(directory / "in");
  }
};

TEST_CASE("status finds the last delivery when the log was just rotated") {
  Logs logs;
  auto& [host, directory] = logs;
  write_file(directory / "log.20260102T030000Z.jsonl", line("2026-01-02 03:00:00", "decode", 1));
  write_file(directory / "log.jsonl", line("2026-01-02 03:00:01", "startup", 0));
  auto status = command_json(host, {"status"}, 1);
  CHECK(std::string(status["last_delivery"]["datetime_utc"].GetString()) == "2026-01-02 03:00:00 UTC");
}

TEST_CASE("Logs that were rotated in one second are read in the order of their numbers") {
  Logs logs;
  auto& [host, directory] = logs;
  for (int number = 0; number <= 10; ++number) {
    const std::string digits = (number < 10 ? "0" : "") + std::to_string(number);
    const std::string middle = number == 0 ? "" : "." + std::to_string(number);
    write_file(directory / ("log.20260102T030059Z" + middle + ".jsonl"),
               line("2026-01-02 03:00:" + digits, "decode", 1));
  }
  write_file(directory / "log.jsonl", line("2026-01-02 03:01:00", "startup", 0));
  auto status = command_json(host, {"status"}, 1);
  CHECK(std::string(status["last_delivery"]["datetime_utc"].GetString()) == "2026-01-02 03:00:10 UTC");
  auto told = command_json(host, {"explain", "/in/a"});
  CHECK(std::string(told["history"][0]["datetime_utc"].GetString()) == "2026-01-02 03:00:02 UTC");
}

TEST_CASE("Torn and foreign lines are counted and the rest is read") {
  FakeHost host;
  TempDir directory;
  const std::string log = directory / "log.jsonl";
  write_file(log, "{\"torn\n\nnot json\n[1]\n{\"event\": \"encode\"}\n" +
                      line("2026-01-02 03:00:00", "encode", 7) + std::string(3 << 20, 'x') + "\n" +
                      line("9999-99-99 03:00:00", "encode", 7) + line("2026-01-02 03:00:01", "encode", 5) +
                      "{\"datetime_utc\": \"2026-0");
  auto stats = command_json(host, {"stats", log});
  CHECK(stats["lines"].GetUint64() == 2);
  CHECK(stats["unreadable"].GetUint64() == 7);
  CHECK(stats["directions"]["encode"]["bytes"].GetUint64() == 12);
}

TEST_CASE("A configured log that is not there yet is empty and a LOG that is not there is an error") {
  FakeHost host;
  TempDir directory;
  host.set("log", directory / "none.jsonl");
  CHECK(command_json(host, {"stats"})["lines"].GetUint64() == 0);
  CHECK(command(host, {"stats", directory / "none.jsonl"}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(host.logged("none.jsonl", PAXECT_LOG_ERROR));
}

TEST_CASE("The tail of a log begins with a complete line") {
  TempDir directory;
  const std::string log = directory / "log.jsonl";
  const std::string first = line("2026-01-02 03:00:00", "encode", 1);
  const std::string last = line("2026-01-02 03:00:01", "decode", 2);
  write_file(log, first + last);
  link::OpenLog opened;
  REQUIRE(link::open_log(log, &opened).ok());
  for (std::size_t most : {last.size(), last.size() + 1, first.size() + last.size() - 1}) {
    std::vector<std::string> events;
    link::LogCount count;
    auto each = [&](const link::LogLine& read) {
      events.push_back(read.event);
      return true;
    };
    REQUIRE(link::read_log_tail(opened, most, each, &count).ok());
    CHECK(events == std::vector<std::string>{"decode"});
    CHECK(count.unreadable == 0);
    events.clear();
    REQUIRE(link::read_log_tail(opened, first.size() + last.size(), each, &count).ok());
    CHECK(events.size() == 2);
  }
}

TEST_CASE("stats of a relay that really ran agrees with what it did") {
  LinkRig rig;
  for (int i = 0; i < 3; ++i) rig.put("file" + std::to_string(i) + ".txt", text(1000));
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  auto stats = command_json(rig.host, {"stats"});
  CHECK(stats["directions"]["encode"]["files"].GetUint64() == 3);
  CHECK(stats["directions"]["decode"]["bytes"].GetUint64() == 3000);
  CHECK(stats["unreadable"].GetUint64() == 0);
  CHECK(command(rig.host, {"stats"}).output.find("decode          3 files") != std::string::npos);
}

TEST_CASE("Every command has a help and refuses what it does not know with status 64") {
  FakeHost host;
  auto* extension = static_cast<const paxect_commands_extension*>(
      load_plugin(PAXECT_TEST_PLUGINS "/link.so")->extension(PAXECT_EXTENSION_COMMANDS));
  std::uint32_t count = 0;
  for (; const paxect_command* listed = extension->command_at(count); ++count) {
    INFO(listed->name);
    CommandResult help = command(host, {listed->name, "-h"});
    CHECK(help.status == 0);
    CHECK(help.output.rfind(std::string(listed->name) + " " + listed->arguments, 0) == 0);
    host.clear_log();
    CHECK(command(host, {listed->name, "--nonsense"}).status == PAXECT_PLUGIN_USAGE);
    CHECK(host.logged("--nonsense", PAXECT_LOG_ERROR));
  }
  CHECK(count > 0);
  CHECK(command(host, {"sing"}).status == PAXECT_PLUGIN_USAGE);
}

TEST_CASE("Settings that cannot be used end a command with status 78") {
  FakeHost host;
  host.set("mode", "sideways");
  CHECK(command(host, {"stats"}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(host.logged("sideways", PAXECT_LOG_ERROR));
}

}  // namespace
}  // namespace paxect::test

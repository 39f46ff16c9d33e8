#include "stages/audit_log.h"

#include <rapidjson/document.h>

#include <filesystem>

#include "base/printable.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

using test::TempDir;

constexpr std::int64_t kTime = 1'767'323'045'000'000'000;  // 2026-01-02 03:04:05

TEST_CASE("A line has the fields in their order, with the blanks that its readers grep for") {
  Event event{.name = "decode",
              .source = "/in/a",
              .target = "/out/a",
              .status = "ok",
              .message = "m",
              .numbers = {{"bytes", 5}}};
  CHECK(to_json_line(event, kTime, "1.0.0") ==
        "{\"datetime_utc\": \"2026-01-02 03:04:05 UTC\", \"level\": \"info\", \"event\": \"decode\", "
        "\"src\": \"/in/a\", \"dst\": \"/out/a\", \"status\": \"ok\", \"message\": \"m\", "
        "\"version\": \"1.0.0\", \"bytes\": 5}\n");
}

TEST_CASE("Bytes that are no UTF-8 are written so that they can be had back") {
  CHECK(printable("plain \xe2\x98\x83") == "plain \xe2\x98\x83");
  CHECK(printable("\xff") == "\\xff");
  CHECK(printable("\xc0\x80") == "\\xc0\\x80");
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");
  CHECK(printable("\xf0\x9f\x98") == "\\xf0\\x9f\\x98");
  CHECK(printable("a\\b") == "a\\b");
  CHECK(printable("\\xff") == "\\x5cxff");
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; ++second) {
      Event event{.source = {static_cast<char>(first), static_cast<char>(second)}};
      std::string line = to_json_line(event, 0, "v");
      rapidjson::Document document;
      document.Parse<rapidjson::kParseValidateEncodingFlag>(line.c_str(), line.size());
      REQUIRE_FALSE(document.HasParseError());
    }
}

TEST_CASE("The log rotates when it is full, without replacing an older part") {
  TempDir temp;
  AuditLog log;
  REQUIRE(log.open(temp / "log.jsonl", 400).ok());
  for (int i = 0; i < 6; ++i) {
    log.append({.name = "event" + std::to_string(i)}, kTime);
    REQUIRE(log.flush(kTime).ok());
  }
  std::vector<std::string> names = test::list(temp.path());
  CHECK(names ==
        std::vector<std::string>{"log.20260102T030405Z.1.jsonl", "log.20260102T030405Z.jsonl", "log.jsonl"});
  CHECK(test::read_file(temp / "log.jsonl").find("event5") != std::string::npos);
}

TEST_CASE("A log that was cut by somebody else is as long as it is") {
  TempDir temp;
  AuditLog log;
  REQUIRE(log.open(temp / "log.jsonl", 400).ok());
  for (int i = 0; i < 4; ++i) {
    log.append({.name = "event"}, kTime);
    REQUIRE(log.flush(kTime).ok());
    std::filesystem::resize_file(temp / "log.jsonl", 0);
  }
  CHECK(test::list(temp.path()) == std::vector<std::string>{"log.jsonl"});
  CHECK(log.size() < 400);
}

TEST_CASE("A log that was moved away is begun anew") {
  TempDir temp;
  AuditLog log;
  REQUIRE(log.open(temp / "log", 1 << 20).ok());
  log.append({.name = "one"}, kTime);
  REQUIRE(log.flush(kTime).ok());
  REQUIRE(rename((temp / "log").c_str(), (temp / "moved").c_str()) == 0);
  log.append({.name = "two"}, kTime);
  REQUIRE(log.flush(kTime).ok());
  CHECK(test::read_file(temp / "log").find("two") != std::string::npos);
}

}  // namespace
}  // namespace paxect::link

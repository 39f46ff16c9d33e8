#include "stages/audit_log.h"

#include <fcntl.h>
#include <rapidjson/document.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <iterator>

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
  REQUIRE(log.open(temp / "log.jsonl", 600).ok());
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

TEST_CASE("A log that was moved away is created again") {
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

TEST_CASE("A new log has mode, group and ACL of the one that was rotated") {
  TempDir directory;
  const std::string path = directory / "log.jsonl";
  AuditLog log;
  REQUIRE(log.open(path, 1).ok());
  log.append({.name = "first"}, kTime);
  REQUIRE(log.flush(kTime).ok());
  const std::uint32_t mode = GENERATE(0640U, 0600U, 0664U);
  REQUIRE(chmod(path.c_str(), mode) == 0);
  const bool is_root = geteuid() == 0;
  if (is_root) REQUIRE(chown(path.c_str(), 0, 4) == 0);
  // user::rw-,user:1:r--,group::r--,mask::r--,other::---, as acl(5) has it on disk.
  const unsigned char acl[] = {2, 0, 0,    0,    1,    0,    6,    0, 0xff, 0xff, 0xff, 0xff, 2,    0,    4,
                               0, 1, 0,    0,    0,    4,    0,    4, 0,    0xff, 0xff, 0xff, 0xff, 0x10, 0,
                               4, 0, 0xff, 0xff, 0xff, 0xff, 0x20, 0, 0,    0,    0xff, 0xff, 0xff, 0xff};
  const char* name = "system.posix_acl_access";
  const bool has_acl = mode == 0640 && setxattr(path.c_str(), name, acl, sizeof acl, 0) == 0;
  log.append({.name = "second"}, kTime);
  REQUIRE(log.flush(kTime).ok());
  REQUIRE(test::list(directory.path()).size() == 2);
  struct stat info {};
  REQUIRE(stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777U) == mode);
  CHECK(info.st_gid == (is_root ? 4 : getegid()));
  std::array<unsigned char, 256> found{};
  ssize_t size = getxattr(path.c_str(), name, found.data(), found.size());
  CHECK(size == (has_acl ? static_cast<ssize_t>(sizeof acl) : -1));
  if (has_acl) CHECK(std::equal(std::begin(acl), std::end(acl), found.begin()));
}

TEST_CASE(
    "The last delivery from an inbox is found behind other lines, and in the part that was rotated last") {
  TempDir temp;
  AuditLog log;
  REQUIRE(log.open(temp / "log.jsonl", 1'000'000).ok());
  CHECK(log.last_delivery("/in", "three").relay.empty());
  auto deliver = [&](const std::string& inbox, const std::string& relay, std::uint64_t id) {
    log.append({.name = "encode",
                .source = inbox + "/a \"b\xff",
                .numbers = {{"id", id}},
                .texts = {{"relay", relay}}},
               kTime);
  };
  deliver("/in", "one", 7);
  deliver("/in", "one", 9);
  deliver("/in", "one", 8);  // finished after a restart
  deliver("/inbox", "two", 30);
  for (int i = 0; i < 2000; ++i)
    log.append({.name = "policy_block", .source = "/in/" + std::to_string(i)}, kTime);
  REQUIRE(log.flush(kTime).ok());
  CHECK(log.last_delivery("/in", "three").relay == "one");
  CHECK(log.last_delivery("/in", "three").id == 9);
  CHECK(log.last_delivery("/inbox", "three").id == 30);
  REQUIRE(log.open(temp / "log.jsonl", 1).ok());
  log.append({.name = "policy_block", .source = "/in/x"}, kTime);
  REQUIRE(log.flush(kTime).ok());
  REQUIRE(test::list(temp.path()).size() == 2);
  CHECK(log.last_delivery("/in", "three").id == 9);
  deliver("/in", "three", 2);
  log.append({.name = "journal_damaged",
              .source = "/in",
              .numbers = {{"last_id", 5}},
              .texts = {{"relay", "three"}}},
             kTime);
  REQUIRE(log.flush(kTime).ok());
  CHECK(log.last_delivery("/in", "three").relay == "three");
  CHECK(log.last_delivery("/in", "three").id == 5);
  // The report of another relay is no delivery.
  CHECK(log.last_delivery("/in", "one").id == 2);
  log.append({.name = "startup", .source = "/new", .numbers = {{"last_id", 0}}, .texts = {{"relay", "four"}}},
             kTime);
  REQUIRE(log.flush(kTime).ok());
  CHECK(log.last_delivery("/new", "five").relay.empty());
  CHECK(log.last_delivery("/new", "five").has_other);
  CHECK_FALSE(log.last_delivery("/new", "four").has_other);
  CHECK(log.last_delivery("/new", "four").relay == "four");
}

// The lines of a log, checked as a chain from the head on; the numbers are those of the chain.
ChainChecker checked(const std::vector<std::string>& paths) {
  ChainChecker checker;
  for (const std::string& path : paths) {
    const std::string text = test::read_file(path);
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
      const std::string line = text.substr(at, text.find('\n', at) - at);
      rapidjson::Document document;
      document.Parse(line.data(), line.size());
      if (!checker.add(line, !document.HasParseError())) return checker;
    }
  }
  return checker;
}

void write_lines(AuditLog* log, int count) {
  for (int i = 0; i < count; ++i) log->append({.name = "event", .message = std::to_string(i)}, kTime);
}

// Opens a log that does not rotate, and adds so many lines.
void begin_log(AuditLog* log, const std::string& path, int lines) {
  REQUIRE(log->open(path, 1 << 20).ok());
  write_lines(log, lines);
  REQUIRE(log->flush(kTime).ok());
}

TEST_CASE("The chain goes on over batches, restarts and rotations") {
  TempDir temp;
  const std::string path = temp / "log.jsonl";
  std::uint64_t lines = 0;
  for (int start = 0; start < 4; ++start) {
    AuditLog log;
    REQUIRE(log.open(path, 600).ok());
    CHECK(log.head().lines == lines);
    for (int batch = 0; batch < 2; ++batch) {
      write_lines(&log, 2);
      REQUIRE(log.flush(kTime + static_cast<std::int64_t>(lines) * 1'000'000'000).ok());
      lines += 2;
      CHECK(log.head().lines == lines);
    }
  }
  std::vector<std::string> paths;
  for (const std::string& name : test::list(temp.path()))
    if (name != "log.jsonl") paths.push_back(temp / name);
  CHECK(paths.size() > 2);
  paths.push_back(path);
  const ChainChecker checker = checked(paths);
  INFO(checker.problem());
  CHECK(checker.problem().empty());
  CHECK(checker.first() == 1);
  CHECK(checker.head().lines == lines);
}

TEST_CASE("The chain goes on after logrotate has moved the log away, cut it, or moved it before a start") {
  TempDir temp;
  const std::string path = temp / "log";
  AuditLog log;
  begin_log(&log, path, 3);
  std::filesystem::rename(path, temp / "log.2");
  write_lines(&log, 1);
  REQUIRE(log.flush(kTime).ok());
  // copytruncate
  std::filesystem::copy(path, temp / "log.1");
  std::filesystem::resize_file(path, 0);
  write_lines(&log, 2);
  REQUIRE(log.flush(kTime).ok());
  std::filesystem::rename(path, temp / "log-20260102");
  AuditLog next;
  REQUIRE(next.open(path, 1 << 20).ok());
  CHECK(next.head() == log.head());
  write_lines(&next, 1);
  REQUIRE(next.flush(kTime).ok());
  const ChainChecker checker = checked({temp / "log.2", temp / "log.1", temp / "log-20260102", path});
  INFO(checker.problem());
  CHECK(checker.problem().empty());
  CHECK(checker.head().lines == 7);
}

TEST_CASE("The chain goes on after a torn line, and after lines without a chain") {
  TempDir temp;
  const std::string path = temp / "log";
  test::write_file(path, to_json_line({.name = "old"}, kTime, "0.9"));
  {
    AuditLog log;
    begin_log(&log, path, 2);
  }
  const std::string text = test::read_file(path);
  test::write_file(path, text.substr(0, text.size() - 30));
  AuditLog log;
  REQUIRE(log.open(path, 1 << 20).ok());
  CHECK(log.head().lines == 1);
  write_lines(&log, 2);
  REQUIRE(log.flush(kTime).ok());
  const ChainChecker checker = checked({path});
  INFO(checker.problem());
  CHECK(checker.problem().empty());
  CHECK(checker.torn() == 1);
  CHECK(checker.unchained() == 1);
  CHECK(checker.head().lines == 3);
}

TEST_CASE("A line that lacks its line end alone is part of the chain") {
  TempDir temp;
  const std::string path = temp / "log";
  AuditLog log;
  begin_log(&log, path, 2);
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  AuditLog next;
  REQUIRE(next.open(path, 1 << 20).ok());
  CHECK(next.head().lines == 2);
}

TEST_CASE("Lines that did not fit on the disk are chained when they do") {
  TempDir temp;
  const std::string path = temp / "log";
  AuditLog log;
  begin_log(&log, path, 2);
  const LogHead head = log.head();
  struct rlimit before {};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { .rlim_cur = log.size() + 300, .rlim_max = before.rlim_max };
  write_lines(&log, 3);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const bool has_written = log.flush(kTime).ok();
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK_FALSE(has_written);
  CHECK(log.head() == head);
  CHECK(checked({path}).head() == head);
  REQUIRE(log.flush(kTime).ok());
  CHECK(checked({path}).problem().empty());
  CHECK(checked({path}).head().lines == 5);
}

TEST_CASE("Two programs that append to one log in turn make one chain, and both rotate it") {
  TempDir temp;
  const std::uint64_t limit = GENERATE(std::uint64_t{1} << 20, std::uint64_t{700});
  AuditLog one;
  AuditLog other;
  for (AuditLog* log : {&one, &other}) REQUIRE(log->open(temp / "log", limit).ok());
  std::int64_t time = kTime;
  for (int i = 0; i < 6; ++i)
    for (AuditLog* log : {&one, &other}) {
      write_lines(log, i % 3 + 1);
      REQUIRE(log->flush(time += 1'000'000'000).ok());
    }
  std::vector<std::string> paths;
  for (const std::string& name : test::list(temp.path()))
    if (name != "log") paths.push_back(temp / name);
  CHECK(paths.empty() == (limit > 700));
  paths.push_back(temp / "log");
  const ChainChecker checker = checked(paths);
  INFO(checker.problem());
  CHECK(checker.problem().empty());
  CHECK(checker.head().lines == 24);
}

TEST_CASE("A program that holds the log costs a try, and lines behind a failed write of ours stay") {
  TempDir temp;
  const std::string path = temp / "log";
  AuditLog log;
  begin_log(&log, path, 1);
  const int fd = open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
  REQUIRE(fd >= 0);
  REQUIRE(flock(fd, LOCK_EX) == 0);
  write_lines(&log, 1);
  Status status = log.flush(kTime);
  CHECK_FALSE(status.ok());
  CHECK(status.message.find("another program holds the lock on the log") != std::string::npos);
  close(fd);
  CHECK(log.flush(kTime).ok());
  CHECK(checked({path}).head().lines == 2);
}

TEST_CASE("A log that is opened while another relay is in the middle of a line gets no empty line") {
  TempDir temp;
  const std::string path = temp / "log";
  AuditLog log;
  begin_log(&log, path, 1);
  LogHead head = log.head();
  const std::string line = chained_line(to_json_line({.name = "other"}, kTime, "1.0.0"), &head);
  const int fd = open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
  REQUIRE(fd >= 0);
  REQUIRE(flock(fd, LOCK_EX) == 0);
  REQUIRE(write(fd, line.data(), 50) == 50);
  AuditLog next;
  REQUIRE(next.open(path, 1 << 20).ok());
  REQUIRE(log.reopen().ok());
  const auto rest = static_cast<ssize_t>(line.size() - 50);
  REQUIRE(write(fd, line.data() + 50, static_cast<std::size_t>(rest)) == rest);
  close(fd);
  for (AuditLog* each : {&log, &next}) {
    write_lines(each, 1);
    REQUIRE(each->flush(kTime).ok());
  }
  CHECK(test::read_file(path).find("\n\n") == std::string::npos);
  CHECK(checked({path}).torn() == 0);
  CHECK(checked({path}).head().lines == 4);
  // A program that ends in the middle of a line while the log is open: nothing is glued to it.
  const int torn = open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC);
  REQUIRE(torn >= 0);
  REQUIRE(write(torn, line.data(), 50) == 50);
  close(torn);
  write_lines(&log, 1);
  REQUIRE(log.flush(kTime).ok());
  CHECK(checked({path}).problem().empty());
  CHECK(checked({path}).torn() == 1);
  CHECK(checked({path}).head().lines == 5);
}

TEST_CASE("A line is a relay's own by its token and its number together") {
  TempDir temp;
  AuditLog log;
  REQUIRE(log.open(temp / "log", 1 << 20).ok());
  log.append({.name = "decode",
              .source = "\"id\": 9, \"relay\": \"aa\"",
              .numbers = {{"id", 1}},
              .texts = {{"relay", "bb"}}},
             kTime);
  log.append({.name = "decode", .numbers = {{"id", 12}}, .texts = {{"relay", "aa"}}}, kTime);
  REQUIRE(log.flush(kTime).ok());
  CHECK(log.has("bb", 1, 0));
  CHECK(log.has("aa", 12, 0));
  CHECK_FALSE(log.has("aa", 1, 0));
  CHECK_FALSE(log.has("bb", 12, 0));
  CHECK_FALSE(log.has("aa", 9, 0));
  CHECK_FALSE(log.has("bb", 9, 0));
  CHECK(log.has("aa", 12, log.size() + 1));
  CHECK_FALSE(log.has("aa", 12, log.size()));
}

TEST_CASE("The line of a conflict of names does not stand for that of its delivery") {
  TempDir temp;
  AuditLog log;
  REQUIRE(log.open(temp / "log", 1 << 20).ok());
  Event event{.name = "name_conflict", .numbers = {{"id", 12}}, .texts = {{"relay", "aa"}}};
  log.append(event, kTime);
  REQUIRE(log.flush(kTime).ok());
  CHECK_FALSE(log.has("aa", 12, 0));
  event.name = "forward";
  log.append(event, kTime);
  REQUIRE(log.flush(kTime).ok());
  CHECK(log.has("aa", 12, 0));
}

}  // namespace
}  // namespace paxect::link

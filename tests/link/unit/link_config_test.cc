#include "settings/link_config.h"

#include <sys/stat.h>

#include <cstdlib>

#include "settings/setting_reader.h"
#include "support/catch.h"
#include "support/fake_host.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

using test::FakeHost;

struct ParsedConfig {
  LinkConfig config;
  std::string error;
  bool good;
  explicit ParsedConfig(const FakeHost& host) {
    Status status = read_config(Host(host.get()), KeyUse::kRequired, &config);
    good = status.ok();
    error = status.message;
  }
};

TEST_CASE("Nothing set gives the defaults of the table") {
  FakeHost host;
  ParsedConfig read(host);
  REQUIRE(read.good);
  CHECK(read.config.mode == Mode::kRelay);
  CHECK(read.config.inbox.ends_with("/inbox"));
  CHECK(read.config.quarantine == read.config.inbox + "/.quarantine");
  CHECK(read.config.log_max == 5242880);
  CHECK(read.config.poll_ns == 2'000'000'000);
  CHECK(read.config.backoff_ns == 5'000'000'000);
  CHECK(read.config.settle_ns == 500'000'000);
  CHECK(read.config.min_age_ns == 0);
  CHECK(read.config.ignore.matches("x.filepart"));
  CHECK(read.config.encoding.level == 5);
  CHECK(read.config.encoding.frame_size == 1048576);
  CHECK(read.config.encoding.channels == 1);
  CHECK(read.config.encoding.protect == 0);
  CHECK(read.config.max_attempts == 5);
  CHECK_FALSE(read.config.hmac_key.has_value());
  CHECK(read.config.core.command.empty());
  CHECK_FALSE(read.config.node.empty());
}

TEST_CASE("A value that makes no sense is refused with the key and where it is set") {
  for (auto [key, value] : {std::pair{"mode", "both"},
                            {"poll_sec", "soon"},
                            {"poll_sec", "-1"},
                            {"log_max", "-1"},
                            {"settle_ms", "1.5"},
                            {"min_age_ms", "-1"},
                            {"ignore", "*.log [a"},
                            {"level", "23"},
                            {"level", "-8"},
                            {"level", "fast"},
                            {"frame", "4095"},
                            {"frame", "268435457"},
                            {"channels", "0"},
                            {"channels", "9"},
                            {"channels", "many"},
                            {"protect", "51"},
                            {"protect", "-1"},
                            {"protect", "6.5"},
                            {"recursive", "maybe"},
                            {"names", "steam"},
                            {"max_attempts", "0"},
                            {"inbox", ""},
                            {"outbox", "inbox"},
                            {"hmac_key", "hex:abc"},
                            {"hmac_key", "file:/does/not/exist"},
                            {"hmac_key", "file:"},
                            {"core", "python 'open"},
                            {"node", ""},
                            {"node", "two words"},
                            {"node", "n\xc3\xb6"}}) {
    FakeHost host;
    host.set(key, value);
    ParsedConfig read(host);
    INFO(key << " = " << value << " -> " << read.error);
    CHECK_FALSE(read.good);
    CHECK(read.error.find(key) != std::string::npos);
  }
}

TEST_CASE("How link encodes can be set within the bounds of the encoder") {
  FakeHost host;
  host.set("level", "-7");
  host.set("frame", "4096");
  host.set("channels", "auto");
  host.set("protect", "50");
  ParsedConfig read(host);
  REQUIRE(read.good);
  CHECK(read.config.encoding.level == -7);
  CHECK(read.config.encoding.frame_size == 4096);
  CHECK(read.config.encoding.channels == 0);
  CHECK(read.config.encoding.protect == 50);
  CHECK(read.config.warnings.empty());
  host.set("core", "other-core");
  ParsedConfig other(host);
  REQUIRE(other.good);
  REQUIRE(other.config.warnings.size() == 4);
  CHECK(other.config.warnings[0].starts_with("level ("));
  CHECK(other.config.warnings[0].find("has no effect: core 'other-core' encodes") != std::string::npos);
}

TEST_CASE("What is ours may stand in the inbox only where it is not taken for a file to relay") {
  struct Case {
    const char* key;
    const char* value;
    const char* recursive;
    bool good;
  };
  for (auto [key, value, recursive, good] : {Case{"outbox", "inbox/out", "true", false},
                                             {"outbox", "inbox/out", "false", true},
                                             {"outbox", "inbox/.out/a", "true", true},
                                             {"outbox", "inbox2", "true", true},
                                             {"quarantine", "inbox/q", "true", false},
                                             {"quarantine", "inbox/q", "false", true},
                                             {"policy", "inbox/policy.json", "false", false},
                                             {"policy", "inbox/p/policy.json", "false", true},
                                             {"policy", "inbox/p/policy.json", "true", false},
                                             {"manifest", "inbox/m.json", "false", false},
                                             {"log", "inbox/log.jsonl", "false", false},
                                             {"lock", "inbox/lock", "false", false},
                                             {"lock", "inbox/.lock", "true", true},
                                             {"inbox", ".", "false", false}}) {
    FakeHost host;
    host.set(key, value);
    host.set("recursive", recursive);
    ParsedConfig read(host);
    INFO(key << " = " << value << ", recursive = " << recursive << ": " << read.error);
    CHECK(read.good == good);
  }
}

TEST_CASE("Lists and receipts do not go where files are taken from, delivered or given up") {
  for (const char* key : {"proof_also", "receipts"})
    for (const char* other : {"inbox", "outbox", "quarantine", "peers"}) {
      FakeHost host;
      const bool is_sender = std::string(key) == "proof_also";
      host.set("mode", is_sender ? "send" : "receive");
      host.set(other, "/srv/place");
      host.set(key, "/srv/place");
      INFO(key << " " << other);
      CHECK_FALSE(ParsedConfig(host).good);
      host.set(key, "/srv/other");
      CHECK(ParsedConfig(host).good);
    }
  FakeHost host;
  host.set("mode", "send");
  host.set("outbox", "/srv/place");
  host.set("proof_also", "/srv/place/paxect.proof");
  CHECK_FALSE(ParsedConfig(host).good);
}

TEST_CASE("No file of ours is two things") {
  for (const char* key : {"policy", "manifest", "lock", "metrics_file"}) {
    FakeHost host;
    host.set("log", "one");
    host.set(key, "./one");
    ParsedConfig read(host);
    INFO(key << ": " << read.error);
    CHECK_FALSE(read.good);
    CHECK(read.error.find("log") != std::string::npos);
  }
}

TEST_CASE("Seconds are given in the forms that scripts use, and no pause at all is a short one") {
  for (auto [value, nanoseconds] :
       {std::pair{"2.0", 2'000'000'000u}, {"2", 2'000'000'000u}, {".5", 500'000'000u}, {"0", 10'000'000u}}) {
    FakeHost host;
    host.set("poll_sec", value);
    ParsedConfig read(host);
    INFO(value << " -> " << read.error);
    CHECK(read.config.poll_ns == nanoseconds);
  }
}

TEST_CASE("The key of the host is allowed") {
  FakeHost host;
  host.set("plugin", "link");
  CHECK(ParsedConfig(host).good);
}

TEST_CASE("An HMAC key is text, hexadecimal, or in a file without its newline") {
  test::TempDir temp;
  test::write_file(temp / "key", "from file\n");
  for (auto [value, bytes] : {std::pair<std::string, std::string>{"s\xc3\xa9", "s\xc3\xa9"},
                              {"hex:00fF", std::string("\x00\xff", 2)},
                              {"file:" + (temp / "key"), "from file"}}) {
    FakeHost host;
    host.set("hmac_key", value);
    ParsedConfig read(host);
    REQUIRE(read.good);
    CHECK(read.config.hmac_key.bytes() == bytes);
    CHECK(read.config.warnings.size() == (value.starts_with("file:") ? 1 : 0));
  }
}

TEST_CASE("An HMAC key may be a credential of systemd, or in a file that only we can read") {
  test::TempDir temp;
  test::write_file(temp / "hmac_key", "from systemd\n");
  REQUIRE(chmod((temp / "hmac_key").c_str(), 0400) == 0);
  FakeHost host;
  host.set("hmac_key", "credential:hmac_key");
  unsetenv("CREDENTIALS_DIRECTORY");
  ParsedConfig outside(host);
  CHECK(outside.good);
  CHECK(outside.config.key_problem.find("CREDENTIALS_DIRECTORY") != std::string::npos);
  CHECK_FALSE(outside.config.hmac_key.has_value());
  host.set("hmac_key", "credential:../hmac_key");
  CHECK_FALSE(ParsedConfig(host).good);
  host.set("hmac_key", "credential:hmac_key");
  REQUIRE(setenv("CREDENTIALS_DIRECTORY", temp.path().c_str(), 1) == 0);
  ParsedConfig read(host);
  REQUIRE(read.good);
  CHECK(read.config.hmac_key.bytes() == "from systemd");
  CHECK(read.config.warnings.empty());
  for (const char* name : {"credential:../hmac_key", "credential:", "credential:other"}) {
    host.set("hmac_key", name);
    CHECK_FALSE(ParsedConfig(host).good);
  }
  unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_CASE("A key is not taken from the command line, where every user sees it, and is in no message") {
  FakeHost host;
  for (const char* key : {"open secret", "hex:0123"}) {
    host.set("hmac_key", key, PAXECT_ORIGIN_COMMAND_LINE);
    ParsedConfig read(host);
    CHECK_FALSE(read.good);
    CHECK(read.error.find("every user") != std::string::npos);
    CHECK(read.error.find(key) == std::string::npos);
  }
  host.set("hmac_key", "hex:0g", PAXECT_ORIGIN_ENVIRONMENT);
  CHECK(ParsedConfig(host).error.find("0g") == std::string::npos);
  host.set("hmac_key", "open secret", PAXECT_ORIGIN_ENVIRONMENT);
  CHECK(ParsedConfig(host).good);
}

TEST_CASE("The sandbox is asked for, insisted on or left out") {
  FakeHost host;
  CHECK(ParsedConfig(host).config.sandbox == SandboxMode::kAuto);
  host.set("sandbox", "require");
  CHECK(ParsedConfig(host).config.sandbox == SandboxMode::kRequire);
  host.set("sandbox", "yes");
  CHECK_FALSE(ParsedConfig(host).good);
}

TEST_CASE("PAXECT_CORE ranks above the config file and below PAXECT_LINK_CORE") {
  using Words = std::vector<std::string>;
  FakeHost host;
  host.set("core", "from file", PAXECT_ORIGIN_FILE);
  REQUIRE(setenv("PAXECT_CORE", "python3 core.py", 1) == 0);
  CHECK(ParsedConfig(host).config.core.command == Words{"python3", "core.py"});
  host.set("core", "mine", PAXECT_ORIGIN_ENVIRONMENT);
  CHECK(ParsedConfig(host).config.core.command == Words{"mine"});
  host.set("core", "builtin", PAXECT_ORIGIN_COMMAND_LINE);
  CHECK(ParsedConfig(host).config.core.command.empty());
  unsetenv("PAXECT_CORE");
  host.set("core", "from file", PAXECT_ORIGIN_FILE);
  CHECK(ParsedConfig(host).config.core.command == Words{"from", "file"});
}

TEST_CASE(
    "Messages about a core have its command line as it was written, and no more of it than fits a line") {
  FakeHost host;
  host.set("core", "python3  'my core.py' --fast");
  CHECK(ParsedConfig(host).config.core.name() == "core 'python3  'my core.py' --fast'");
  host.set("core", "core " + std::string(1000, 'x'));
  CHECK(ParsedConfig(host).config.core.name() == "core 'core " + std::string(195, 'x') + "...'");
}

}  // namespace
}  // namespace paxect::link

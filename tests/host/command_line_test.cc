#include "command_line.h"

#include "support/catch.h"

using namespace paxect::host;

namespace {

Status parse(const std::vector<std::string>& arguments, CommandLine* out) {
  return parse_command_line(arguments, out);
}

std::string refusal(const std::vector<std::string>& arguments) {
  CommandLine out;
  Status status = parse(arguments, &out);
  REQUIRE(status.code() == 64);
  return status.message();
}

}  // namespace

TEST_CASE("run takes all options in their forms") {
  CommandLine out;
  REQUIRE(parse({"run", "-c", "a.conf", "--set", "link.inbox=/in", "--set=link.outbox=/a=b", "--once",
                 "--verbose", "--plugin-dir", "/plugins"},
                &out)
              .ok());
  CHECK(out.command == Command::kRun);
  CHECK(out.config_path == "a.conf");
  REQUIRE(out.overrides.size() == 2);
  CHECK(out.overrides[0].section == "link");
  CHECK(out.overrides[0].key == "inbox");
  CHECK(out.overrides[0].value == "/in");
  CHECK(out.overrides[1].value == "/a=b");
  CHECK(out.once);
  CHECK(out.verbose);
  CHECK(out.plugin_directory == "/plugins");
}

TEST_CASE("Without options nothing is set") {
  CommandLine out;
  REQUIRE(parse({"run"}, &out).ok());
  CHECK_FALSE(out.config_path);
  CHECK_FALSE(out.plugin_directory);
  CHECK(out.overrides.empty());
  CHECK_FALSE(out.once);
  CHECK_FALSE(out.verbose);
}

TEST_CASE("Help and version are commands and help is an option too") {
  CommandLine out;
  for (const char* word : {"-h", "--help"}) {
    REQUIRE(parse({word}, &out).ok());
    CHECK(out.command == Command::kHelp);
  }
  REQUIRE(parse({"--version"}, &out).ok());
  CHECK(out.command == Command::kVersion);
  REQUIRE(parse({"run", "--help"}, &out).ok());
  CHECK(out.command == Command::kHelp);
}

TEST_CASE("A value of --set may be empty and may hold dots and equals signs") {
  CommandLine out;
  REQUIRE(parse({"check", "--set", "a-b.key_1=", "--set", "x.y=z.q=1"}, &out).ok());
  CHECK(out.overrides[0].section == "a-b");
  CHECK(out.overrides[0].value.empty());
  CHECK(out.overrides[1].key == "y");
  CHECK(out.overrides[1].value == "z.q=1");
}

TEST_CASE("Wrong arguments are refused with status 64") {
  CHECK(refusal({}).find("no command") == 0);
  CHECK(refusal({"Walk"}).find("unknown command 'Walk'") == 0);
  CHECK(refusal({"--walk"}).find("unknown command '--walk'") == 0);
  CHECK(refusal({"run", "--nonsense"}).find("--nonsense") != std::string::npos);
  CHECK(refusal({"run", "stray"}).find("positional") != std::string::npos);
  CHECK(refusal({"run", "-c"}).find("--config") != std::string::npos);
  refusal({"run", "-c", "a", "-c", "b"});
  refusal({"plugins", "--once"});
  refusal({"plugins", "--set", "a.b=c"});
  refusal({"check", "--once"});
  CHECK(refusal({"run", "--plugin-dir", "relative"}).find("not absolute") != std::string::npos);
}

TEST_CASE("Options are not abbreviated") {
  refusal({"run", "--onc"});
  refusal({"run", "--verb"});
  refusal({"run", "--conf", "a"});
}

TEST_CASE("A malformed --set is refused by a message without its value") {
  for (const char* text : {"link", "link.key", "key=secret", "Link.key=secret", "link.=secret", ".key=secret",
                           "link.Key=secret", "link.a.b=secret", "../x.key=secret"}) {
    CAPTURE(text);
    CHECK(refusal({"run", "--set", text}).find("secret") == std::string::npos);
  }
}

TEST_CASE("A word that is no command of the host is a section and the words behind it are its plugin's") {
  CommandLine out;
  REQUIRE(parse({"link", "explain", "a file", "--json", "-x"}, &out).ok());
  CHECK(out.command == Command::kSection);
  CHECK(out.section == "link");
  CHECK(out.words == std::vector<std::string>{"explain", "a file", "--json", "-x"});
}

TEST_CASE("The host's options may be on either side of a section's command") {
  CommandLine out;
  REQUIRE(parse({"link", "-c", "a.conf", "--verbose", "stats", "--json", "--set", "link.inbox=/in",
                 "--set=link.outbox=/out", "log", "--plugin-dir", "/plugins"},
                &out)
              .ok());
  CHECK(out.config_path == "a.conf");
  CHECK(out.verbose);
  CHECK(out.plugin_directory == "/plugins");
  REQUIRE(out.overrides.size() == 2);
  CHECK(out.overrides[0].value == "/in");
  CHECK(out.words == std::vector<std::string>{"stats", "--json", "log"});
}

TEST_CASE("Nothing behind two dashes is an option of the host") {
  CommandLine out;
  REQUIRE(parse({"link", "explain", "--", "-c", "--set"}, &out).ok());
  CHECK(out.words == std::vector<std::string>{"explain", "--", "-c", "--set"});
  CHECK_FALSE(out.config_path);
}

TEST_CASE("A section without a command or with help before it asks for the list") {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"link"}, {"link", "-h"}, {"link", "--help", "stats"}, {"link", "-c", "a.conf"}}) {
    CommandLine out;
    REQUIRE(parse(arguments, &out).ok());
    CHECK(out.command == Command::kSection);
    CHECK(out.words.empty());
  }
  CommandLine out;
  REQUIRE(parse({"link", "stats", "-h"}, &out).ok());
  CHECK(out.words == std::vector<std::string>{"stats", "-h"});
}

TEST_CASE("An unknown option before a section's command and one without its value are refused") {
  CHECK(refusal({"link", "--json", "stats"}).find("--json") != std::string::npos);
  CHECK(refusal({"link", "--once", "stats"}).find("--once") != std::string::npos);
  CHECK(refusal({"link", "stats", "-c"}).find("--config") != std::string::npos);
}

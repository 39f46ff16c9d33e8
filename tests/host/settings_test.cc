#include "settings.h"

#include <paxect/plugin.h>

#include "support/catch.h"

using namespace paxect::host;

namespace {

ConfigFile file_of(const std::string& text) {
  ConfigFile file;
  REQUIRE(parse_config(text, "p.conf", &file).ok());
  return file;
}

Configuration make(const std::string& text, const Environment& environment = {},
                   const CommandLine& command_line = {}) {
  Configuration out;
  Status status = configure(command_line, environment, file_of(text), &out);
  INFO(status.message());
  REQUIRE(status.ok());
  return out;
}

CommandLine with_set(const std::string& section, const std::string& key, const std::string& value) {
  CommandLine result;
  result.overrides.push_back({section, key, value});
  return result;
}

std::string text_of(const InstanceSettings& settings, const std::string& key) {
  const InstanceSettings::Value* value = settings.find(key);
  return value == nullptr ? "(none)" : value->text;
}

}  // namespace

TEST_CASE("The command line beats the environment which beats the file") {
  std::string text = "[link]\nmode = file\n";
  Environment environment{{"PAXECT_LINK_MODE", "environment"}};

  const auto from_file = make(text);
  const InstanceSettings::Value* value = from_file.instances[0].find("mode");
  REQUIRE(value != nullptr);
  CHECK(value->text == "file");
  CHECK(value->origin == PAXECT_ORIGIN_FILE);
  CHECK(value->place == "p.conf:2");

  const auto from_environment = make(text, environment);
  value = from_environment.instances[0].find("mode");
  CHECK(value->text == "environment");
  CHECK(value->origin == PAXECT_ORIGIN_ENVIRONMENT);
  CHECK(value->place == "PAXECT_LINK_MODE");

  const auto from_command_line = make(text, environment, with_set("link", "mode", "set"));
  value = from_command_line.instances[0].find("mode");
  CHECK(value->text == "set");
  CHECK(value->origin == PAXECT_ORIGIN_COMMAND_LINE);
  CHECK(value->place == "--set link.mode");
}

TEST_CASE("A key that no source has has no value") { CHECK(make("[a]\n").instances[0].find("k") == nullptr); }

TEST_CASE("The last --set of a key wins") {
  CommandLine command_line = with_set("a", "k", "first");
  command_line.overrides.push_back({"a", "k", "last"});
  CHECK(text_of(make("[a]\n", {}, command_line).instances[0], "k") == "last");
}

TEST_CASE("An empty variable counts as not set and an empty value elsewhere is a value") {
  const char* variables[] = {"PAXECT_A_K=", "PAXECT_A_L=x=y", "OTHER=1", nullptr};
  Environment environment = read_environment(variables);
  CHECK(environment == Environment{{"PAXECT_A_L", "x=y"}});
  CHECK(text_of(make("[a]\nk = file\n", environment).instances[0], "k") == "file");
  CHECK(text_of(make("[a]\nk =\n").instances[0], "k").empty());
  CHECK(text_of(make("[a]\nk = file\n", {}, with_set("a", "k", "")).instances[0], "k").empty());
}

TEST_CASE("A variable's name is upper case with underscores for dashes") {
  Configuration out = make("[node-a]\n", {{"PAXECT_NODE_A_POLL_SEC", "3"}});
  CHECK(text_of(out.instances[0], "poll_sec") == "3");
}

TEST_CASE("A variable belongs to the section with the longest name that fits") {
  Configuration out =
      make("[link]\n[link_b]\n", {{"PAXECT_LINK_B_MODE", "send"}, {"PAXECT_LINK_MODE", "relay"}});
  CHECK(text_of(out.instances[0], "mode") == "relay");
  CHECK(text_of(out.instances[0], "b_mode") == "(none)");
  CHECK(text_of(out.instances[1], "mode") == "send");
  Configuration alone = make("[link]\n", {{"PAXECT_LINK_B_MODE", "send"}});
  CHECK(text_of(alone.instances[0], "b_mode") == "send");
}

TEST_CASE("The section's name names the plugin unless the key plugin does") {
  Configuration out = make("[link]\n[node]\nplugin = link\n", {}, with_set("link", "plugin", "other"));
  CHECK(out.instances[0].plugin() == "other");
  CHECK(out.instances[1].plugin() == "link");
  CHECK(make("[link]\n").instances[0].plugin() == "link");
}

TEST_CASE("The listed keys are those of file and command line without the host's own") {
  Configuration out = make("[link]\nplugin = x\nmode = a\n", {{"PAXECT_LINK_INBOX", "in"}},
                           with_set("link", "outbox", "out"));
  CHECK(out.instances[0].keys() == std::vector<std::string>{"mode", "outbox"});
}

TEST_CASE("A setting on the command line for a section that does not exist is wrong usage") {
  Configuration out;
  Status status = configure(with_set("node", "k", "v"), {}, file_of("[link]\n"), &out);
  CHECK(status.code() == 64);
  CHECK(status.message() == "--set node.k: no section [node]: none in p.conf");

  ConfigFile none{{}, {{"link", 0, {}}}};
  status = configure(with_set("node", "k", "v"), {}, none, &out);
  CHECK(status.code() == 64);
  CHECK(status.message().find("there is only [link]") != std::string::npos);
  REQUIRE(configure(with_set("link", "k", "v"), {}, none, &out).ok());
  CHECK(text_of(out.instances[0], "k") == "v");
}

TEST_CASE("The plugin directory comes from command line then environment then file") {
  std::string text = "[host]\nplugin_dir = /file\n";
  Environment environment{{"PAXECT_PLUGIN_DIR", "/environment"}};
  CommandLine command_line;
  command_line.plugin_directory = "/command-line";
  CHECK(make("").plugin_directory.empty());
  CHECK(make(text).plugin_directory == "/file");
  CHECK(make(text).instances.empty());
  CHECK(make(text, environment).plugin_directory == "/environment");
  CHECK(make(text, environment, command_line).plugin_directory == "/command-line");
  // A value of the environment that is not absolute does no harm where the command line replaces it.
  CHECK(make(text, {{"PAXECT_PLUGIN_DIR", "here"}}, command_line).plugin_directory == "/command-line");
}

TEST_CASE("The host's own section takes an absolute plugin_dir and nothing else") {
  Configuration out;
  Status status = configure({}, {}, file_of("[host]\nplugin_dir = plugins\n"), &out);
  CHECK(status.code() == 78);
  CHECK(status.message() == "p.conf:2: the plugin directory 'plugins' is not absolute: begin it with '/'");
  status = configure({}, {}, file_of("[host]\ncolour = red\n"), &out);
  CHECK(status.code() == 78);
  CHECK(status.message().find("p.conf:2: the host has no setting 'colour'") == 0);
  CHECK(configure(with_set("host", "plugin_dir", "/x"), {}, file_of("[host]\n"), &out).code() == 64);
  CHECK(configure({}, {{"PAXECT_PLUGIN_DIR", "plugins"}}, file_of(""), &out).code() == 78);
}

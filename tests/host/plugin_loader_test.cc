#include "plugin_loader.h"

#include "host/sandbox.h"
#include "support/catch.h"

using namespace paxect::host;
using paxect::test::Sandbox;

namespace {

struct Fixture {
  Fixture() { REQUIRE(PluginDirectory::open(sandbox.plugin_directory(), &directory).ok()); }

  // Why a module of tests/plugins is refused, without the file name in front.
  std::string refusal(const std::string& name, const std::string& as = {}) {
    std::string path = sandbox.add_plugin(name, as);
    return refusal_of(as.empty() ? name : as, path);
  }
  std::string refusal_of(const std::string& name, const std::string& path) {
    Plugin plugin;
    Status status = load_plugin(directory, name, &plugin);
    INFO(status.message());
    REQUIRE(status.code() == 78);
    REQUIRE(status.message().find(path + ": ") == 0);
    return status.message().substr(path.size() + 2);
  }

  Sandbox sandbox;
  PluginDirectory directory;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE_METHOD(Fixture, "A good module is loaded and gives the same descriptor again") {
  Plugin plugin;
  Status status = load_plugin(directory, "recorder", &plugin);
  INFO(status.message());
  REQUIRE(status.ok());
  CHECK(plugin.path == sandbox.plugin_directory() + "/recorder.so");
  CHECK(std::string(plugin.descriptor->version) == "1.2.3");
  Plugin again;
  REQUIRE(load_plugin(directory, "recorder", &again).ok());
  CHECK(again.descriptor == plugin.descriptor);
}

TEST_CASE_METHOD(Fixture, "Each fault of a module has its own message") {
  static const std::vector<std::pair<std::string, std::string>> kFaults = {
      {"bad_no_symbol", "not a PAXECT plugin: it does not export paxect_plugin_query"},
      {"bad_null", "reports that it cannot run with plugin ABI 1.0, which this host has"},
      {"bad_magic", "not a PAXECT plugin: its descriptor has no magic"},
      {"bad_major", "built for plugin ABI 2.0, this host has 1.0: build it for this host"},
      {"bad_minor", "needs plugin ABI 1.1, this host has 1.0: use a newer host"},
      {"bad_size", "its descriptor has 96 bytes, ABI 1.0 has at least 104"},
      {"bad_name", "its descriptor has the name 'somebody_else', its file the name 'bad_name'"},
      {"bad_no_function", "its descriptor has no create"},
      {"throws", "paxect_plugin_query threw an exception: query was told to throw"},
      {"bad_undefined_symbol", "cannot be loaded: undefined symbol: paxect_test_symbol_that_nobody_defines"}};
  for (const auto& [module, message] : kFaults) CHECK(refusal(module) == message);
  CHECK(refusal("recorder", "renamed") ==
        "its descriptor has the name 'recorder', its file the name 'renamed'");
}

TEST_CASE_METHOD(Fixture, "A file that is no shared object is refused") {
  std::string text = sandbox.plugin_directory() + "/text.so";
  paxect::test::write_file(
      text, "this is a text, and longer than the header of an ELF file: " + std::string(64, '.'));
  CHECK(has(refusal_of("text", text), "cannot be loaded: invalid ELF header"));
  std::string empty = sandbox.plugin_directory() + "/empty.so";
  paxect::test::write_file(empty, "");
  CHECK(has(refusal_of("empty", empty), "cannot be loaded: file too short"));
}

TEST_CASE_METHOD(Fixture, "Whatever a descriptor lacks is named") {
  Plugin good;
  REQUIRE(load_plugin(directory, "recorder", &good).ok());
  using Descriptor = paxect_plugin_descriptor;
  static const std::vector<std::pair<std::string, void (*)(Descriptor&)>> kParts = {
      {"name", [](Descriptor& d) { d.name = nullptr; }},
      {"version", [](Descriptor& d) { d.version = nullptr; }},
      {"summary", [](Descriptor& d) { d.summary = nullptr; }},
      {"create", [](Descriptor& d) { d.create = nullptr; }},
      {"init", [](Descriptor& d) { d.init = nullptr; }},
      {"start", [](Descriptor& d) { d.start = nullptr; }},
      {"step", [](Descriptor& d) { d.step = nullptr; }},
      {"stop", [](Descriptor& d) { d.stop = nullptr; }},
      {"destroy", [](Descriptor& d) { d.destroy = nullptr; }},
      {"error", [](Descriptor& d) { d.error = nullptr; }},
      {"extension", [](Descriptor& d) { d.extension = nullptr; }}};
  for (const auto& [part, take_away] : kParts) {
    Descriptor descriptor = *good.descriptor;
    take_away(descriptor);
    Status status = check_descriptor({"recorder", "/p.so", &descriptor});
    CHECK(status.code() == 78);
    CHECK(status.message() == "/p.so: its descriptor has no " + part);
  }
}

TEST_CASE_METHOD(Fixture, "A descriptor that is longer than this host knows is accepted") {
  Plugin good;
  REQUIRE(load_plugin(directory, "recorder", &good).ok());
  paxect_plugin_descriptor descriptor = *good.descriptor;
  descriptor.struct_size += 64;
  CHECK(check_descriptor({"recorder", "/p.so", &descriptor}).ok());
}

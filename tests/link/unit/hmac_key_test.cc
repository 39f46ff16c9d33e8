#include "settings/hmac_key.h"

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "link/link_rig.h"
#include "stages/trust.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

// The flags that /proc/self/smaps gives for the mapping with this address.
std::string flags_of(const void* address) {
  auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    if (words >> std::hex >> begin >> dash >> end && dash == '-') inside = begin <= wanted && wanted < end;
    if (inside && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

void reload(LinkRig& rig) {
  auto* extension = static_cast<const paxect_reload_extension*>(
      load_plugin(PAXECT_TEST_PLUGINS "/link.so")->extension(PAXECT_EXTENSION_RELOAD));
  REQUIRE(extension->reload(rig.link->instance()) == PAXECT_PLUGIN_OK);
}

TEST_CASE("A key's memory is read-only, left out of core dumps and of forked processes") {
  link::Secret secret("the key");
  CHECK(secret.view() == "the key");
  std::string flags = flags_of(secret.view().data());
  INFO(flags);
  CHECK(flags.find(" dd ") != std::string::npos);
  CHECK(flags.find(" wr ") == std::string::npos);
  CHECK(flags.find(" wf ") != std::string::npos);
  auto common = std::make_unique<int>();
  CHECK(flags_of(common.get()).find(" dd ") == std::string::npos);
}

TEST_CASE(
    "Outside of its service a credential is passed over by check, and a relay does not start without it") {
  LinkRig rig;
  rig.host.set("hmac_key", "credential:hmac_key");
  unsetenv("CREDENTIALS_DIRECTORY");
  PluginDriver relay(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), rig.host);
  REQUIRE(relay.init() == PAXECT_PLUGIN_OK);
  CHECK(rig.host.logged("hmac_key is not checked"));
  auto before = list(rig.directory.path());
  CHECK(relay.start() == PAXECT_PLUGIN_CONFIG);
  CHECK(relay.error().find("hmac_key = 'credential:hmac_key'") == 0);
  CHECK(relay.error().find("LoadCredential=hmac_key:PATH") != std::string::npos);
  CHECK(list(rig.directory.path()) == before);
}

TEST_CASE("A reload reads the key's file again, and keeps the key when it cannot") {
  LinkRig rig;
  std::string key = rig.directory / "key";
  write_file(key, "first");
  rig.host.set("hmac_key", "file:" + key);
  rig.start();
  rig.settle();
  const std::string manifest = rig.directory / "link_manifest.json";
  auto signature = [&] {
    std::string text = read_file(manifest);
    return text.substr(text.find("hmac_sha256"));
  };
  const std::string first = signature();
  reload(rig);
  CHECK(signature() == first);
  CHECK(rig.events("key_reload").empty());

  write_file(key, "second\n");
  reload(rig);
  CHECK(rig.events("key_reload").size() == 1);
  const std::string second = signature();
  CHECK(second != first);

  std::filesystem::remove(key);
  reload(rig);
  REQUIRE(rig.events("key_error").size() == 1);
  CHECK(rig.events("key_error")[0].message.find("stays in force") != std::string::npos);
  CHECK(signature() == second);
}

TEST_CASE("A reload and a rewritten manifest log no peer again, and another policy only what it changes") {
  LinkRig rig;
  rig.write_policy("");
  const std::string theirs = rig.directory / "link_manifest_b.json";
  write_file(theirs, link::manifest_text({{"node", "b"}, {"datetime_utc", "10:00"}}, std::nullopt));
  rig.start();
  rig.settle();
  REQUIRE(rig.events("handshake").size() == 1);
  reload(rig);
  write_file(theirs, link::manifest_text({{"node", "b"}, {"datetime_utc", "10:01 "}}, std::nullopt));
  reload(rig);
  CHECK(rig.events("handshake").size() == 1);
  rig.write_policy("\"max_file_mb\": 1");
  reload(rig);
  CHECK(rig.events("handshake").size() == 1);
  rig.write_policy("\"require_sig\": true");
  reload(rig);
  CHECK(rig.events("handshake_reject").size() == 1);
}

TEST_CASE("A reload of the same policy reports no block again, one of another policy reports it again") {
  LinkRig rig;
  rig.write_policy("");
  rig.put("a.exe", "MZ");
  rig.start();
  rig.settle();
  REQUIRE(rig.events("policy_block").size() == 1);
  reload(rig);
  rig.settle();
  CHECK(rig.events("policy_block").size() == 1);
  rig.write_policy("\"max_file_mb\": 1");
  reload(rig);
  rig.settle();
  CHECK(rig.events("policy_block").size() == 2);
}

TEST_CASE("A reload opens the log again where somebody has moved it away, and is over when it returns") {
  LinkRig rig;
  rig.write_policy("");
  rig.start();
  rig.settle();
  std::filesystem::rename(rig.log_path(), rig.directory / "aside.jsonl");
  write_file(rig.policy(), "{\"log_level\": 3}");
  reload(rig);
  REQUIRE(exists(rig.log_path()));
  CHECK(rig.events("policy_error").size() == 1);
  CHECK(rig.events("startup").empty());
}

TEST_CASE("A key that every user can read is reported") {
  LinkRig rig;
  write_file(rig.directory / "key", "open");
  REQUIRE(chmod((rig.directory / "key").c_str(), 0644) == 0);
  rig.host.set("hmac_key", "file:" + (rig.directory / "key"));
  rig.start();
  CHECK(rig.host.logged("every user can read this key", PAXECT_LOG_WARN));
}

}  // namespace
}  // namespace paxect::test

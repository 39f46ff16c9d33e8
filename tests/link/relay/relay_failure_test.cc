// What the relay does when something is wrong: quarantine, retries, policy changes, peers, directories.
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "base/digest.h"
#include "link/link_rig.h"
#include "records/state_file.h"
#include "stages/trust.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

TEST_CASE("A damaged container goes to quarantine at once, with its reason") {
  LinkRig rig;
  std::string container = container_of(text(20'000));
  container[200] = static_cast<char>(container[200] ^ 1);
  rig.put("bad.freq", container);
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.waiting().empty());
  CHECK(list(rig.inbox(".quarantine")) == Names{"bad.freq", "bad.freq.reason.json"});
  CHECK(read_file(rig.inbox(".quarantine/bad.freq")) == container);
  std::string reason = read_file(rig.inbox(".quarantine/bad.freq.reason.json"));
  for (const char* part : {"\"event\": \"decode_error\"", "\"reason\"", "\"detail\"", "\"attempts\": 1",
                           "\"first_utc\"", "\"last_utc\""})
    CHECK(reason.find(part) != std::string::npos);
  // Another one of the same name does not replace it.
  rig.put("bad.freq", "not even a container");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(list(rig.inbox(".quarantine")).size() == 4);
  CHECK(rig.events("quarantine").size() == 2);
}

TEST_CASE("A mismatch takes container and sidecar to quarantine with one event each") {
  LinkRig rig;
  rig.put("ok.txt", "fine");
  rig.put("bad.freq", "junk");
  rig.put("bad.freq.sha256", std::string(64, '0'));
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.delivered() == Names{"ok"});
  CHECK(rig.events("checksum_mismatch").size() == 1);
  auto blocks = rig.events("policy_block");
  REQUIRE(blocks.size() == 1);
  CHECK(blocks[0].message == "disallowed_suffix:.sha256");
  CHECK(rig.host.logged("checksum_mismatch bad.freq sidecar sha256 mismatch"));
  CHECK(rig.host.logged("policy_block bad.freq.sha256 disallowed_suffix:.sha256"));
  CHECK(rig.waiting().empty());
  CHECK(list(rig.inbox(".quarantine")) == Names{"bad.freq", "bad.freq.reason.json", "bad.freq.sha256"});
}

TEST_CASE(
    "A container whose sidecar is no regular file goes to quarantine, and what has the sidecar's name "
    "stays") {
  LinkRig rig;
  rig.host.set("mode", "receive");
  rig.put("link.freq", container_of("data"));
  rig.put("fifo.freq", container_of("data"));
  std::filesystem::create_symlink("elsewhere", rig.inbox("link.freq.sha256"));
  REQUIRE(mkfifo(rig.inbox("fifo.freq.sha256").c_str(), 0600) == 0);
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.events("quarantine").size() == 2);
  CHECK(rig.waiting() == Names{"fifo.freq.sha256", "link.freq.sha256"});
}

TEST_CASE("A sidecar without a container waits a while, then is blocked where it is") {
  LinkRig rig;
  std::string container = container_of("late");
  rig.put("a.freq.sha256", link::sha256_hex(container) + "\n");
  rig.start();
  rig.settle();
  CHECK(rig.events("policy_block").empty());
  rig.settle(20'000'000'000);
  CHECK(rig.events("policy_block").size() == 1);
  rig.put("a.freq", container);
  rig.settle(20'000'000'000);
  CHECK(read_file(rig.outbox("a")) == "late");
  CHECK(rig.waiting().empty());
}

TEST_CASE("Nothing waits any more once it was delivered, though it stays in the inbox") {
  LinkRig rig;
  rig.write_policy("\"auto_delete\": false");
  std::string container = container_of("kept");
  rig.put("a.freq.sha256", link::sha256_hex(container) + "\n");
  rig.start();
  rig.settle();
  // Where the temporary files of the first tries are to be.
  for (std::uint64_t id = 1; id <= 3; ++id)
    std::filesystem::create_directory(rig.temporary(rig.outbox(), id));
  rig.put("a.freq", container);
  rig.settle(2'000'000'000);
  CHECK_FALSE(exists(rig.outbox("a")));
  for (std::uint64_t id = 1; id <= 3; ++id) std::filesystem::remove(rig.temporary(rig.outbox(), id));
  // Comes to rest: what was due long ago does not wake the relay again and again.
  rig.settle(60'000'000'000);
  CHECK(rig.delivered() == Names{"a"});
  CHECK(rig.waiting() == Names{"a.freq", "a.freq.sha256"});
  rig.stop();
  CHECK(link::read_state(rig.lock())->waiting_count == 0);
}

TEST_CASE("A container waits for its sidecar to be complete") {
  LinkRig rig;
  std::string container = container_of("slow sidecar");
  rig.put("a.freq", container);
  rig.put_unclosed("a.freq.sha256", "0123");
  rig.start();
  rig.settle(20'000'000'000);
  CHECK(rig.delivered().empty());
  rig.close_writers();
  rig.put("a.freq.sha256", link::sha256_hex(container) + "\n");
  rig.settle();
  CHECK(rig.delivered() == Names{"a"});
  CHECK(rig.events("checksum_mismatch").empty());
}

TEST_CASE("A sidecar that comes when its container is taken already has the time to be complete, too") {
  constexpr int kBatch = 256;  // at most
  LinkRig rig;
  rig.host.set("mode", "send");
  std::string container = container_of("slower sidecar");
  for (int i = 0; i < kBatch; ++i) rig.put(std::to_string(i) + ".txt", "older");
  rig.put("z.freq", container);
  rig.start();
  REQUIRE(rig.link->step() == PAXECT_PLUGIN_OK);
  REQUIRE(exists(rig.inbox("z.freq")));
  rig.put_unclosed("z.freq.sha256", "0123");
  REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
  CHECK(rig.waiting() == Names{"z.freq", "z.freq.sha256"});
  rig.close_writers();
  rig.put("z.freq.sha256", link::sha256_hex(container) + "\n");
  rig.settle(20'000'000'000);
  CHECK(rig.waiting().empty());
  CHECK(read_file(rig.outbox("z.freq")) == container);
  CHECK(rig.events("checksum_mismatch").empty());
}

TEST_CASE("The message about a damaged container says where it is damaged") {
  LinkRig rig;
  rig.put("damaged.freq", read_file(PAXECT_TEST_VECTORS "/crc-flip.freq"));
  rig.start();
  rig.settle();
  REQUIRE(rig.events("decode_error").size() == 1);
  CHECK(rig.events("decode_error")[0].message ==
        "CRC-32 of the frame differs: its data is damaged (byte 24, frame 0)");
}

TEST_CASE("quarantine_on_policy_block moves what is blocked") {
  LinkRig rig;
  rig.write_policy("\"quarantine_on_policy_block\": true");
  rig.put("a.exe", "MZ");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.waiting().empty());
  CHECK(list(rig.inbox(".quarantine")) == Names{"a.exe", "a.exe.reason.json"});
}

TEST_CASE("A policy is read again when it changes, and a broken one changes nothing") {
  LinkRig rig;
  rig.write_policy("");
  rig.put("a.exe", "MZ");
  rig.start();
  rig.settle();
  CHECK(rig.events("policy_block").size() == 1);
  write_file(rig.policy(), "{ broken");
  rig.settle(3'000'000'000);
  CHECK(rig.events("policy_error").size() == 1);
  CHECK(rig.delivered().empty());
  std::string policy = "{\"allowed_suffixes\": [\"exe\", \"freq\"], \"trusted_nodes\": [\"";
  std::array<char, 256> node{};
  gethostname(node.data(), node.size() - 1);
  write_file(rig.policy(), policy + node.data() + "\"]}");
  rig.settle(3'000'000'000);
  CHECK(rig.events("policy_reload").size() == 1);
  CHECK(rig.delivered() == Names{"a"});
}

TEST_CASE("Peers shake hands or are rejected") {
  LinkRig rig;
  rig.write_policy("\"require_sig\": true");
  rig.host.set("hmac_key", "supersecret-demo-hmac-key");
  rig.host.set("manifest", rig.directory / "link_manifest.json");
  const std::string vectors = PAXECT_TEST_VECTORS "/manifests/link_manifest_";
  for (const char* peer : {"plain", "tampered", "not_json"})
    write_file(rig.directory / ("link_manifest_" + std::string(peer) + ".json"),
               read_file(vectors + peer + ".json"));
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  REQUIRE(rig.events("handshake").size() == 1);
  CHECK(rig.events("handshake")[0].message == "peer=node2");
  REQUIRE(rig.events("handshake_reject").size() == 1);
  CHECK(rig.events("handshake_reject")[0].message == "bad_sig");
  CHECK(rig.events("handshake_parse_error").size() == 1);
  CHECK(read_file(rig.directory / "link_manifest.json").find("\"hmac_sha256\": \"") != std::string::npos);
}

// The token in the marker of a place.
std::string token_in(const std::string& place) {
  const std::string text = read_file(place + "/.paxect-place");
  const std::string line = text.substr(0, text.find('\n'));
  REQUIRE(line.size() > 32);
  return line.substr(line.size() - 32);
}

TEST_CASE("With require_sig no container of a peer passes whose manifest is rejected, until it is accepted") {
  LinkRig rig;
  rig.host.set("mode", "receive");
  rig.host.set("hmac_key", "our key");
  rig.write_policy("\"require_sig\": true");
  const std::string manifest = rig.directory / "link_manifest_north.json";
  const bool by_place = GENERATE(false, true);
  auto write_manifest = [&](std::optional<std::string_view> key) {
    std::map<std::string, std::string> payload = {{"node", "north"}, {"outbox", "/on/another/machine"}};
    if (by_place)
      payload["outbox_place"] = token_in(rig.inbox());
    else
      payload["outbox"] = rig.directory / "inbox";
    write_file(manifest, link::manifest_text(payload, key));
  };
  rig.start();
  rig.settle();
  write_manifest("another key");
  rig.settle(70'000'000'000);
  REQUIRE(rig.events("handshake_reject").size() == 1);
  rig.put("a.freq", container_of("a"));
  rig.settle(10'000'000'000);
  CHECK(rig.delivered().empty());
  CHECK(rig.waiting() == Names{"a.freq"});
  REQUIRE(rig.events("policy_block").size() == 1);
  CHECK(rig.events("policy_block")[0].message == "rejected_peer:north");
  write_manifest("our key");
  rig.settle(70'000'000'000);
  CHECK(rig.delivered() == Names{"a"});
}

TEST_CASE("With require_sig, a manifest that cannot be read is no signature") {
  LinkRig rig;
  rig.host.set("mode", "receive");
  rig.host.set("hmac_key", "our key");
  rig.write_policy("\"require_sig\": true");
  const std::string manifest = rig.directory / "link_manifest_north.json";
  const std::string good =
      link::manifest_text({{"node", "north"}, {"outbox", rig.directory / "inbox"}}, "our key");
  const bool was_read = GENERATE(false, true);
  rig.start();
  if (was_read) {
    write_file(manifest, good);
    rig.settle(70'000'000'000);
    REQUIRE(rig.events("handshake").size() == 1);
    std::filesystem::remove(manifest);
  }
  const int kind = GENERATE(0, 1, 2, 3);
  if (kind == 0) write_file(manifest, "{");
  if (kind == 1) write_file(manifest, "");
  if (kind == 2) std::filesystem::create_directory(manifest);
  if (kind == 3) std::filesystem::create_symlink(rig.log_path(), manifest);
  rig.settle(70'000'000'000);
  CHECK(rig.events("handshake_parse_error").size() == 1);
  rig.put("a.freq", container_of("a"));
  rig.settle(70'000'000'000);
  CHECK(rig.waiting() == Names{"a.freq"});
  std::filesystem::remove_all(manifest);
  write_file(manifest, good);
  rig.settle(70'000'000'000);
  CHECK(rig.delivered() == Names{"a"});
}

TEST_CASE("A rejected peer that delivers elsewhere, or without require_sig, holds up nothing") {
  LinkRig rig;
  rig.host.set("mode", "receive");
  rig.host.set("hmac_key", "our key");
  const bool is_required = GENERATE(false, true);
  rig.write_policy(is_required ? "\"require_sig\": true" : "");
  write_file(rig.directory / "link_manifest_north.json",
             link::manifest_text(
                 {{"node", "north"}, {"outbox", is_required ? "/elsewhere" : rig.directory / "inbox"}},
                 "another key"));
  rig.put("a.freq", container_of("a"));
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.events("handshake_reject").size() == 1);
  CHECK(rig.delivered() == Names{"a"});
}

TEST_CASE("A manifest names the place of the outbox, which is the same on every machine") {
  LinkRig rig;
  REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
  const std::string token = token_in(rig.outbox());
  CHECK(read_file(rig.directory / "link_manifest.json").find("\"outbox_place\": \"" + token + "\"") !=
        std::string::npos);
}

TEST_CASE("An outbox that goes away is waited for") {
  LinkRig rig;
  rig.start();
  rig.settle();
  std::filesystem::rename(rig.outbox(), rig.directory / "elsewhere");
  rig.put("a.txt", "a");
  rig.settle(20'000'000'000);
  CHECK(rig.waiting() == Names{"a.txt"});
  CHECK_FALSE(rig.events("deferred").empty());
  std::filesystem::create_directory(rig.outbox());
  rig.settle(20'000'000'000);
  CHECK(rig.delivered().empty());
  std::filesystem::remove(rig.outbox());
  std::filesystem::rename(rig.directory / "elsewhere", rig.outbox());
  rig.settle(20'000'000'000);
  CHECK(rig.delivered() == Names{"a"});
}

TEST_CASE("An outbox swapped for a symbolic link gets nothing") {
  LinkRig rig;
  rig.start();
  rig.settle();
  std::filesystem::rename(rig.outbox(), rig.directory / "elsewhere");
  std::filesystem::create_directory(rig.directory / "trap");
  std::filesystem::create_directory_symlink("trap", rig.directory / "outbox");
  rig.put("a.txt", "a");
  rig.settle(20'000'000'000);
  CHECK(list(rig.directory / "trap").empty());
  CHECK(rig.waiting() == Names{"a.txt"});
}

TEST_CASE("A file renamed into the inbox is relayed without waiting for it to settle") {
  LinkRig rig;
  rig.start();
  rig.settle();
  REQUIRE(rig.link->last().watch_count == 1);
  std::uint64_t before = rig.host.monotonic_ns();
  write_file(rig.directory / "made.txt", "whole");
  std::filesystem::rename(rig.directory / "made.txt", rig.inbox("made.txt"));
  REQUIRE(rig.link->step_until_idle() == PAXECT_PLUGIN_OK);
  CHECK(rig.host.monotonic_ns() == before);
  CHECK(rig.delivered() == Names{"made"});
}

// What the relay reports when it does not start; "" when it does.
std::string refusal(LinkRig& rig) {
  rig.link = std::make_unique<PluginDriver>(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), rig.host);
  const paxect_plugin_status status = rig.link->init();
  CHECK((status == PAXECT_PLUGIN_OK || status == PAXECT_PLUGIN_CONFIG));
  return status == PAXECT_PLUGIN_OK ? "" : rig.link->error();
}

TEST_CASE("A directory that two settings lead to by symbolic links is refused") {
  LinkRig rig;
  std::filesystem::create_directory_symlink(rig.directory / "inbox", rig.directory / "link");
  SECTION("the inbox as outbox") { rig.host.set("outbox", rig.directory / "link"); }
  SECTION("a folder of the inbox as outbox") {
    rig.host.set("recursive", "true");
    rig.host.set("outbox", rig.directory / "link/out");
  }
  SECTION("the outbox as quarantine") {
    std::filesystem::create_directory(rig.directory / "outbox");
    std::filesystem::create_directory_symlink(rig.directory / "outbox", rig.directory / "bad");
    rig.host.set("quarantine", rig.directory / "bad");
  }
  SECTION("the log in the inbox") { rig.host.set("log", rig.directory / "link/log.jsonl"); }
  CHECK(refusal(rig).find("box") != std::string::npos);
}

TEST_CASE("A setting for a file of the relay that leads to anything else is refused") {
  LinkRig rig;
  const char* key = GENERATE("log", "lock", "policy", "manifest", "metrics_file");
  const std::string path = GENERATE("/dev/null", "/dev");
  rig.host.set(key, path);
  const std::string fault = refusal(rig);
  INFO(key << " " << path);
  CHECK(fault.find(std::string(key) + " = '" + path + "'") != std::string::npos);
  CHECK(fault.find(" file") != std::string::npos);
}

}  // namespace
}  // namespace paxect::test

// The relay as a whole, through the plugin's ABI.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/digest.h"
#include "link/link_rig.h"
#include "support/catch.h"
#include "support/process.h"

namespace paxect::test {
namespace {

std::string sidecar_for(const std::string& container) { return link::sha256_hex(container) + "\n"; }

TEST_CASE("A plain file in the inbox comes out identical and leaves the inbox empty") {
  LinkRig rig;
  std::string data = text(3'000'000);
  rig.put("example.txt", data);
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.delivered() == Names{"example"});
  CHECK(read_file(rig.outbox("example")) == data);
  CHECK(list(rig.inbox()).empty());
  auto encoded = rig.events("encode");
  auto decoded = rig.events("decode");
  REQUIRE(encoded.size() == 1);
  REQUIRE(decoded.size() == 1);
  CHECK(encoded[0].source == rig.inbox("example.txt"));
  CHECK(encoded[0].target == rig.inbox("example.freq"));
  CHECK(decoded[0].target == rig.outbox("example"));
  CHECK(decoded[0].message == "sha256=" + link::sha256_hex(data));
  CHECK(rig.log().front().event == "startup");
  CHECK(rig.log().back().event == "shutdown");
}

TEST_CASE("An empty file is a file") {
  LinkRig rig;
  rig.put("nothing.txt", "");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.outbox("nothing")).empty());
  CHECK(list(rig.inbox()).empty());
}

TEST_CASE("names = full keeps the whole name") {
  LinkRig rig;
  rig.host.set("names", "full");
  rig.put("a.txt", "one");
  rig.put("a.csv", "two");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.delivered() == Names{"a.csv", "a.txt"});
}

TEST_CASE("Send mode makes a container and its sidecar, receive mode takes them") {
  std::string data = noise(100'000);
  LinkRig sender;
  sender.host.set("mode", "send");
  sender.put("report.csv", data);
  CHECK(sender.run_once() == PAXECT_PLUGIN_OK);
  CHECK(sender.delivered() == Names{"report.freq", "report.freq.sha256"});
  CHECK(list(sender.inbox()).empty());
  std::string container = read_file(sender.outbox("report.freq"));
  CHECK(read_file(sender.outbox("report.freq.sha256")) == sidecar_for(container));

  LinkRig receiver;
  receiver.host.set("mode", "receive");
  receiver.put("report.freq", container);
  receiver.put("report.freq.sha256", link::sha256_hex(container) + "  report.freq\n");
  CHECK(receiver.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(receiver.outbox("report")) == data);
  CHECK(list(receiver.inbox()).empty());
}

TEST_CASE("Send mode passes a good container on unchanged, and no other") {
  std::string container = container_of(text(50'000));
  LinkRig rig;
  rig.host.set("mode", "send");
  rig.put("good.freq", container);
  std::string bad = container;
  bad[bad.size() / 2] = static_cast<char>(bad[bad.size() / 2] ^ 1);
  rig.put("bad.freq", bad);
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.delivered() == Names{"good.freq", "good.freq.sha256"});
  CHECK(read_file(rig.outbox("good.freq")) == container);
  CHECK(read_file(rig.outbox("good.freq.sha256")) == sidecar_for(container));
}

TEST_CASE("Receive mode blocks what is no container") {
  LinkRig rig;
  rig.host.set("mode", "receive");
  rig.put("plain.txt", "plain");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.delivered().empty());
  REQUIRE(rig.events("policy_block").size() == 1);
  CHECK(rig.events("policy_block")[0].message == "disallowed_suffix:.txt");
}

TEST_CASE("A relay encodes as its settings say, and by default as paxect-core does") {
  const std::string data = text(300'000);
  for (const std::vector<std::string>& options :
       std::vector<std::vector<std::string>>{{},
                                             {"--level", "1"},
                                             {"--level", "19", "--frame", "65536"},
                                             {"--channels", "3"},
                                             {"--channels", "auto"},
                                             {"--protect", "6"},
                                             {"--protect", "50", "--frame", "65536"}}) {
    LinkRig rig;
    rig.host.set("mode", "send");
    std::vector<std::string> encode = {PAXECT_TEST_BIN "/paxect-core", "encode"};
    encode.insert(encode.end(), options.begin(), options.end());
    for (std::size_t i = 0; i + 1 < options.size(); i += 2)
      rig.host.set(options[i].substr(2), options[i + 1]);
    rig.put("a.txt", data);
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(read_file(rig.outbox("a.freq")) == run({.argv = encode, .input = data}).output);
  }
}

TEST_CASE("Each block is logged once, not at every poll, and again when the file changes") {
  LinkRig rig;
  rig.put("virus.exe", "MZ");
  rig.start();
  rig.settle();
  for (int i = 0; i < 5; ++i) {
    rig.host.advance_ns(2'000'000'000);
    rig.settle();
  }
  REQUIRE(rig.events("policy_block").size() == 1);
  CHECK(rig.events("policy_block")[0].message == "disallowed_suffix:.exe");
  CHECK(rig.events("policy_block")[0].status == "blocked");
  CHECK(rig.host.logged("policy_block virus.exe disallowed_suffix:.exe", PAXECT_LOG_WARN));
  rig.put("virus.exe", "MZ2");
  rig.host.advance_ns(2'000'000'000);
  rig.settle();
  CHECK(rig.events("policy_block").size() == 2);
  CHECK(rig.waiting() == Names{"virus.exe"});
}

TEST_CASE("Files too large are blocked, containers also by what they promise") {
  LinkRig rig;
  rig.write_policy("\"max_file_mb\": 0.001");
  rig.put("big.txt", std::string(2000, 'x'));
  rig.put("bomb.freq", container_of(std::string(1'000'000, 'x')));
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  auto blocks = rig.events("policy_block");
  REQUIRE(blocks.size() == 2);
  CHECK(blocks[0].message + " " + blocks[1].message == "file_too_large:2000B file_too_large:1000000B");
  CHECK(rig.delivered().empty());
}

TEST_CASE("A node has the name that its settings give it, in the policy's eyes and in its manifest") {
  LinkRig rig;
  write_file(rig.policy(), "{\"trusted_nodes\": [\"north\"], \"allowed_suffixes\": [\"txt\", \"freq\"]}");
  rig.put("a.txt", "a");
  rig.host.set("node", "north");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.directory / "link_manifest.json").find("\"node\": \"north\"") != std::string::npos);
}

TEST_CASE("A node that is not trusted relays nothing") {
  LinkRig rig;
  write_file(rig.policy(), "{\"trusted_nodes\": [\"somebody-else\"], \"allowed_suffixes\": [\"txt\"]}");
  rig.put("a.txt", "a");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  REQUIRE(rig.events("policy_block").size() == 1);
  CHECK(rig.events("policy_block")[0].message.starts_with("untrusted_node:"));
}

TEST_CASE("A policy that is a link to nothing is waited for, not replaced by the default") {
  LinkRig rig;
  std::filesystem::remove(rig.policy());
  std::filesystem::create_symlink(rig.directory / "elsewhere.json", rig.policy());
  PluginDriver relay(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), rig.host);
  CHECK(relay.init() == PAXECT_PLUGIN_CONFIG);
  CHECK(relay.error().find(rig.policy() + " is a symbolic link to nothing") == 0);
  CHECK(std::filesystem::is_symlink(rig.policy()));
}

TEST_CASE("A missing policy is written with defaults that let a first run work") {
  LinkRig rig;
  rig.put("a.txt", "a");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  std::string written = read_file(rig.policy());
  CHECK(written.find("\"localhost\"") != std::string::npos);
  CHECK(written.find("\".aead\"") != std::string::npos);
  rig.put("b.txt", "b");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.policy()) == written);
}

TEST_CASE("An outbox that leads to the inbox stops the start") {
  LinkRig rig;
  std::filesystem::remove_all(rig.outbox());
  PluginDriver link(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), rig.host);
  REQUIRE(link.init() == PAXECT_PLUGIN_OK);
  // After the settings were checked.
  std::filesystem::create_directory_symlink(rig.inbox(), rig.directory / "outbox");
  CHECK(link.start() == PAXECT_PLUGIN_CONFIG);
  CHECK(link.error().find("are one directory") != std::string::npos);
}

TEST_CASE("A broken policy stops the start with file, line and reason") {
  LinkRig rig;
  write_file(rig.policy(), "{\n  \"auto_delete\": maybe\n}\n");
  PluginDriver link(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), rig.host);
  CHECK(link.init() == PAXECT_PLUGIN_CONFIG);
  CHECK(link.error().starts_with(rig.policy() + ":2:"));
  CHECK_FALSE(exists(rig.outbox()));
}

TEST_CASE("An unknown setting is refused with the nearest known one") {
  LinkRig rig;
  rig.host.set("setle_ms", "5");
  PluginDriver link(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), rig.host);
  CHECK(link.init() == PAXECT_PLUGIN_CONFIG);
  CHECK(link.error().find("'setle_ms'") != std::string::npos);
  CHECK(link.error().find("did you mean 'settle_ms'?") != std::string::npos);
}

TEST_CASE("Names are bytes: spaces, quotes, newlines and invalid UTF-8 all arrive and are logged escaped") {
  LinkRig rig;
  Names names = {
      "with space.txt", "new\nline.txt",   "quote\"'.txt", "\xff\xfe latin.txt", "snow \xe2\x98\x83.txt",
      "-rf.txt",        "back\\slash.txt", "%41.txt",      "tab\t.txt"};
  for (const std::string& name : names) rig.put(name, "contents of " + name);
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  for (const std::string& name : names) {
    INFO(name);
    CHECK(read_file(rig.outbox(name.substr(0, name.size() - 4))) == "contents of " + name);
  }
  CHECK(rig.delivered().size() == names.size());
  CHECK(rig.events("decode").size() == names.size());
  CHECK(read_file(rig.log_path()).find("\\\\xff\\\\xfe latin.txt") != std::string::npos);
}

TEST_CASE("A container whose name leaves no room for that of a sidecar is delivered like any other") {
  LinkRig rig;
  std::string stem(250, 'x');
  rig.put(stem + ".freq", container_of("long"));
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.outbox(stem)) == "long");
  CHECK(rig.waiting().empty());
}

TEST_CASE("A file with several names is delivered once under each") {
  LinkRig rig;
  rig.put("a.txt", "one file");
  for (const char* name : {"b.txt", "c.txt"})
    std::filesystem::create_hard_link(rig.inbox("a.txt"), rig.inbox(name));
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.waiting().empty());
  CHECK(rig.delivered() == Names{"a", "b", "c"});
  CHECK(rig.events("encode").size() == 3);
  CHECK(rig.events("duplicate").empty());
}

TEST_CASE("Dot files, unfinished files, links, directories and FIFOs are never taken") {
  LinkRig rig;
  rig.put(".hidden.txt", "h");
  rig.put("copying.txt.part", "p");
  rig.put("copying.tmp", "t");
  std::filesystem::create_directory(rig.inbox("folder.txt"));
  write_file(rig.directory / "secret.txt", "secret");
  std::filesystem::create_symlink(rig.directory / "secret.txt", rig.inbox("link.txt"));
  REQUIRE(mkfifo(rig.inbox("fifo.txt").c_str(), 0600) == 0);
  rig.start();
  rig.settle();
  rig.host.advance_ns(2'000'000'000);
  rig.settle();
  CHECK(rig.delivered().empty());
  CHECK(list(rig.inbox()).size() == 6);
  CHECK(rig.events("path_outside_inbox").size() == 1);
  CHECK(rig.events("skipped").size() == 1);
}

TEST_CASE("A folder that is not looked into is told, and a run with --once is not complete") {
  LinkRig rig;
  rig.host.set("recursive", "true");
  std::string folder;
  for (int depth = 0; depth < 65; ++depth) folder += "d/";
  std::filesystem::create_directories(rig.inbox(folder));
  rig.put("d/a.txt", "a");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(read_file(rig.outbox("d/a")) == "a");
  CHECK(rig.events("skipped").size() == 1);
}

TEST_CASE("A folder that is the place of another relay is left to that one") {
  LinkRig rig;
  rig.host.set("recursive", "true");
  std::filesystem::create_directories(rig.inbox("other/below"));
  write_file(rig.inbox("other/.paxect-place"), std::string(32, 'a') + "\n");
  rig.put("other/a.txt", "a");
  rig.put("other/below/b.txt", "b");
  rig.put("c.txt", "c");
  rig.run_once();
  CHECK(rig.delivered() == Names{"c"});
  REQUIRE(rig.events("skipped").size() == 1);
  CHECK(rig.events("skipped")[0].message.find("place of another relay") != std::string::npos);
}

TEST_CASE("recursive keeps relative folders") {
  LinkRig rig;
  rig.host.set("recursive", "true");
  std::filesystem::create_directories(rig.inbox("a/b c"));
  rig.put("a/one.txt", "1");
  rig.put("a/b c/two.txt", "2");
  rig.put("three.txt", "3");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.outbox("a/one")) == "1");
  CHECK(read_file(rig.outbox("a/b c/two")) == "2");
  CHECK(read_file(rig.outbox("three")) == "3");
}

TEST_CASE("The folder of lists and receipts is never taken, also with recursive") {
  LinkRig rig;
  rig.host.set("recursive", "true");
  std::filesystem::create_directories(rig.inbox("paxect.proof"));
  std::filesystem::create_directories(rig.inbox("a/paxect.proof"));
  rig.put("paxect.proof/one.txt", "1");
  rig.put("a/paxect.proof/two.txt", "2");
  rig.put("three.txt", "3");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.delivered() == Names{"three"});
  CHECK(read_file(rig.inbox("paxect.proof/one.txt")) == "1");
  CHECK(read_file(rig.inbox("a/paxect.proof/two.txt")) == "2");
}

TEST_CASE("A damaged container gives no output and harms no other file") {
  std::string container = container_of(text(20'000));
  LinkRig rig;
  container[100] = static_cast<char>(container[100] ^ 0x40);
  rig.put("bad.freq", container);
  rig.put("good.txt", "good");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.delivered() == Names{"good"});
  CHECK(rig.events("decode_error").size() == 1);
}

TEST_CASE("A container whose sidecar does not match is a checksum mismatch, even if it would decode") {
  std::string container = container_of("fine");
  LinkRig rig;
  rig.put("a.freq", container);
  rig.put("a.freq.sha256", std::string(64, '0') + "\n");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.delivered().empty());
  REQUIRE(rig.events("checksum_mismatch").size() == 1);
  CHECK(rig.host.logged("checksum_mismatch a.freq sidecar sha256 mismatch"));
}

TEST_CASE("A container and its sidecar can have their suffixes in any case") {
  const std::string container = container_of("in capitals");
  const std::string digest = link::sha256_hex(container);
  for (const char* mode : {"relay", "receive"}) {
    LinkRig rig;
    rig.host.set("mode", mode);
    rig.put("REPORT.FREQ", container);
    rig.put("REPORT.FREQ.SHA256", digest + " *REPORT.FREQ\r\n");
    rig.put("b.Freq", container);
    rig.put("b.Freq.sha256", digest + "\n");
    rig.put("bad.FREQ", container);
    rig.put("bad.FREQ.Sha256", std::string(64, '0') + "\n");
    CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
    CHECK(rig.delivered() == Names{"REPORT", "b"});
    CHECK(read_file(rig.outbox("REPORT")) == "in capitals");
    CHECK(rig.events("encode").empty());
    CHECK(rig.events("checksum_mismatch").size() == 1);
    CHECK(rig.waiting().empty());
    CHECK(list(rig.inbox(".quarantine")) == Names{"bad.FREQ", "bad.FREQ.reason.json", "bad.FREQ.sha256"});
  }
}

TEST_CASE("A sidecar that cannot be read is reported as unreadable, not as a mismatch") {
  LinkRig rig;
  const std::string container = container_of("fine");
  rig.put("a.freq", container);
  rig.put("a.freq.sha256", "MD5 (a.freq) = 900150983cd24fb0d6963f7d28e17f72\n");
  rig.put("b.freq", container);
  rig.put("b.freq.sha256", "");
  std::filesystem::create_directory(rig.inbox("c.freq.sha256"));
  rig.put("c.freq", container);
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.delivered().empty());
  CHECK(rig.events("checksum_mismatch").empty());
  CHECK(rig.events("sidecar_unreadable").size() == 3);
  CHECK(rig.host.logged("sidecar_unreadable a.freq sidecar has no SHA-256 that can be read: write it with"));
  CHECK(rig.host.logged("sidecar_unreadable c.freq sidecar is not a regular file"));
}

TEST_CASE("Where the policy allows no containers, mode relay leaves plain files as they are") {
  LinkRig rig;
  rig.host.set("node", "n1");
  write_file(rig.policy(), R"({"trusted_nodes": ["n1"], "allowed_suffixes": [".txt"]})");
  rig.put("a.txt", "not swallowed");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.waiting() == Names{"a.txt"});
  CHECK(read_file(rig.inbox("a.txt")) == "not swallowed");
  REQUIRE(rig.events("policy_block").size() == 1);
  CHECK(rig.events("policy_block")[0].message == "disallowed_suffix:.freq");
  CHECK(rig.host.logged("mode relay delivers nothing without containers: add \".freq\" to allowed_suffixes"));
}

TEST_CASE("A name that is taken is never overwritten") {
  LinkRig rig;
  std::filesystem::create_directories(rig.outbox());
  write_file(rig.outbox("a"), "was here before");
  rig.put("a.txt", "new");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(rig.outbox("a")) == "was here before");
  CHECK(read_file(rig.outbox("a." + link::sha256_hex("new").substr(0, 8))) == "new");
  CHECK(rig.events("name_conflict").size() == 1);
}

TEST_CASE("The same content under the same name is a duplicate") {
  LinkRig rig;
  std::filesystem::create_directories(rig.outbox());
  write_file(rig.outbox("a"), "same");
  rig.put("a.txt", "same");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.delivered() == Names{"a"});
  CHECK(rig.events("duplicate").size() == 1);
  CHECK(rig.waiting().empty());
}

TEST_CASE(
    "A duplicate gets the sidecar that it lacks, and another name beside the sidecar of another container") {
  for (const bool is_other : {false, true}) {
    LinkRig rig;
    rig.host.set("mode", "send");
    rig.put("a.txt", "same");
    REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
    const std::string sidecar = sidecar_for(read_file(rig.outbox("a.freq")));
    const std::string other = std::string(64, '0') + "\n";
    std::filesystem::remove(rig.outbox("a.freq.sha256"));
    if (is_other) write_file(rig.outbox("a.freq.sha256"), other);
    rig.put("a.txt", "same");
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(rig.waiting().empty());
    CHECK(read_file(rig.outbox("a.freq.sha256")) == (is_other ? other : sidecar));
    const std::string apart = "a." + link::sha256_hex("same").substr(0, 8) + ".freq";
    CHECK(rig.delivered() == (is_other ? Names{apart, apart + ".sha256", "a.freq", "a.freq.sha256"}
                                       : Names{"a.freq", "a.freq.sha256"}));
    if (is_other) CHECK(read_file(rig.outbox(apart + ".sha256")) == sidecar);
  }
}

TEST_CASE("Two sources of one container name both arrive") {
  for (const char* mode : {"relay", "send"}) {
    LinkRig rig;
    rig.host.set("mode", mode);
    rig.put("a.txt", "text");
    rig.put("a.csv", "table");
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(rig.waiting().empty());
    CHECK(rig.delivered().size() == (mode == std::string("relay") ? 2 : 4));
  }
}

TEST_CASE("Without auto_delete the sources stay and are not delivered again, also after a restart") {
  LinkRig rig;
  rig.write_policy("\"auto_delete\": false");
  rig.put("a.txt", "keep");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.waiting() == Names{"a.freq", "a.freq.sha256", "a.txt"});
  std::filesystem::remove(rig.outbox("a"));
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.delivered().empty());
  CHECK(rig.events("decode").size() == 1);
  rig.put("a.txt", "changed, so a new file");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(rig.events("encode").size() == 2);
}

TEST_CASE("A torn last line of the log is closed off") {
  LinkRig rig;
  write_file(rig.log_path(), "{\"datetime_utc\": \"2026-01-0");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  std::string log = read_file(rig.log_path());
  CHECK(log.starts_with("{\"datetime_utc\": \"2026-01-0\n{"));
}

TEST_CASE("A stop request ends the work and the lock is given back") {
  LinkRig rig;
  rig.put("a.txt", "a");
  rig.start();
  CHECK(exists(rig.lock()));
  rig.host.request_stop();
  REQUIRE(rig.link->step() == PAXECT_PLUGIN_OK);
  rig.stop();
  CHECK_FALSE(exists(rig.lock()));
  CHECK(rig.log().back().event == "shutdown");
  CHECK(rig.waiting() == Names{"a.txt"});
}

TEST_CASE("A container that is forwarded within a step gives a sign of life at each of its blocks") {
  LinkRig rig;
  rig.host.set("mode", "send");
  const std::string container = container_of(noise(std::size_t{7} << 20));
  rig.put("large.freq", container);
  rig.start();
  const std::uint64_t before = rig.host.looks_for_stop();
  rig.settle();
  CHECK(rig.delivered() == Names{"large.freq", "large.freq.sha256"});
  CHECK(rig.host.looks_for_stop() - before > container.size() / (std::size_t{256} << 10));
}

}  // namespace
}  // namespace paxect::test

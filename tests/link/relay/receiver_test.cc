// What a receiver does with the containers of its senders, by their lists: which ones pass, and what it
// reports of the others.
#include <unistd.h>

#include <filesystem>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "link/commands/command_rig.h"
#include "link/receiver_rig.h"
#include "link/sent_lists.h"
#include "support/catch.h"
#include "support/emulation.h"
#include "support/files.h"

namespace paxect::test {
namespace {

TEST_CASE("A container that a list of a pinned sender names is delivered, and no other") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  rig.put("forged.freq", container("forged"));
  rig.list();
  rig.start();
  rig.settle();
  CHECK(rig.delivered() == Names{"a"});
  CHECK(rig.content("a") == "data of a");
  CHECK(rig.waiting() == std::vector<std::string>{"forged.freq", "paxect.proof"});
  CHECK(rig.only_message("unlisted") == "unlisted: no list that was verified names this container");
  const LogEntry entry = rig.events("decode")[0];
  CHECK(entry.line.find("\"sender\": \"north\"") != std::string::npos);
  CHECK(entry.line.find("\"entry\": 1") != std::string::npos);
  CHECK(entry.line.find("\"list\": \"" + rig.north.stream() + " 1\"") != std::string::npos);
  CHECK(rig.only_message("list_verified") == "list 1 of north, of the entries 1-1");
  const std::string reason = command_json(rig.host, {"explain", rig.inbox("a.freq")})["reason"].GetString();
  INFO(reason);
  CHECK(reason.ends_with(", sent by north, by list " + rig.north.stream() + " 1"));
}

TEST_CASE("A container that comes before its list waits for it") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  rig.start();
  rig.settle();
  CHECK(rig.delivered().empty());
  rig.list();
  rig.settle(5 * kSecond);
  CHECK(rig.content("a") == "data of a");
  CHECK(rig.events("unlisted").size() == 1);
  CHECK(rig.quarantined().empty());
}

TEST_CASE("A container that no list names in time is quarantined") {
  ReceiverRig rig;
  rig.host.set("late_after", "60");
  rig.put("forged.freq", container("forged"));
  rig.north.within = 100;
  rig.list();
  rig.start();
  rig.settle();
  rig.settle(158 * kSecond);
  CHECK(rig.quarantined().empty());
  rig.settle(10 * kSecond);
  CHECK(rig.quarantined() == std::vector<std::string>{"forged.freq"});
  CHECK(rig.delivered().empty());
}

TEST_CASE("A container is delivered once for each entry that names it") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  rig.start();
  rig.settle();
  std::filesystem::remove(rig.outbox("a"));
  SECTION("replayed while the relay runs") {}
  SECTION("replayed after a restart") {
    rig.stop();
    rig.start();
  }
  rig.send_again("b.freq", "data of a");
  rig.settle(5 * kSecond);
  CHECK(rig.delivered().empty());
  CHECK(rig.only_message("replayed") ==
        "replayed: entry 1 of north, which names this container, is used up: it was delivered before");
  rig.settle(700 * kSecond);
  CHECK(rig.delivered().empty());
  CHECK(rig.quarantined() == std::vector<std::string>{"b.freq"});
  // The sender sends the same once more: that is another entry.
  rig.send("a.freq", "data of a");
  rig.list();
  rig.settle(5 * kSecond);
  CHECK(rig.content("a") == "data of a");
}

TEST_CASE("Two copies of a container in one batch are delivered once") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  rig.send_again("copy.freq", "data of a");
  rig.list();
  rig.start();
  rig.settle();
  rig.settle(700 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
  CHECK(rig.quarantined().size() == 1);
}

TEST_CASE("A copy that waits as replayed is delivered where the first delivery could not be completed") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  rig.send_again("copy.freq", "data of a");
  rig.list();
  // Every name for the product is taken, so its delivery is taken back after it has used the entry.
  Names taken = {"a"};
  for (const std::size_t digits : link::kConflictDigits)
    taken.push_back(link::conflict_of("a", link::sha256_hex("data of a"), digits));
  std::filesystem::create_directories(rig.outbox());
  for (const std::string& name : taken) write_file(rig.outbox(name), "other data");
  rig.start();
  rig.settle();
  REQUIRE(rig.events("replayed").size() == 1);
  const bool is_copy = rig.events("replayed")[0].source == rig.inbox("copy.freq");
  std::filesystem::remove(rig.inbox(is_copy ? "a.freq" : "copy.freq"));
  for (const std::string& name : taken) std::filesystem::remove(rig.outbox(name));
  rig.settle(700 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
  CHECK(rig.quarantined().empty());
}

TEST_CASE("The name in the list wins over the one under which a container came") {
  ReceiverRig rig;
  for (const std::string name : {"a.freq", "sub/b.freq", "c.freq"}) rig.north.send(name, container(name));
  rig.put("c.freq", container("a.freq"));  // a and c are swapped
  rig.put("a.freq", container("c.freq"));
  rig.put("x.freq", container("sub/b.freq"));
  rig.list();
  rig.start();
  rig.settle();
  CHECK(rig.content("a") == "a.freq");
  CHECK(rig.content("c") == "c.freq");
  CHECK(rig.content("sub/b") == "sub/b.freq");
  CHECK(rig.waiting() == std::vector<std::string>{"paxect.proof"});
}

TEST_CASE("A sender that sends no list in time is reported once, until the next one") {
  ReceiverRig rig;
  rig.north.within = 100;
  rig.list();
  rig.start();
  rig.settle();
  rig.settle(99 * kSecond);
  CHECK(rig.events("silent").empty());
  rig.settle(20 * kSecond);
  rig.settle(200 * kSecond);
  CHECK(rig.only_message("silent") ==
        "no list of north after list 1 of north, which promised one within 100 s");
  rig.list();
  rig.settle(10 * kSecond);
  rig.settle(120 * kSecond);
  CHECK(rig.events("silent").size() == 2);
}

TEST_CASE("With proof = check everything is delivered, and what has no proof is reported") {
  ReceiverRig rig;
  rig.host.set("proof", "check");
  rig.send("a.freq", "data of a");
  rig.put("forged.freq", container("forged"));
  rig.list();
  rig.start();
  rig.settle();
  CHECK(rig.delivered() == Names{"a", "forged"});
  CHECK(rig.events("unlisted").size() == 1);
  rig.send_again("again.freq", "data of a");
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a", "again", "forged"});
  CHECK(rig.events("replayed").size() == 1);
}

TEST_CASE("With proof = check an entry is used up by a container that came before its list") {
  ReceiverRig rig;
  rig.host.set("proof", "check");
  rig.send("a.freq", "data of a");
  rig.start();
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
  SECTION("while it runs") {}
  SECTION("after a restart") {
    rig.stop();
    rig.start();
    rig.settle(5 * kSecond);
  }
  SECTION("after a restart with proof = require") {
    rig.stop();
    rig.host.set("proof", "require");
    rig.start();
    rig.settle(5 * kSecond);
  }
  rig.list();
  rig.settle(5 * kSecond);
  CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
  // Once: the same content that is listed again is another container.
  rig.north.send("b.freq", container("data of a"));
  rig.list();
  rig.settle(5 * kSecond);
  CHECK_FALSE(command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE)["complete"].GetBool());
}

TEST_CASE("With proof = check nothing that becomes of lists holds up a container, and it is reported") {
  ReceiverRig rig;
  rig.host.set("proof", "check");
  rig.host.set("max_jump", "3");
  rig.send("a.freq", "data of a");
  link::List list = rig.north.next_list();
  rig.north.write(list, rig.inbox());
  rig.start();
  rig.settle(5 * kSecond);
  REQUIRE(rig.delivered() == Names{"a"});
  std::size_t unlisted = 1;
  SECTION("a fork") {
    list.head.made += 1;
    rig.north.write(list, rig.inbox());
    rig.settle(5 * kSecond);
    CHECK(rig.events("forked").size() == 1);
  }
  SECTION("a revoked key") {
    std::filesystem::rename(rig.peers() + "/north.pub", rig.peers() + "/north.pub.revoked");
  }
  SECTION("keys that are away") { std::filesystem::rename(rig.peers(), rig.directory / "aside"); }
  SECTION("a list that jumps too far") {
    list = rig.north.next_list();
    list.head.number = 50;
    rig.north.write(list, rig.inbox());
    rig.settle(5 * kSecond);
    CHECK(command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE)["lists"][0]["state"] == "jumped");
    unlisted = 0;  // the one that comes next does not
  }
  rig.settle(5 * kSecond);
  rig.north.send("b.freq", container("data of b"));
  rig.list();
  rig.settle(5 * kSecond);
  rig.put("b.freq", container("data of b"));
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b"});
  CHECK(rig.events("unlisted").size() == unlisted);
}

TEST_CASE("Without a pinned key, and with proof = off, lists are not read") {
  ReceiverRig rig;
  SECTION("no key") { std::filesystem::remove_all(rig.peers()); }
  SECTION("off") { rig.host.set("proof", "off"); }
  rig.put("a.freq", container("data of a"));
  rig.list();
  rig.start();
  rig.settle();
  CHECK(rig.delivered() == Names{"a"});
  CHECK(rig.events("list_verified").empty());
}

TEST_CASE("A folder of keys that is away lets nothing pass, and nothing is given up because of it") {
  ReceiverRig rig;
  rig.start();
  rig.settle();
  std::filesystem::rename(rig.peers(), rig.directory / "away");
  SECTION("while the relay runs") {}
  SECTION("at a start") {
    rig.stop();
    rig.start();
  }
  rig.send("a.freq", "data of a");
  rig.put("other.freq", container("listed by nobody"));
  rig.list();
  rig.settle(10 * kSecond);
  rig.settle(2000 * kSecond);
  CHECK(rig.delivered().empty());
  CHECK(rig.quarantined().empty());
  const CommandResult status = command(rig.host, {"status"});
  CHECK(status.output.find("no key is pinned in ") != std::string::npos);
  std::filesystem::rename(rig.directory / "away", rig.peers());
  rig.settle(10 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
  rig.settle(3000 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
  CHECK(rig.quarantined() == std::vector<std::string>{"other.freq"});
}

TEST_CASE("To revoke the only key lets nothing pass") {
  ReceiverRig rig;
  rig.start();
  rig.settle();
  std::filesystem::rename(rig.peers() + "/north.pub", rig.peers() + "/north.pub.revoked");
  rig.send("a.freq", "data of a");
  rig.list();
  rig.settle(5 * kSecond);
  CHECK(rig.delivered().empty());
}

TEST_CASE("A key that is revoked under a relay is good for what was verified before, and for nothing more") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  rig.north.send("b.freq", container("data of b"));
  rig.list();
  rig.start();
  rig.settle(5 * kSecond);
  REQUIRE(rig.delivered() == Names{"a"});
  REQUIRE(command(rig.host, {"key", "revoke", "north", rig.peers() + "/north.pub"}).status ==
          PAXECT_PLUGIN_OK);
  // No further list is to be expected of it.
  rig.settle(2000 * kSecond);
  CHECK(rig.events("silent").empty());
  rig.put("b.freq", container("data of b"));
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b"});
  rig.send("c.freq", "data of c");
  rig.list();
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b"});
  CHECK(rig.only_message("list_refused").find("revoked") != std::string::npos);
  // Another key of the node names it.
  ProofSender next("north");
  next.pin(rig.peers(), "north.1.pub");
  next.continues = link::Continued{rig.north.stream(), 1};
  next.send("c.freq", container("data of c"));
  next.write_next(rig.inbox());
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b", "c"});
}

TEST_CASE("Settings of proof that cannot work are refused with the remedy") {
  ReceiverRig rig;
  std::string expected;
  bool is_at_start = false;
  SECTION("require without keys") {
    std::filesystem::remove_all(rig.peers());
    rig.host.set("proof", "require");
    expected = "paxect link key pin NAME FILE";
  }
  SECTION("a key that every user can write") {
    std::filesystem::permissions(rig.peers() + "/north.pub", std::filesystem::perms(0666));
    expected = "north.pub: every user can write it, and so pin a key: chmod go-w it";
  }
  SECTION("a folder of keys that every user can write") {
    std::filesystem::permissions(rig.peers(), std::filesystem::perms(01777));
    expected = "peers: every user can write it, and so pin a key: chmod go-w it";
  }
  SECTION("a key that its group can write") {
    std::filesystem::permissions(rig.peers() + "/north.pub", std::filesystem::perms(0664));
    expected = "north.pub: its group can write it, and so pin a key: chmod go-w it";
  }
  SECTION("a folder of keys that its group can write") {
    std::filesystem::permissions(rig.peers(), std::filesystem::perms(0775));
    expected = "peers: its group can write it, and so pin a key: chmod go-w it";
  }
  SECTION("a link to a key in a folder that its group can write") {
    const std::string shared = rig.directory / "shared";
    std::filesystem::create_directory(shared);
    std::filesystem::permissions(shared, std::filesystem::perms(0775));
    std::filesystem::rename(rig.peers() + "/north.pub", shared + "/north.pub");
    std::filesystem::create_symlink(shared + "/north.pub", rig.peers() + "/north.pub");
    expected = "shared: its group can write it, and so pin a key: chmod go-w it";
  }
  SECTION("a key of another user") {
    if (geteuid() != 0) return skip("only root can give a file to another user");
    REQUIRE(chown((rig.peers() + "/north.pub").c_str(), 65534, 65534) == 0);
    expected = "north.pub: its owner, user 65534, can write it, and so pin a key: chown root it";
  }
  SECTION("a folder of keys of another user") {
    if (geteuid() != 0) return skip("only root can give a file to another user");
    REQUIRE(chown(rig.peers().c_str(), 65534, 65534) == 0);
    expected = "peers: its owner, user 65534, can write it, and so pin a key: chown root it";
    // It may be that of the user of the relay, which has not started yet: a check cannot know it.
    is_at_start = true;
  }
  SECTION("a key in relay mode") {
    make_sign_key(rig.directory / "own");
    rig.host.set("sign_key", "file:" + (rig.directory / "own"));
    rig.host.set("mode", "relay");
    expected = "mode relay makes no lists and no receipts: set mode to send or receive, or leave it out";
  }
  SECTION("relay mode") {
    rig.host.set("mode", "relay");
    rig.host.set("proof", "check");
    expected = "mode relay reads no lists: set mode = receive here";
  }
  PluginDriver link(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), rig.host);
  CHECK(link.init() == (is_at_start ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_CONFIG));
  if (is_at_start) CHECK(link.start() == PAXECT_PLUGIN_CONFIG);
  INFO(link.error());
  CHECK(link.error().find(expected) != std::string::npos);
}

TEST_CASE("A key that every user can write from now on verifies nothing more") {
  ReceiverRig rig;
  rig.start();
  rig.settle();
  std::filesystem::permissions(rig.peers() + "/north.pub", std::filesystem::perms(0666));
  rig.settle(3 * kSecond);
  CHECK(rig.host.logged("north.pub: every user can write it"));
  rig.send("a.freq", "data of a");
  rig.list();
  rig.settle(5 * kSecond);
  CHECK(rig.delivered().empty());
  std::filesystem::permissions(rig.peers() + "/north.pub", std::filesystem::perms(0644));
  rig.settle(10 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
}

TEST_CASE("A container that is damaged beyond repair leaves its entry open") {
  ReceiverRig rig;
  rig.north.send("a.freq", container("data of a"));
  rig.list();
  std::string bytes = container("data of a");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  rig.put("a.freq", bytes);
  rig.start();
  rig.settle(5 * kSecond);
  CHECK(rig.delivered().empty());
  CHECK(rig.quarantined() == std::vector<std::string>{"a.freq"});
  rig.put("a.freq", container("data of a"));
  rig.settle(5 * kSecond);
  CHECK(rig.content("a") == "data of a");
}

}  // namespace
}  // namespace paxect::test

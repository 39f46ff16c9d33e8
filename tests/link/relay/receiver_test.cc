// What a receiver does with the lists of its senders: which containers pass, and what it reports of the
// others.
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "base/clock.h"
#include "link/commands/command_rig.h"
#include "link/link_rig.h"
#include "link/proof_sender.h"
#include "proof/receipt.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

using link::kSecond;

// The containers of some data, each made once.
const std::string& container(const std::string& data) {
  static std::map<std::string, std::string> made;
  auto found = made.find(data);
  if (found == made.end()) found = made.emplace(data, container_of(data)).first;
  return found->second;
}

struct ReceiverRig : LinkRig {
  ReceiverRig() {
    host.set("mode", "receive");
    host.set("node", "south");
    host.set("peers", peers());
    north.pin(peers());
  }
  std::string peers() const { return directory / "peers"; }
  std::string lists() const { return inbox("paxect.proof"); }
  // A container of this data arrives, and is listed later.
  void send(const std::string& name, const std::string& data) {
    north.send(name, container(data));
    put(name, container(data));
  }
  // A copy of a container that comes again.
  void send_again(const std::string& name, const std::string& data) { put(name, container(data)); }
  void list() { north.write_next(inbox()); }
  std::string content(const std::string& name) const {
    return exists(outbox(name)) ? read_file(outbox(name)) : "";
  }
  std::vector<std::string> quarantined() const {
    std::vector<std::string> found;
    if (!exists(inbox(".quarantine"))) return found;
    for (const std::string& name : test::list(inbox(".quarantine")))
      if (!name.ends_with(".reason.json")) found.push_back(name);
    return found;
  }
  std::string only_message(const std::string& event) const {
    const std::vector<LogEntry> found = events(event);
    REQUIRE(found.size() == 1);
    return found[0].message;
  }

  ProofSender north;
};

}  // namespace

TEST_CASE("A folder of keys that is away lets nothing pass and sends nothing to the quarantine") {
  ReceiverRig rig;
  const bool is_restarted = GENERATE(false, true);
  rig.put("other.freq", container("nobody's"));
  auto begin = [&] {
    rig.start();
    rig.settle();
  };
  begin();
  REQUIRE(rig.delivered().empty());
  if (is_restarted) rig.stop();
  std::filesystem::rename(rig.peers(), rig.peers() + ".away");
  if (is_restarted) begin();
  rig.settle(3'000 * kSecond);
  CHECK(rig.delivered().empty());
  CHECK(rig.quarantined().empty());
  CHECK(rig.host.logged("no key is pinned in " + rig.peers() + ", and there was one"));
  std::filesystem::rename(rig.peers() + ".away", rig.peers());
  rig.settle(3'000 * kSecond);
  CHECK(rig.delivered().empty());
  CHECK(rig.quarantined() == Names{"other.freq"});
}

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

TEST_CASE("A list that cannot be verified changes nothing and is reported once") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  link::List list = rig.north.next_list();
  const std::string name = rig.north.name_of(list);
  std::string expected;
  SECTION("a changed byte") {
    const std::string path = rig.north.write(list, rig.inbox());
    std::string text = read_file(path);
    text[text.find("first 1") + 6] = '2';
    write_file(path, text);
    expected = "list 1 of north: ";
  }
  SECTION("another key") {
    ProofSender::write_text(link::list_text(list), name, rig.inbox(), link::SigningKey::generate());
    expected = "list 1 of north: ";
  }
  SECTION("a revoked key") {
    std::filesystem::rename(rig.peers() + "/north.pub", rig.peers() + "/north.pub.revoked");
    rig.north.write(list, rig.inbox());
    expected = "list 1 of north: the key ";
  }
  SECTION("no signature") {
    const std::string path = rig.north.write(list, rig.inbox());
    std::filesystem::remove(path + ".minisig");
    expected = "list 1 of north: its signature ";
  }
  SECTION("another name") {
    const std::string other = link::list_of("north", rig.north.stream(), 2);
    ProofSender::write_text(link::list_text(list), other, rig.inbox(), rig.north.key());
    expected = "list 2 of north: it says that it is list 1 ";
  }
  SECTION("a sender whose key is not pinned") {
    ProofSender west("west");
    west.send("a.freq", container("data of a"));
    west.write_next(rig.inbox());
    expected = "list 1 of west: no key of west is pinned";
  }
  SECTION("an entry that is no container") {
    list.entries[0].name = "a.txt";
    rig.north.write(list, rig.inbox());
    expected = "list 1 of north: an entry is no name of a container";
  }
  rig.start();
  rig.settle(10 * kSecond);
  CHECK(rig.delivered().empty());
  INFO(rig.only_message("list_refused"));
  CHECK(rig.only_message("list_refused").starts_with(expected));
  CHECK(rig.events("list_verified").empty());
  // It is whole now.
  if (!exists(rig.peers() + "/north.pub")) rig.north.pin(rig.peers());
  list.entries[0].name = "a.freq";
  rig.north.write(list, rig.inbox());
  rig.settle(10 * kSecond);
  CHECK(rig.content("a") == "data of a");
}

TEST_CASE("A list for others opens nothing here") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  rig.north.to = {"east", "west"};
  rig.list();
  rig.start();
  rig.settle(5 * kSecond);
  CHECK(rig.delivered().empty());
  CHECK(rig.only_message("list_ignored") == "list 1 of north is for east, and this node is south");
  rig.north.to = {"east", "south"};
  rig.north.send("a.freq", container("data of a"));
  rig.list();
  rig.settle(5 * kSecond);
  CHECK(rig.content("a") == "data of a");
}

TEST_CASE("Lists that come out of order let their containers pass at once") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  const link::List first = rig.north.next_list();
  rig.send("b.freq", "data of b");
  rig.list();
  rig.start();
  rig.settle(10 * kSecond);
  CHECK(rig.delivered() == Names{"b"});
  CHECK(rig.only_message("missing") == "1 containers of north are missing, the first is entry 1");
  rig.north.write(first, rig.inbox());
  rig.settle(10 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b"});
  CHECK(rig.events("complete").size() == 1);
}

TEST_CASE("Two texts for one number end a stream with an alarm") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  link::List list = rig.north.next_list();
  rig.north.write(list, rig.inbox());
  rig.start();
  rig.settle();
  CHECK(rig.delivered() == Names{"a"});
  list.head.made += 1;
  rig.north.write(list, rig.inbox());
  rig.settle(5 * kSecond);
  REQUIRE(rig.events("forked").size() == 1);
  CHECK(rig.events("forked")[0].level == "error");
  rig.send("b.freq", "data of b");
  rig.list();
  SECTION("") {}
  SECTION("also after a restart") {
    rig.stop();
    rig.start();
  }
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
}

TEST_CASE("A list that jumps too far waits for the operator") {
  ReceiverRig rig;
  rig.host.set("max_jump", "3");
  for (int i = 0; i < 5; ++i) std::ignore = rig.north.next_list();
  rig.send("a.freq", "data of a");
  rig.list();
  rig.start();
  rig.settle(5 * kSecond);
  CHECK(rig.delivered().empty());
  CHECK(rig.only_message("jumped").starts_with("list 6 of north: list 6 follows list 0: more than 3 are"));
  rig.stop();
  rig.host.set("max_jump", "5");
  rig.start();
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
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
}

TEST_CASE("A list that came too early is read again when those before it are here") {
  ReceiverRig rig;
  rig.host.set("max_jump", "2");
  std::vector<link::List> lists;
  for (int i = 1; i <= 6; ++i) {
    rig.send("f" + std::to_string(i) + ".freq", "data of " + std::to_string(i));
    lists.push_back(rig.north.next_list());
  }
  rig.north.write(lists[4], rig.inbox());
  rig.north.write(lists[5], rig.inbox());
  rig.start();
  rig.settle(5 * kSecond);
  CHECK(rig.delivered().empty());
  CHECK(rig.events("jumped").size() == 2);
  for (int i = 0; i < 4; ++i) rig.north.write(lists[static_cast<std::size_t>(i)], rig.inbox());
  rig.settle(10 * kSecond);
  CHECK(rig.delivered().size() == 6);
  CHECK(rig.events("jumped").size() == 2);
}

TEST_CASE("Names of lists that nobody signed hold up no list, and none is given up while lists are unread") {
  ReceiverRig rig;
  rig.list();
  rig.start();
  rig.settle();
  for (int i = 0; i < 1500; ++i)
    write_file(
        rig.lists() + "/" + link::list_of("north", "00000000000000ab", static_cast<std::uint64_t>(i) + 1),
        "");
  rig.send("a.freq", "data of a");
  rig.list();
  rig.settle(20 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
}

TEST_CASE("Lists that cannot be read quarantine nothing") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  const link::List list = rig.north.next_list();
  std::filesystem::create_directories(rig.inbox());
  write_file(rig.inbox("paxect.proof"), "no folder");
  rig.start();
  rig.settle(5 * kSecond);
  rig.settle(2000 * kSecond);
  CHECK(rig.quarantined().empty());
  std::filesystem::remove(rig.inbox("paxect.proof"));
  rig.north.write(list, rig.inbox());
  rig.settle(10 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
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

TEST_CASE("Settings of proof that cannot work are refused with the remedy") {
  ReceiverRig rig;
  std::string expected;
  SECTION("require without keys") {
    std::filesystem::remove_all(rig.peers());
    rig.host.set("proof", "require");
    expected = "paxect link key pin NAME FILE";
  }
  SECTION("a key that every user can write") {
    std::filesystem::permissions(rig.peers() + "/north.pub", std::filesystem::perms(0666));
    expected = "north.pub: every user can write it, and so pin a key: chmod o-w it";
  }
  SECTION("a folder of keys that every user can write") {
    std::filesystem::permissions(rig.peers(), std::filesystem::perms(01777));
    expected = "peers: every user can write it, and so pin a key: chmod o-w it";
  }
  SECTION("relay mode") {
    rig.host.set("mode", "relay");
    rig.host.set("proof", "check");
    expected = "mode relay reads no lists: set mode = receive here";
  }
  PluginDriver link(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), rig.host);
  CHECK(link.init() == PAXECT_PLUGIN_CONFIG);
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

// ---- receipts, and what is missing -----------------------------------------------------------------------

namespace {

// The receipts in the folder of the lists, or in another one, by number; each is verified by the key.
std::map<std::uint64_t, link::Receipt> receipts_of(const ReceiverRig& rig, const link::SigningKey& key,
                                                   const std::string& folder) {
  std::map<std::uint64_t, link::Receipt> found;
  if (!exists(folder)) return found;
  for (const std::string& name : test::list(folder)) {
    if (!name.ends_with(".receipt")) continue;
    const std::string text = read_file(folder + "/" + name);
    const std::string signature = read_file(folder + "/" + name + ".minisig");
    REQUIRE(link::verify_file(text, signature, name, {key.public_key()}).ok());
    link::Receipt receipt;
    REQUIRE(link::parse_receipt(text, &receipt).ok());
    CHECK(name == link::receipt_of("south", receipt.head.stream, receipt.head.number));
    CHECK(receipt.about == rig.north.stream());
    CHECK(receipt.head.to == std::vector<std::string>{"north"});
    found[receipt.head.number] = receipt;
  }
  return found;
}

struct SigningRig : ReceiverRig {
  SigningRig() {
    link::Wiped text;
    key.write(&text);
    write_file(directory / "south.key", text.text);
    std::filesystem::permissions(directory / "south.key", std::filesystem::perms(0600));
    host.set("sign_key", "file:" + (directory / "south.key"));
  }
  std::map<std::uint64_t, link::Receipt> receipts() const { return receipts_of(*this, key, lists()); }
  link::SigningKey key = link::SigningKey::generate();
};

}  // namespace

TEST_CASE("A receipt says what became of each entry, and follows the one before") {
  SigningRig rig;
  rig.host.set("late_after", "1000");
  rig.send("a.freq", "data of a");
  rig.north.send("b.freq", container("data of b"));
  rig.list();
  rig.start();
  rig.settle(10 * kSecond);
  auto receipts = rig.receipts();
  REQUIRE_FALSE(receipts.empty());
  using Outcomes = std::vector<link::OutcomeRange>;
  CHECK(receipts.rbegin()->second.outcomes ==
        Outcomes{{link::Outcome::kDelivered, 1, 1}, {link::Outcome::kExpected, 2, 2}});
  CHECK(receipts.rbegin()->second.list == 1);
  const std::size_t before = receipts.size();
  SECTION("") {}
  SECTION("over a restart") {
    rig.stop();
    rig.start();
  }
  rig.put("b.freq", container("data of b"));
  rig.settle(10 * kSecond);
  receipts = rig.receipts();
  CHECK(receipts.size() > before);
  CHECK(receipts.rbegin()->second.outcomes == Outcomes{{link::Outcome::kDelivered, 1, 2}});
  std::string previous;
  for (std::uint64_t number = 1; number <= receipts.size(); ++number) {
    REQUIRE(receipts.contains(number));
    CHECK(receipts[number].head.previous == previous);
    previous = link::sha256_hex(link::receipt_text(receipts[number]));
  }
  // Nothing new: no further receipt.
  rig.settle(60 * kSecond);
  CHECK(rig.receipts().size() == receipts.size());
  for (const LogEntry& entry : rig.log()) CHECK(fits_schema("link_plugin", "log", entry.line));
}

TEST_CASE("A damaged container that is repaired uses up the entry of the undamaged one, once") {
  const std::string data = noise(400'000, 11);
  LinkRig sender;
  sender.host.set("mode", "send");
  sender.host.set("protect", "10");
  sender.put("a.txt", data);
  REQUIRE(sender.run_once() == PAXECT_PLUGIN_OK);
  const std::string whole = read_file(sender.outbox("a.freq"));
  std::string damaged = whole;
  damaged.replace(200'000, 20'000, std::string(20'000, '\0'));
  SigningRig rig;
  rig.north.send("a.freq", whole);
  const bool has_sidecar = GENERATE(false, true);
  const bool is_list_late = GENERATE(false, true);
  INFO("sidecar " << has_sidecar << ", list after the container " << is_list_late);
  if (!is_list_late) rig.list();
  if (has_sidecar) rig.put("other.freq.sha256", link::sha256_hex(whole) + "  other.freq\n");
  rig.put("other.freq", damaged);
  rig.start();
  rig.settle(5 * kSecond);
  if (is_list_late) {
    REQUIRE(rig.delivered().empty());
    rig.list();
    rig.settle(5 * kSecond);
  }
  CHECK(rig.delivered() == Names{"a"});
  CHECK(rig.content("a") == data);
  CHECK(rig.events("repaired").size() == 1);
  REQUIRE(rig.events("decode").size() == 1);
  CHECK(rig.events("decode")[0].line.find("\"entry\": 1") != std::string::npos);
  using Outcomes = std::vector<link::OutcomeRange>;
  REQUIRE_FALSE(rig.receipts().empty());
  CHECK(rig.receipts().rbegin()->second.outcomes == Outcomes{{link::Outcome::kDelivered, 1, 1}});
  // Neither the damaged container nor the undamaged one is delivered again.
  rig.stop();
  std::filesystem::remove(rig.outbox("a"));
  rig.put("damaged.freq", damaged);
  rig.put("whole.freq", whole);
  rig.start();
  rig.settle(10 * kSecond);
  CHECK(rig.delivered().empty());
  CHECK(rig.events("decode").size() == 1);
  CHECK(rig.events("replayed").size() == 2);
  CHECK(rig.receipts().rbegin()->second.outcomes == Outcomes{{link::Outcome::kDelivered, 1, 1}});
}

TEST_CASE("A run with --once ends with a receipt, if anything has changed") {
  SigningRig rig;
  for (const char* name : {"a", "b"}) {
    rig.send(std::string(name) + ".freq", std::string("data of ") + name);
    rig.list();
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
    const auto receipts = rig.receipts();
    REQUIRE_FALSE(receipts.empty());
    const std::uint64_t last = name[0] == 'a' ? 1 : 2;
    CHECK(receipts.rbegin()->second.outcomes ==
          std::vector<link::OutcomeRange>{{link::Outcome::kDelivered, 1, last}});
    CHECK(receipts.size() == last);
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(rig.receipts().size() == last);
  }
}

TEST_CASE("A receiver that ends writes the receipt of what it delivered last") {
  SigningRig rig;
  rig.start();
  rig.settle(5 * kSecond);
  rig.send("a.freq", "data of a");
  rig.list();
  for (int i = 0; i < 5 && rig.delivered().empty(); ++i) rig.settle(kSecond);
  REQUIRE(rig.delivered() == Names{"a"});
  rig.stop();
  CHECK(rig.receipts().rbegin()->second.outcomes ==
        std::vector<link::OutcomeRange>{{link::Outcome::kDelivered, 1, 1}});
}

TEST_CASE("A journal that may not know all receipts begins another stream of them") {
  SigningRig rig;
  const std::string journal = link::journal_of(rig.lock());
  const auto deliver = [&](const std::string& name) {
    rig.send(name + ".freq", "data of " + name);
    rig.list();
    std::ignore = rig.run_once();
  };
  deliver("a");
  const std::string old_journal = read_file(journal);
  const std::string old_log = read_file(rig.log_path());
  deliver("b");
  std::string before = rig.receipts().rbegin()->second.head.stream;
  std::map<std::string, std::string> texts;  // of the receipts so far
  for (const std::string& name : test::list(rig.lists()))
    if (name.find(".receipt") != std::string::npos) texts[name] = read_file(rig.lists() + "/" + name);
  SECTION("its journal was put back, its receipts are there") { write_file(journal, old_journal); }
  SECTION("its journal was put back, and its receipts were carried away") {
    write_file(journal, old_journal);
    for (const auto& [name, text] : texts) std::filesystem::remove(rig.lists() + "/" + name);
  }
  SECTION("journal and log were put back") {
    write_file(journal, old_journal);
    write_file(rig.log_path(), old_log);
  }
  SECTION("another file has the name of the next receipt") {
    write_file(rig.lists() + "/" + link::receipt_of("south", before, 3), "junk");
    std::filesystem::create_directory(rig.lists() + "/" + link::receipt_of("south", before, 4));
  }
  SECTION("another file has the name of its signature") {
    write_file(rig.lists() + "/" + link::receipt_of("south", before, 3) + ".minisig", "junk");
  }
  deliver("c");
  deliver("d");
  std::set<std::string> streams;
  std::optional<link::Receipt> last;
  for (const std::string& name : test::list(rig.lists())) {
    if (!name.ends_with(".receipt") || std::filesystem::is_directory(rig.lists() + "/" + name)) continue;
    const std::string text = read_file(rig.lists() + "/" + name);
    if (text == "junk") continue;
    if (texts.contains(name)) CHECK(texts[name] == text);
    link::Receipt receipt;
    REQUIRE(link::parse_receipt(text, &receipt).ok());
    streams.insert(receipt.head.stream);
    if (receipt.head.stream != before && (!last || receipt.head.number > last->head.number)) last = receipt;
  }
  streams.insert(before);
  CHECK(streams.size() == 2);
  REQUIRE(last);
  const auto& outcomes = last->outcomes;
  CHECK(std::any_of(outcomes.begin(), outcomes.end(), [](const link::OutcomeRange& range) {
    return range.outcome == link::Outcome::kDelivered && range.first <= 4 && 4 <= range.last;
  }));
}

TEST_CASE("After damage to any line of the journal receipts are valid and what is listed is delivered") {
  static constexpr std::size_t kLines = 40;
  std::size_t damaged = 0;
  for (std::size_t line = 0; line < kLines; ++line) {
    SigningRig rig;
    for (const char* name : {"a", "b"}) rig.send(std::string(name) + ".freq", std::string("data of ") + name);
    rig.list();
    rig.send("late.freq", "late");
    std::filesystem::remove(rig.inbox("late.freq"));
    rig.list();
    std::ignore = rig.run_once();
    REQUIRE(rig.delivered() == Names{"a", "b"});
    const std::string journal = link::journal_of(rig.lock());
    std::string text = read_file(journal);
    std::size_t begin = 0;
    for (std::size_t i = 0; i < line && begin != std::string::npos; ++i) {
      begin = text.find('\n', begin);
      if (begin != std::string::npos) ++begin;
    }
    if (begin == std::string::npos || begin + 8 >= text.size()) break;
    ++damaged;
    text[begin + 7] = text[begin + 7] == '9' ? '8' : '9';
    write_file(journal, text);
    CAPTURE(line);
    std::ignore = rig.run_once();
    std::ignore = rig.run_once();
    rig.put("late.freq", container("late"));
    std::ignore = rig.run_once();
    std::ignore = rig.run_once();
    CHECK(rig.content("late") == "late");
    std::optional<link::Receipt> newest;
    for (const std::string& name : test::list(rig.lists())) {
      if (!name.ends_with(".receipt")) continue;
      link::Receipt receipt;
      const link::Status status = link::parse_receipt(read_file(rig.lists() + "/" + name), &receipt);
      INFO(name << " " << status.message);
      REQUIRE(status.ok());
      if (!newest || receipt.head.number >= newest->head.number) newest = receipt;
    }
    CHECK(test::list(rig.lists()).size() <= 4 + 2 * 5);
  }
  CHECK(damaged > 5);
}

TEST_CASE("`explain` at a receiver says by which receipt the sender learns of a delivery") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  rig.start();
  rig.settle(10 * kSecond);
  const std::size_t first = rig.receipts().size();
  rig.send("b.freq", "data of b");
  rig.list();
  rig.settle(10 * kSecond);
  const auto explained = [&](const std::string& name) {
    json::Document said = command_json(rig.host, {"explain", rig.inbox(name)});
    CHECK(said["list"]["sender"] == "north");
    REQUIRE(said["receipts"].Size() == 1);
    CHECK(said["receipts"][0]["node"] == "south");
    return said["receipts"][0]["receipt"].IsNull() ? 0 : said["receipts"][0]["receipt"].GetUint64();
  };
  CHECK(explained("a.freq") == 1);
  CHECK(explained("b.freq") > first);
  CHECK(command(rig.host, {"explain", rig.inbox("b.freq")}).output.find("entry 2, in list 2 of north") !=
        std::string::npos);
  json::Document status = command_json(rig.host, {"status"});
  CHECK(status["sent"].IsNull());
  CHECK(status["proof"]["forked"].GetInt() == 0);
  CHECK(status["proof"]["missing"].GetInt() == 0);
  // Whoever takes receipts along takes the answer along.
  for (const std::string& name : test::list(rig.lists()))
    if (name.find(".receipt") != std::string::npos) std::filesystem::remove(rig.lists() + "/" + name);
  CHECK(explained("a.freq") == 0);
}

TEST_CASE("Receipts go to the folder of the setting, and a receiver without a key makes none") {
  SigningRig rig;
  const std::string folder = rig.directory / "receipts";
  rig.host.set("receipts", folder);
  const bool has_key = GENERATE(true, false);
  if (!has_key) rig.host.set("sign_key", "");
  rig.send("a.freq", "data of a");
  rig.list();
  rig.start();
  rig.settle(10 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
  CHECK(receipts_of(rig, rig.key, folder).empty() != has_key);
  CHECK(rig.receipts().empty());
}

TEST_CASE("`missing` lists what is listed and not here, and the numbers of lists that never came") {
  SigningRig rig;
  rig.host.set("late_after", "100");
  rig.send("a.freq", "data of a");
  rig.list();
  rig.north.send("lost.freq", container("lost"));
  std::ignore = rig.north.next_list();
  rig.north.send("late.freq", container("late"));
  rig.list();
  rig.start();
  rig.settle(5 * kSecond);
  json::Document said = command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK_FALSE(said["complete"].GetBool());
  const auto& stream = said["streams"][0];
  CHECK(stream["sender"] == "north");
  CHECK(stream["missing"].GetInt() == 1);
  CHECK(stream["expected"].GetInt() == 1);
  REQUIRE(stream["entries"].Size() == 2);
  CHECK(stream["entries"][0]["first"].GetInt() == 2);
  CHECK(stream["entries"][0]["name"] == "");
  CHECK(stream["entries"][1]["name"] == "late.freq");
  CHECK(stream["entries"][1]["state"] == "expected");
  rig.settle(100 * kSecond);
  const CommandResult text = command(rig.host, {"missing", "--request", rig.directory / "request"});
  CHECK(text.status == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(text.output.find("2 missing, 0 expected") != std::string::npos);
  CHECK(text.output.find("late.freq") != std::string::npos);
  const std::string request = read_file(rig.directory / "request");
  CHECK(link::verify_file(request, read_file(rig.directory / "request.minisig"), "request",
                          {rig.key.public_key()})
            .ok());
  link::Receipt receipt;
  REQUIRE(link::parse_receipt(request, &receipt).ok());
  using Outcomes = std::vector<link::OutcomeRange>;
  CHECK(receipt.outcomes == Outcomes{{link::Outcome::kDelivered, 1, 1}, {link::Outcome::kMissing, 2, 3}});
}

TEST_CASE("`missing` reports a fork, lists that are not taken and a sender that is silent") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  rig.host.set("max_jump", "5");
  rig.start();
  rig.settle(5 * kSecond);
  REQUIRE(command_json(rig.host, {"missing"})["complete"].GetBool());
  std::string state;
  std::string wanted;
  link::List list = rig.north.next_list();
  SECTION("forked") {
    rig.north.write(list, rig.inbox());
    rig.settle(5 * kSecond);
    list.head.made += 1;
    state = "forked";
    wanted = "forked: nothing more is delivered";
  }
  SECTION("jumped") {
    list.head.number = 50;
    state = "jumped";
    wanted = "list jumped";
  }
  SECTION("refused") {
    state = "refused";
    wanted = "list refused";
  }
  SECTION("not read yet") {
    rig.stop();
    state = "waiting";
    wanted = "no relay has read it yet";
  }
  SECTION("silent") {
    rig.host.set_realtime_ns(rig.host.realtime_ns() + 700 * static_cast<std::int64_t>(kSecond));
    wanted = "; silent";
  }
  if (!state.empty()) {
    const std::string path = rig.north.write(list, rig.inbox());
    if (state == "refused") write_file(path + ".minisig", "no signature");
    if (rig.link) rig.settle(5 * kSecond);
  }
  const json::Document said = command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK_FALSE(said["complete"].GetBool());
  REQUIRE(said["lists"].Size() == (state.empty() ? 0 : 1));
  if (!state.empty()) CHECK(said["lists"][0]["state"].GetString() == state);
  const CommandResult text = command(rig.host, {"missing"});
  CHECK(text.status == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(text.output.find(wanted) != std::string::npos);
  CHECK(text.output.find("nothing is missing") == std::string::npos);
}

TEST_CASE("`missing` reports what was refused, and a request asks for it") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  std::string bytes = container("data of a");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  rig.put("a.freq", bytes);
  rig.list();
  rig.start();
  rig.settle(5 * kSecond);
  REQUIRE(rig.quarantined() == Names{"a.freq"});
  const json::Document said = command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
  const auto& stream = said["streams"][0];
  // Its digest is not the listed one, so it says nothing of the entry; one that is listed and refused does.
  CHECK(stream["missing"].GetInt() + stream["refused"].GetInt() == 1);
  CHECK(command(rig.host, {"missing", "--request", rig.directory / "request"}).status ==
        PAXECT_PLUGIN_INCOMPLETE);
  link::Receipt receipt;
  REQUIRE(link::parse_receipt(read_file(rig.directory / "request"), &receipt).ok());
  CHECK(receipt.outcomes == std::vector<link::OutcomeRange>{{link::Outcome::kMissing, 1, 1}});
}

TEST_CASE("`missing` ends with success when all is here") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  rig.start();
  rig.settle(5 * kSecond);
  CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
}

TEST_CASE(
    "`peers` shows the last list of each sender, since when it is silent, and the state of its streams") {
  ReceiverRig rig;
  CHECK(command(rig.host, {"peers"}).output.find("no list was verified yet") != std::string::npos);
  rig.north.within = 100;
  rig.send("a.freq", "data of a");
  rig.list();
  rig.north.send("late.freq", container("late"));
  link::List list = rig.north.next_list();
  rig.north.write(list, rig.inbox());
  rig.start();
  rig.settle(5 * kSecond);
  const auto stream = [&] {
    json::Document said = command_json(rig.host, {"peers"});
    REQUIRE(said["streams"].Size() == 1);
    json::Document one;
    one.CopyFrom(said["streams"][0], one.GetAllocator());
    return one;
  };
  json::Document said = stream();
  CHECK(said["sender"] == "north");
  CHECK(said["stream"].GetString() == rig.north.stream());
  CHECK(said["key"].GetString() == link::key_id_text(rig.north.key().public_key().id));
  CHECK(said["state"] == "live");
  CHECK(said["last_list"].GetInt() == 2);
  CHECK(said["silent_since"].IsNull());
  CHECK(said["delivered"].GetInt() == 1);
  CHECK(said["missing"].GetInt() == 1);
  // The clock of the machine says when the next one is overdue: a command does not know the relay's.
  const std::int64_t heard = rig.host.realtime_ns() / static_cast<std::int64_t>(kSecond);
  rig.host.set_realtime_ns(rig.host.realtime_ns() + 90 * static_cast<std::int64_t>(kSecond));
  CHECK(stream()["silent_since"].IsNull());
  rig.host.set_realtime_ns(rig.host.realtime_ns() + 20 * static_cast<std::int64_t>(kSecond));
  said = stream();
  REQUIRE(said["silent_since"].IsString());
  const std::string since = said["silent_since"].GetString();
  CHECK(since <= link::utc_text((heard + 100) * static_cast<std::int64_t>(kSecond)));
  CHECK(since >= link::utc_text((heard + 94) * static_cast<std::int64_t>(kSecond)));
  CHECK(command(rig.host, {"peers"}).output.find("live, list 2 of ") != std::string::npos);
  CHECK(command(rig.host, {"peers"}).output.find(", silent since " + since) != std::string::npos);
  std::string state = "revoked";
  SECTION("a revoked key") {
    std::filesystem::rename(rig.peers() + "/north.pub", rig.peers() + "/north.pub.revoked");
  }
  SECTION("a fork") {
    list.head.made += 1;
    rig.north.write(list, rig.inbox());
    rig.settle(5 * kSecond);
    state = "forked";
  }
  said = stream();
  CHECK(said["state"].GetString() == state);
  CHECK(said["silent_since"].IsNull());
}

}  // namespace paxect::test

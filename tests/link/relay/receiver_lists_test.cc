// Which lists of its senders a receiver takes, and what it reports of the others.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/relay_paths.h"
#include "link/receiver_rig.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/read_fault.h"

namespace paxect::test {
namespace {

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
  std::filesystem::remove(rig.peers() + "/north.pub.revoked");
  if (!exists(rig.peers() + "/north.pub")) rig.north.pin(rig.peers());
  list.entries[0].name = "a.freq";
  rig.north.write(list, rig.inbox());
  rig.settle(10 * kSecond);
  CHECK(rig.content("a") == "data of a");
}

TEST_CASE("Lists that cannot be verified or read keep no other list from being read") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  // More than one scan reads, and in front of the real one.
  constexpr int kJunk = 1200;
  std::filesystem::create_directories(rig.lists());
  const bool is_pinned = GENERATE(false, true);
  INFO(is_pinned);
  std::string unreadable;
  for (int i = 0; i < kJunk; ++i) {
    const std::string digits = std::to_string(1000 + i);
    const std::string name = link::list_of(is_pinned ? "north" : "a" + digits, "000000000000" + digits, 77);
    write_file(rig.lists() + "/" + name, "junk");
    write_file(rig.lists() + "/" + link::signature_of(name), "junk");
    unreadable = is_pinned ? ".77.list.minisig" : ".77.list";
  }
  rig.list();
  const Unreadable junk(unreadable);
  rig.start();
  rig.settle(20 * kSecond);
  CHECK(rig.content("a") == "data of a");
  // Of a node without a key nothing is read, and it is reported up to a number of them.
  if (!is_pinned) CHECK(failed_reads == 0);
  if (!is_pinned) CHECK(rig.events("list_refused").size() <= 1000);
  if (!is_pinned) CHECK_FALSE(rig.events("list_refused").empty());
}

TEST_CASE("What is no regular file under the name of a list, a signature or a receipt holds up nothing") {
  SigningRig rig;
  const std::string kind = GENERATE(as<std::string>(), "fifo", "link", "device", "folder", "dangling");
  INFO(kind);
  std::filesystem::create_directories(rig.lists());
  const auto put = [&](const std::string& path, const std::string& target) {
    if (kind == "fifo") REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    if (kind == "link") std::filesystem::create_symlink(target, path);
    if (kind == "device") std::filesystem::create_symlink("/dev/zero", path);
    if (kind == "folder") std::filesystem::create_directory(path);
    if (kind == "dangling") std::filesystem::create_symlink(rig.directory / "nothing", path);
  };
  // The first list in a file elsewhere, the signature of the second one, and names of receipts.
  for (const std::string name : {"a.freq", "b.freq", "c.freq"}) {
    rig.send(name, "data of " + name);
    const std::string path = rig.north.write(rig.north.next_list(), rig.inbox());
    const std::string away = name == "a.freq" ? path : link::signature_of(path);
    if (name == "c.freq") continue;
    std::filesystem::rename(away, rig.directory / ("moved " + name));
    put(away, rig.directory / ("moved " + name));
  }
  const std::string receipt = rig.lists() + "/" + link::receipt_of("south", "00000000000000ab", 1);
  put(receipt, rig.directory / "moved a.freq");
  rig.start();
  rig.settle(10 * kSecond);
  CHECK(rig.delivered() == Names{"c"});
  std::filesystem::remove(receipt);
  CHECK_FALSE(rig.receipts().empty());
  // Where they are files again everything goes on.
  for (const std::string name : {"a.freq", "b.freq"}) {
    const std::string moved = rig.directory / ("moved " + name);
    for (const auto& entry : std::filesystem::directory_iterator(rig.lists()))
      if (entry.symlink_status().type() != std::filesystem::file_type::regular &&
          (entry.path().string().ends_with(".1.list") == (name == "a.freq")) &&
          entry.path().string().find("south") == std::string::npos) {
        std::filesystem::remove(entry.path());
        std::filesystem::rename(moved, entry.path());
        break;
      }
  }
  rig.settle(20 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b", "c"});
}

TEST_CASE("The text of a list whose signature cannot count is not read") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  const std::string junk = link::list_of("north", rig.north.stream(), 77);
  const std::string path = rig.lists() + "/" + junk;
  write_file(path, std::string(1 << 20, 'x'));
  const std::string signature = GENERATE("none", "damaged", "another key", "another name");
  INFO(signature);
  if (signature == "damaged") write_file(link::signature_of(path), "damaged");
  if (signature == "another key")
    write_file(link::signature_of(path), link::sign_file(link::SigningKey::generate(), "text", junk));
  if (signature == "another name")
    write_file(link::signature_of(path), link::sign_file(rig.north.key(), "text", "other"));
  rig.start();
  {
    const Unreadable unreadable(".77.list");
    rig.settle(20 * kSecond);
    CHECK(failed_reads == 0);
  }
  CHECK(rig.only_message("list_refused").starts_with("list 77 of north: "));
  CHECK(rig.delivered() == Names{"a"});
}

TEST_CASE("A list of a node whose key is pinned later is read then, however many there are") {
  ReceiverRig rig;
  ProofSender west("west");
  constexpr std::size_t kMany = 1100;
  for (std::size_t i = 0; i < kMany; ++i) west.write_next(rig.inbox());
  west.send("a.freq", container("data of a"));
  rig.put("a.freq", container("data of a"));
  west.write_next(rig.inbox());
  rig.start();
  rig.settle(20 * kSecond);
  CHECK(rig.delivered().empty());
  west.pin(rig.peers());
  rig.settle(20 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
  CHECK(rig.events("list_verified").size() == kMany + 1);
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

TEST_CASE("A list that jumped is reported once, whatever comes of the lists before it") {
  ReceiverRig rig;
  rig.host.set("max_jump", "2");
  std::vector<link::List> lists;
  for (int i = 1; i <= 9; ++i) {
    rig.send("f" + std::to_string(i) + ".freq", "data of " + std::to_string(i));
    lists.push_back(rig.north.next_list());
  }
  rig.north.write(lists[8], rig.inbox());
  rig.start();
  rig.settle(5 * kSecond);
  REQUIRE(rig.events("jumped").size() == 1);
  for (std::size_t i = 0; i < 5; ++i) {
    rig.north.write(lists[i], rig.inbox());
    rig.settle(5 * kSecond);
    if (i == 2) {
      rig.stop();
      rig.start();
      rig.settle(5 * kSecond);
    }
    CHECK(rig.delivered().size() == i + 1);
    CHECK(rig.events("jumped").size() == 1);
  }
  // Another limit is news.
  rig.stop();
  rig.host.set("max_jump", "1");
  rig.start();
  rig.settle(5 * kSecond);
  CHECK(rig.events("jumped").size() == 2);
  rig.stop();
  rig.host.set("max_jump", "3");
  rig.start();
  rig.settle(5 * kSecond);
  CHECK(rig.delivered().size() == 6);
  CHECK(rig.events("jumped").size() == 2);
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

TEST_CASE("A list that waits for room is reported once, whatever is delivered in the meantime") {
  ReceiverRig rig;
  for (const std::string name : {"a.freq", "b.freq"}) rig.north.send(name, container(name));
  rig.list();
  // More than there is room for, by the length of their names.
  for (int i = 0; i < 66; ++i) {
    for (int entry = 0; entry < 256; ++entry) {
      std::string name = "/" + std::to_string(i) + "." + std::to_string(entry) + ".freq";
      name.insert(0, std::string(4095 - name.size(), 'x'));
      for (std::size_t at = 200; at <= 4000; at += 200) name[at] = '/';
      rig.north.send(name, "nothing that comes");
    }
    rig.list();
  }
  rig.start();
  rig.settle(10 * kSecond);
  CHECK(rig.only_message("deferred").starts_with("list 66 of north: there is no room for list 66: 16386 "));
  for (const std::string name : {"a.freq", "b.freq"}) {
    rig.put(name, container(name));
    rig.settle(10 * kSecond);
    CHECK(exists(rig.outbox(name.substr(0, 1))));
    CHECK(rig.events("deferred").size() == 1);
  }
  // One of which nothing is there any more leaves the report to the next one.
  std::filesystem::remove(rig.lists() + "/" + link::list_of("north", rig.north.stream(), 66));
  rig.settle(10 * kSecond);
  REQUIRE(rig.events("deferred").size() == 2);
  CHECK(rig.events("deferred")[1].message.starts_with("list 67 of north: "));
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

}  // namespace
}  // namespace paxect::test

// Sources that stay, of which the container is listed again: for other receivers, for another source of it,
// or by another key.
#include <filesystem>

#include "link/commands/command_rig.h"
#include "link/receipt_rig.h"
#include "relay/kept_sources.h"
#include "support/catch.h"

namespace paxect::test {

TEST_CASE("A source waits for the receivers of its list, and is listed again where none of them is left") {
  ReceiptRig rig;
  const link::SigningKey west = link::SigningKey::generate();
  write_file(rig.directory / "peers/west.pub", link::public_key_text(west.public_key()));
  rig.host.set("to", "south west");
  rig.send("a.txt");
  rig.host.set("to", "south");
  rig.write({{Outcome::kDelivered, 1, 1}});
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.txt"});
  rig.host.set("to", "east");
  rig.run_once();
  rig.lists.read(rig.outbox());
  REQUIRE(rig.lists.texts().size() == 2);
  CHECK(rig.lists.lists().back().head.to == std::vector<std::string>{"east"});
  std::vector<link::ListEntry> again = rig.lists.lists().front().entries;
  REQUIRE(again.size() == 1);
  again[0].again = link::EarlierEntry{rig.lists.lists().front().head.stream, 1};
  CHECK(rig.lists.lists().back().entries == again);
  CHECK(rig.events("relist").size() == 1);
  rig.run_once();
  rig.lists.read(rig.outbox());
  CHECK(rig.lists.texts().size() == 2);
  CHECK(rig.waiting() == Names{"a.txt"});
}

TEST_CASE(
    "A source that is put in again is listed for receivers that its list is not for, and waits for them") {
  ReceiptRig rig;
  const link::SigningKey west = link::SigningKey::generate();
  write_file(rig.directory / "peers/west.pub", link::public_key_text(west.public_key()));
  rig.send("a.txt");
  const link::EarlierEntry first{rig.lists.lists().front().head.stream, 1};
  const bool is_taken = GENERATE(false, true);
  INFO(is_taken);
  if (is_taken)
    for (const char* name : {"a.freq", "a.freq.sha256"}) std::filesystem::remove(rig.outbox(name));
  rig.host.set("to", "south west");
  rig.send("a.txt");
  rig.run_once();
  CHECK(rig.events("duplicate").size() == (is_taken ? 0 : 1));
  rig.lists.read(rig.outbox());
  REQUIRE(rig.lists.texts().size() == 2);
  CHECK(rig.lists.lists().back().head.to == std::vector<std::string>{"south", "west"});
  REQUIRE(rig.lists.lists().back().entries.size() == 1);
  CHECK(rig.lists.lists().back().entries[0].again == first);
  rig.send("a.txt");
  CHECK(rig.lists.texts().size() == 2);
  rig.write({{Outcome::kDelivered, 1, 2}});
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.txt"});
  rig.write(rig.directory / "receipts",
            {{Outcome::kRefused, 1, 1, "list_ignored"}, {Outcome::kDelivered, 2, 2}}, 1, west, "north",
            "west");
  rig.run_once();
  CHECK(rig.waiting().empty());
}

TEST_CASE("Each of two sources of one container stays until its receipt") {
  ReceiptRig rig;
  const int how = GENERATE(0, 1, 2);
  INFO(how);
  rig.put("a.txt", "same");
  if (how == 1) rig.run_once();
  if (how == 2) {
    // Before there is a list.
    rig.host.set("list_ms", "60000");
    rig.start();
    rig.settle(5'000'000'000);
    CHECK(exists(rig.outbox("a.freq")));
    CHECK_FALSE(exists(rig.outbox("paxect.proof")));
  }
  rig.put("a.csv", "same");
  if (how == 2) {
    rig.settle(5'000'000'000);
    rig.stop();
  }
  rig.run_once();
  rig.run_once();
  CHECK(rig.events("duplicate").size() == 1);
  CHECK(rig.waiting() == Names{"a.csv", "a.txt"});
  rig.lists.read(rig.outbox());
  rig.lists.check_chains();
  std::vector<link::ListEntry> entries;
  for (const link::List& list : rig.lists.lists())
    entries.insert(entries.end(), list.entries.begin(), list.entries.end());
  REQUIRE(entries.size() == 2);
  CHECK_FALSE(entries[0].again);
  CHECK(entries[1].again == link::EarlierEntry{rig.lists.lists().front().head.stream, 1});
  // They are known: to read one of them again changes nothing.
  std::filesystem::permissions(rig.inbox("a.csv"), std::filesystem::perms(0600));
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.csv", "a.txt"});
  rig.write({{Outcome::kMissing, 1, 2}});
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.csv", "a.txt"});
  rig.write({{Outcome::kDelivered, 1, 1}, {Outcome::kMissing, 2, 2}}, 2);
  rig.run_once();
  CHECK(rig.waiting().size() == 1);
  rig.write({{Outcome::kDelivered, 1, 2}}, 3);
  rig.run_once();
  CHECK(rig.waiting().empty());
  // What was confirmed waits for nothing that is new.
  rig.put("a.csv", "same");
  rig.run_once();
  rig.run_once();
  CHECK(rig.waiting().empty());
}

TEST_CASE("A source whose list an earlier key signed is listed again when it is put in again") {
  ReceiptRig rig;
  rig.send("a.txt");
  const link::EarlierEntry first{rig.lists.lists().front().head.stream, 1};
  SentLists lists(make_sign_key(rig.directory / "other"));
  rig.host.set("sign_key", "file:" + (rig.directory / "other"));
  std::filesystem::rename(rig.outbox("paxect.proof"), rig.directory / "taken");
  rig.run_once();
  for (int i = 0; i < 2; ++i) {
    rig.put("a.txt", "contents of a.txt");
    rig.run_once();
    rig.run_once();
  }
  lists.read(rig.outbox());
  REQUIRE(lists.lists().size() == 1);
  REQUIRE(lists.lists().front().entries.size() == 1);
  CHECK(lists.lists().front().entries[0].again == first);
  CHECK(rig.waiting() == Names{"a.txt"});
}

}  // namespace paxect::test

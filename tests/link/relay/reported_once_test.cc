// What is reported once is not reported again with each start; and what waits beyond the memory for it.
#include <filesystem>

#include "link/commands/command_rig.h"
#include "link/receipt_rig.h"
#include "link/receiver_rig.h"
#include "link/relay_site.h"
#include "records/journal.h"

namespace paxect::test {
namespace {

void restart(LinkRig& rig) {
  rig.stop();
  rig.start();
  rig.settle(5 * kSecond);
}

}  // namespace

TEST_CASE("A list that does not count is reported once, not with each start") {
  ReceiverRig rig;
  std::string event;
  SECTION("refused") {
    const link::List list = rig.north.next_list();
    ProofSender::write_text(link::list_text(list), rig.north.name_of(list), rig.inbox(),
                            link::SigningKey::generate());
    event = "list_refused";
  }
  SECTION("for others") {
    rig.north.to = {"west"};
    rig.list();
    event = "list_ignored";
  }
  SECTION("forked") {
    link::List list = rig.north.next_list();
    const std::string path = rig.north.write(list, rig.inbox());
    rig.start();
    rig.settle(5 * kSecond);
    list.within = 601;
    rig.north.write(list, rig.inbox());
    event = "forked";
  }
  SECTION("too far ahead") {
    rig.host.set("max_jump", "1");
    link::List list = rig.north.next_list();
    list.head.number = 9;
    list.head.previous = std::string(64, 'a');
    list.first = 100;
    rig.north.write(list, rig.inbox());
    event = "jumped";
  }
  rig.start();
  rig.settle(5 * kSecond);
  CHECK(rig.events(event).size() == 1);
  for (int i = 0; i < 2; ++i) restart(rig);
  CHECK(rig.events(event).size() == 1);
  // Its state is still to be seen.
  if (event != "list_ignored")
    CHECK_FALSE(command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE)["complete"].GetBool());
  // Another fault of the file is news.
  if (event != "list_refused") return;
  for (const std::string& name : list(rig.lists()))
    if (name.ends_with(".minisig")) std::filesystem::remove(rig.lists() + "/" + name);
  rig.settle(5 * kSecond);
  restart(rig);
  CHECK(rig.events(event).size() == 2);
}

TEST_CASE("A receipt is reported once, one that counts and one that does not") {
  ReceiptRig rig;
  rig.put("a.txt", "a");
  rig.send("b.txt");
  rig.write({{Outcome::kDelivered, 1, 1}, {Outcome::kMissing, 2, 2}});
  const std::string path = rig.write({{Outcome::kDelivered, 1, 2}}, 2);
  write_file(path + ".minisig", "no signature");
  for (int i = 0; i < 3; ++i) rig.run_once();
  CHECK(rig.events("receipt_reject").size() == 1);
  CHECK(rig.events("receipted").size() == 1);
}

TEST_CASE("A container that is held is refused in a receipt, not missing, and delivered when it is touched") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  std::ignore = rig.run_once();
  // The journal is damaged, and a container comes while no relay runs.
  const std::string journal = link::journal_of(rig.lock());
  std::string text = read_file(journal);
  text[text.find("\nstream ") + 9] ^= 1;
  write_file(journal, text);
  rig.send("b.freq", "data of b");
  rig.list();
  std::ignore = rig.run_once();
  std::ignore = rig.run_once();
  CHECK(rig.events("held").size() >= 1);
  std::optional<link::Receipt> newest;
  for (const std::string& name : test::list(rig.lists())) {
    if (!name.ends_with(".receipt")) continue;
    link::Receipt receipt;
    REQUIRE(link::parse_receipt(read_file(rig.lists() + "/" + name), &receipt).ok());
    if (!newest || receipt.outcomes.back().last >= newest->outcomes.back().last) newest = receipt;
  }
  REQUIRE(newest);
  const link::OutcomeRange& last = newest->outcomes.back();
  CHECK(last.last == 2);
  CHECK(last.outcome == link::Outcome::kRefused);
  CHECK(last.reason == "held");
  write_file(rig.inbox("b.freq"), container("data of b"));
  std::filesystem::last_write_time(rig.inbox("b.freq"),
                                   std::filesystem::file_time_type::clock::now() + std::chrono::hours(1));
  std::ignore = rig.run_once();
  CHECK(rig.content("b") == "data of b");
}

TEST_CASE("Of a container that two streams name, the second entry is used up by a second delivery alone") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  rig.start();
  rig.settle();
  CHECK(rig.delivered() == Names{"a"});
  std::filesystem::remove(rig.outbox("a"));
  // Another stream names it too, and no container comes.
  ProofSender next = rig.north.with_stream();
  next.send("a.freq", container("data of a"));
  next.write_next(rig.inbox());
  rig.settle(5 * kSecond);
  CHECK(rig.delivered().empty());
  CHECK(command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE)["streams"][1]["missing"].GetUint64() ==
        1);
  rig.send_again("a.freq", "data of a");
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
  CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
  // Once.
  std::filesystem::remove(rig.outbox("a"));
  rig.send_again("a.freq", "data of a");
  rig.settle(5 * kSecond);
  CHECK(rig.delivered().empty());
}

TEST_CASE("More containers than are remembered wait for their lists, and all are delivered") {
  if (!is_long()) return;
  ReceiverRig rig;
  constexpr std::size_t kFiles = 65'536 + 500;
  const std::string bytes = container("the same data");
  rig.host.set("settle_ms", "0");
  for (std::size_t i = 0; i < kFiles; ++i) {
    const std::string name = "f" + std::to_string(i) + ".freq";
    rig.north.send(name, bytes);
    write_file(rig.inbox(name), bytes);
  }
  const link::List all = rig.north.next_list();
  rig.start();
  for (int i = 0; i < 40 && rig.events("unlisted").size() < kFiles; ++i) rig.settle(5 * kSecond);
  REQUIRE(rig.events("unlisted").size() == kFiles);
  // In lists of 256 entries each.
  ProofSender parts = rig.north.with_stream();
  for (std::size_t i = 0; i < all.entries.size(); ++i) {
    parts.send(all.entries[i].name, bytes);
    if (i % 256 == 255 || i + 1 == all.entries.size()) parts.write_next(rig.inbox());
  }
  for (int i = 0; i < 100 && rig.delivered().size() < kFiles; ++i) rig.settle(5 * kSecond);
  CHECK(rig.delivered().size() == kFiles);
}

}  // namespace paxect::test

// What a sender knows of its streams that are over, and of receivers that have other keys or streams of
// receipts.
#include <filesystem>

#include "link/commands/command_rig.h"
#include "link/receipt_rig.h"
#include "records/journal.h"

namespace paxect::test {
namespace {

// From now on another key signs the lists.
SentLists change_key(ReceiptRig& rig, const std::string& name) {
  SentLists lists(make_sign_key(rig.directory / name));
  rig.host.set("sign_key", "file:" + (rig.directory / name));
  return lists;
}

std::string stream_of(const ReceiptRig& rig) { return rig.lists.lists().back().head.stream; }

std::uint64_t sent_status(ReceiptRig& rig) {
  return static_cast<std::uint64_t>(command(rig.host, {"sent"}).status);
}

}  // namespace

TEST_CASE("What nobody has confirmed of a stream that is over is reported until it is confirmed") {
  ReceiptRig rig;
  const bool keeps = GENERATE(false, true);
  INFO(keeps);
  if (!keeps) rig.host.set("keep", "no");
  rig.send("a.txt");
  rig.send("b.txt");
  rig.write({{Outcome::kDelivered, 1, 1}});
  rig.run_once();
  const std::string stream = stream_of(rig);
  const std::string last = rig.lists.texts().at({stream, 2});
  change_key(rig, "other");
  rig.put("c.txt", "c");
  rig.run_once();
  {
    auto sent = command_json(rig.host, {"sent"}, PAXECT_PLUGIN_INCOMPLETE);
    REQUIRE(sent["receivers"].Size() == 2);
    for (const auto& one : sent["receivers"].GetArray()) {
      const bool is_old = stream == one["stream"].GetString();
      CHECK(one["sent"].GetUint64() == (is_old ? 2 : 1));
      CHECK(one["delivered"].GetUint64() == (is_old ? 1 : 0));
    }
    CHECK(command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE)["sent"]["unreceipted"].GetUint64() ==
          2);
  }
  rig.write_about({stream, 2}, link::sha256_hex(last), rig.directory / "receipts",
                  {{Outcome::kDelivered, 1, 2}}, 2, rig.south);
  rig.run_once();
  auto sent = command_json(rig.host, {"sent"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK(command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE)["sent"]["unreceipted"].GetUint64() == 1);
  link::JournalContents journal;
  REQUIRE(link::read_journal(link::journal_of(rig.lock()), &journal).ok());
  CHECK(journal.sent.ended().empty());
}

TEST_CASE("A receiver that changes its key confirms by both, and its old receipts are no failure of sent") {
  ReceiptRig rig;
  rig.send("a.txt");
  rig.write({{Outcome::kDelivered, 1, 1}});
  rig.run_once();
  rig.send("b.txt");
  const link::SigningKey other = link::SigningKey::generate();
  write_file(rig.directory / "peers/south.1.pub", link::public_key_text(other.public_key()));
  rig.made += 10;
  const bool is_revoked = GENERATE(false, true);
  INFO(is_revoked);
  if (is_revoked)
    std::filesystem::rename(rig.directory / "peers/south.pub", rig.directory / "peers/south.pub.revoked");
  CHECK(sent_status(rig) == PAXECT_PLUGIN_INCOMPLETE);
  rig.write(rig.directory / "receipts", {{Outcome::kDelivered, 1, 2}}, 1, other);
  rig.run_once();
  CHECK(rig.waiting().empty());
  auto sent = command_json(rig.host, {"sent"});
  REQUIRE(sent["receivers"].Size() == 1);
  CHECK(sent["receivers"][0]["delivered"].GetUint64() == 2);
  CHECK(std::string(sent["receivers"][0]["receipt"].GetString()).find("00000000000000cd") !=
        std::string::npos);
  CHECK(sent["refused_receipts"].Size() == (is_revoked ? 1 : 0));
}

TEST_CASE("A receipt for another sender in the same folder is no failure") {
  ReceiptRig rig;
  rig.send("a.txt");
  rig.write(rig.directory / "receipts", {{Outcome::kDelivered, 1, 1}}, 1, rig.south, "east");
  rig.write({{Outcome::kDelivered, 1, 1}}, 2);
  rig.run_once();
  CHECK(rig.waiting().empty());
  CHECK(rig.events("receipt_reject").empty());
  CHECK(command_json(rig.host, {"sent"})["refused_receipts"].Size() == 0);
}

TEST_CASE("A receipt counts by a retired key up to the number, and no later one") {
  ReceiptRig rig;
  rig.send("a.txt");
  rig.send("b.txt");
  write_file(rig.directory / "south.pub", link::public_key_text(rig.south.public_key()));
  REQUIRE(command(rig.host, {"key", "retire", "south", rig.directory / "south.pub", "00000000000000ab", "1"})
              .status == 0);
  rig.write({{Outcome::kDelivered, 1, 2}}, 2);
  rig.run_once();
  CHECK(rig.waiting().size() == 2);
  rig.write({{Outcome::kDelivered, 1, 1}}, 1);
  rig.run_once();
  CHECK(rig.waiting() == Names{"b.txt"});
}

TEST_CASE("A request for what an earlier key listed lists it again, and it is sent again") {
  ReceiptRig rig;
  rig.send("a.txt");
  rig.send("b.txt");
  const std::string stream = stream_of(rig);
  SentLists lists = change_key(rig, "other");
  rig.run_once();
  for (const char* name : {"b.freq", "b.freq.sha256"}) std::filesystem::remove(rig.outbox(name));
  std::filesystem::remove(rig.outbox("paxect.proof/" + link::list_of("north", stream, 2)));
  // The receiver has list 1, and cannot know what list 2 named.
  const std::string request =
      rig.write_about({stream, 1}, link::sha256_hex(rig.lists.texts().at({stream, 1})),
                      rig.directory / "receipts", {{Outcome::kDelivered, 1, 1}}, 1, rig.south);
  auto resent = command_json(rig.host, {"resend", request});
  CHECK(resent["missing"].GetUint64() == 1);
  CHECK(resent["resent"].GetUint64() == 1);
  rig.run_once();
  rig.run_once();
  CHECK(exists(rig.outbox("b.freq")));
  std::filesystem::remove_all(rig.directory / "old");
  std::filesystem::create_directory(rig.directory / "old");
  for (const std::string& name : list(rig.outbox("paxect.proof")))
    if (name.find(stream) != std::string::npos)
      std::filesystem::rename(rig.outbox("paxect.proof/" + name), rig.directory / ("old/" + name));
  lists.read(rig.outbox());
  std::vector<std::string> names;
  for (const link::List& each : lists.lists())
    for (const link::ListEntry& entry : each.entries) names.push_back(entry.name);
  CHECK(names == std::vector<std::string>{"b.freq"});
  // A receiver that has the old list knows by this that both entries are of one container.
  CHECK(lists.texts().rbegin()->second.find("\n# again " + stream + " 2\n") != std::string::npos);
  CHECK(rig.events("resend").back().line.find("\"relisted\": 1") != std::string::npos);
  // The old number is not waited for any more: the receiver confirms the other one.
  auto sent = command_json(rig.host, {"sent"}, PAXECT_PLUGIN_INCOMPLETE);
  for (const auto& each : sent["receivers"].GetArray())
    CHECK(each["listed_again"].GetUint64() == (stream == each["stream"].GetString() ? 1 : 0));
  const auto& [list, text] = *lists.texts().rbegin();
  // The receipts about each stream are a stream of their own.
  const link::SigningKey other = link::SigningKey::generate();
  write_file(rig.directory / "peers/south.1.pub", link::public_key_text(other.public_key()));
  rig.write_about(list, link::sha256_hex(text), rig.directory / "receipts", {{Outcome::kDelivered, 1, 1}}, 1,
                  other);
  rig.run_once();
  CHECK(rig.waiting().empty());
  CHECK(command(rig.host, {"sent"}).status == PAXECT_PLUGIN_OK);
  CHECK(command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE)["sent"]["unreceipted"].GetUint64() == 0);
  for (const LogEntry& entry : rig.log()) CHECK(fits_schema("link_plugin", "log", entry.line));
}

TEST_CASE("A request about a stream of which no list came gets all of it that is kept") {
  ReceiptRig rig;
  rig.send("a.txt");
  rig.send("b.txt");
  const std::string stream = stream_of(rig);
  SentLists lists = change_key(rig, "other");
  rig.run_once();
  for (const char* name : {"a.freq", "a.freq.sha256", "b.freq", "b.freq.sha256"})
    std::filesystem::remove(rig.outbox(name));
  const std::string request = rig.write_about({stream, 0}, "", rig.directory / "receipts", {}, 1, rig.south);
  rig.run_once();
  CHECK(rig.events("receipt_reject").empty());
  CHECK(rig.waiting() == Names{"a.txt", "b.txt"});
  auto resent = command_json(rig.host, {"resend", request});
  CHECK(resent["missing"].GetUint64() == 2);
  CHECK(resent["resent"].GetUint64() == 2);
  rig.run_once();
  rig.run_once();
  CHECK(exists(rig.outbox("a.freq")));
  CHECK(exists(rig.outbox("b.freq")));
}

TEST_CASE("What nobody confirms and cannot be sent again is written off, with the reason in the log") {
  ReceiptRig rig;
  rig.host.set("keep", "no");
  rig.send("a.txt");
  rig.send("b.txt");
  const std::string stream = stream_of(rig);
  const bool is_over = GENERATE(false, true);
  INFO(is_over);
  rig.write({{Outcome::kDelivered, 1, 1}, {Outcome::kMissing, 2, 2}});
  if (is_over) std::ignore = change_key(rig, "other");
  if (is_over) rig.put("c.txt", "c");
  rig.run_once();
  CHECK(command(rig.host, {"sent"}).status == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(
      command_json(rig.host, {"write_off", stream, "the receiver was scrapped"})["containers"].GetUint64() ==
      1);
  rig.run_once();
  REQUIRE(rig.events("written_off").size() == 1);
  CHECK(rig.events("written_off")[0].message.ends_with(": the receiver was scrapped"));
  CHECK(fits_schema("link_plugin", "log", rig.events("written_off")[0].line));
  const auto unreceipted = [&] {
    return command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE)["sent"]["unreceipted"].GetUint64();
  };
  CHECK(unreceipted() == (is_over ? 1 : 0));
  rig.run_once();
  CHECK(unreceipted() == (is_over ? 1 : 0));
  if (!is_over) CHECK(command(rig.host, {"sent"}).status == PAXECT_PLUGIN_OK);
}

TEST_CASE("A source that somebody removed is not kept: its container is written off") {
  ReceiptRig rig;
  rig.send("a.txt");
  rig.send("b.txt");
  const std::string stream = stream_of(rig);
  rig.write({{Outcome::kMissing, 1, 2}});
  rig.run_once();
  std::filesystem::remove(rig.inbox("a.txt"));
  {
    auto said = command_json(rig.host, {"write_off", stream, "it was removed"}, PAXECT_PLUGIN_INCOMPLETE);
    CHECK(said["containers"].GetUint64() == 1);
    CHECK(said["kept"].GetUint64() == 1);
  }
  rig.run_once();
  REQUIRE(rig.events("written_off").size() == 1);
  CHECK(rig.events("written_off")[0].message ==
        "1 containers of stream " + stream +
            " that no receiver has confirmed are not waited for any more: it was removed");
  auto sent = command_json(rig.host, {"sent"}, PAXECT_PLUGIN_INCOMPLETE);
  REQUIRE(sent["kept"].Size() == 1);
  CHECK(sent["kept"][0]["source"] == "b.txt");
  CHECK(sent["receivers"][0]["written_off"].GetUint64() == 1);
  // An inbox that is another place shows nothing of what was in the one before.
  std::filesystem::rename(rig.inbox(), rig.directory / "away");
  std::filesystem::create_directory(rig.inbox());
  CHECK(command_json(rig.host, {"write_off", stream, "why"}, PAXECT_PLUGIN_INCOMPLETE)["kept"].GetUint64() ==
        1);
}

TEST_CASE("Of the present stream what no receipt calls missing or refused is not written off") {
  ReceiptRig rig;
  rig.host.set("keep", "no");
  const bool has_two = GENERATE(false, true);
  INFO(has_two);
  if (has_two) rig.host.set("to", "south east");
  for (const char* name : {"a.txt", "b.txt", "c.txt", "d.txt"}) rig.send(name);
  const std::string stream = stream_of(rig);
  const auto written_off = [&] {
    const auto asked = command_json(rig.host, {"write_off", stream, "of no use"}, PAXECT_PLUGIN_INCOMPLETE);
    return asked["containers"].GetUint64();
  };
  CHECK(written_off() == 0);
  rig.write({{Outcome::kDelivered, 1, 1},
             {Outcome::kExpected, 2, 2},
             {Outcome::kMissing, 3, 3},
             {Outcome::kRefused, 4, 4, "decode_error"}});
  rig.run_once();
  // Of the other receiver nothing is known: all of it may be on its way there.
  if (has_two) CHECK(written_off() == 0);
  if (has_two) return;
  CHECK(command_json(rig.host, {"write_off", stream, "of no use"})["containers"].GetUint64() == 2);
  rig.run_once();
  CHECK(command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE)["sent"]["unreceipted"].GetUint64() == 1);
}

TEST_CASE(
    "What a receiver has written off is not waited for, and its source stays until that ends here too") {
  ReceiptRig rig;
  const bool is_known_by_all = GENERATE(true, false);
  INFO(is_known_by_all);
  if (!is_known_by_all) rig.host.set("to", "south east");
  // What is kept for a time stays for that time.
  const std::string keep = GENERATE(as<std::string>(), "receipt", "12h");
  INFO(keep);
  rig.host.set("keep", keep);
  const bool is_released = is_known_by_all && keep == "receipt";
  rig.send("a.txt");
  rig.send("b.txt");
  rig.write({{link::Outcome::kRefused, 1, 1, "written_off"}});
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.txt", "b.txt"});
  const auto status = [&] {
    auto sent = command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE);
    return std::pair(sent["sent"]["unreceipted"].GetUint64(), sent["sent"]["refused"].GetUint64());
  };
  CHECK(status() == std::pair(std::uint64_t{is_known_by_all ? 1U : 2U}, std::uint64_t{0}));
  CHECK(command(rig.host, {"sent"}).status == PAXECT_PLUGIN_INCOMPLETE);
  auto asked =
      command_json(rig.host, {"write_off", stream_of(rig), "nobody wants it"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK(asked["released"].GetUint64() == (is_released ? 1 : 0));
  rig.run_once();
  CHECK(rig.waiting() == (is_released ? Names{"b.txt"} : Names{"a.txt", "b.txt"}));
  CHECK(rig.events("written_off").size() == (is_released ? 1 : 0));
}

TEST_CASE("A receipt that has another list before a gap lets no source go, and another stream begins") {
  ReceiptRig rig;
  for (const char* name : {"a.txt", "b.txt", "c.txt", "d.txt"}) rig.send(name);
  const std::string stream = stream_of(rig);
  const auto digest = [&](std::uint64_t number) {
    return link::sha256_hex(rig.lists.texts().at({stream, number}));
  };
  const bool is_other = GENERATE(true, false);
  INFO(is_other);
  // List 3 never came. List 4 is ours, and says nothing about the lists before list 3.
  rig.before = {{2, is_other ? link::sha256_hex("of another life of this node") : digest(2)}};
  rig.write_about({stream, 4}, digest(4), rig.directory / "receipts",
                  {{Outcome::kDelivered, 1, 2}, {Outcome::kMissing, 3, 3}, {Outcome::kDelivered, 4, 4}}, 1,
                  rig.south);
  rig.run_once();
  rig.run_once();
  CHECK(rig.waiting() == (is_other ? Names{"a.txt", "b.txt", "c.txt", "d.txt"} : Names{"c.txt"}));
  CHECK(rig.events("list_stream").size() == (is_other ? 2 : 1));
}

TEST_CASE("A receipt says nothing of entries that none of its lists has") {
  ReceiptRig rig;
  for (const char* name : {"a.txt", "b.txt", "c.txt", "d.txt"}) rig.send(name);
  const std::string stream = stream_of(rig);
  const auto digest = [&](std::uint64_t number) {
    return link::sha256_hex(rig.lists.texts().at({stream, number}));
  };
  std::uint64_t list = 1;
  std::vector<link::OutcomeRange> outcomes;
  SECTION("beyond the last list") { outcomes = {{Outcome::kDelivered, 1, 4}}; }
  SECTION("beyond all lists") {
    list = 4;
    outcomes = {{Outcome::kDelivered, 1, 1000}};
  }
  SECTION("in a gap") {
    rig.before = {{1, digest(1)}};
    list = 4;
    outcomes = {{Outcome::kDelivered, 1, 4}};
  }
  rig.write_about({stream, list}, digest(list), rig.directory / "receipts", outcomes, 1, rig.south);
  rig.run_once();
  CHECK(rig.waiting().size() == 4);
  CHECK(rig.events("receipt_reject").size() == 1);
  CHECK(rig.events("list_stream").size() == 1);
}

TEST_CASE("What stays of a stream that is over is listed again where a receiver has other lists of it") {
  ReceiptRig rig;
  rig.send("a.txt");
  rig.send("b.txt");
  const std::string stream = stream_of(rig);
  SentLists lists = change_key(rig, "other");
  rig.run_once();
  rig.write_about({stream, 2}, link::sha256_hex("of another life"), rig.directory / "receipts",
                  {{Outcome::kDelivered, 1, 2}}, 1, rig.south);
  rig.run_once();
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.txt", "b.txt"});
  CHECK(rig.events("relist").size() == 1);
  link::JournalContents journal;
  REQUIRE(link::read_journal(link::journal_of(rig.lock()), &journal).ok());
  REQUIRE(journal.sent.kept().size() == 2);
  CHECK(journal.sent.kept().begin()->first.first == journal.sent.name);
}

TEST_CASE("resend writes lists to proof_also too, and what was damaged there comes again") {
  ReceiptRig rig;
  rig.host.set("proof_also", rig.directory / "second");
  std::filesystem::create_directory(rig.directory / "second");
  rig.send("a.txt");
  rig.send("b.txt");
  const std::string name = link::list_of("north", stream_of(rig), 1);
  const std::string text = read_file(rig.directory / ("second/" + name));
  std::filesystem::remove(rig.outbox("paxect.proof/" + name));
  const int how = GENERATE(0, 1, 2);
  INFO(how);
  if (how == 0) std::filesystem::remove(rig.directory / ("second/" + name));
  if (how == 1) write_file(rig.directory / ("second/" + name), text.substr(0, text.size() / 2));
  if (how == 2) std::filesystem::remove(rig.directory / ("second/" + link::signature_of(name)));
  const std::string request = rig.write({{Outcome::kMissing, 1, 1}, {Outcome::kDelivered, 2, 2}});
  REQUIRE(command_json(rig.host, {"resend", request})["resent"].GetUint64() == 1);
  rig.start();
  rig.settle(10'000'000'000);
  rig.stop();
  for (const std::string& each : {name, link::signature_of(name)}) {
    INFO(each);
    REQUIRE(exists(rig.directory / ("second/" + each)));
    CHECK(read_file(rig.directory / ("second/" + each)) == read_file(rig.outbox("paxect.proof/" + each)));
  }
  CHECK(read_file(rig.outbox("paxect.proof/" + name)) == text);
}

}  // namespace paxect::test

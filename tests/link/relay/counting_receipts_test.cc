// Which receipts count for a sender: of what key, text and stream, and what it reports of the others.
#include <filesystem>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "link/commands/command_rig.h"
#include "link/receipt_rig.h"
#include "support/catch.h"

namespace paxect::test {
TEST_CASE("A receipt that does not count lets no source go, and the log says why") {
  ReceiptRig rig;
  rig.send("a.txt");
  const std::vector<link::OutcomeRange> all = {{Outcome::kDelivered, 1, 1}};
  const int how = GENERATE(0, 2, 3, 4);
  INFO(how);
  const std::string folder = rig.directory / "receipts";
  std::string path;
  if (how == 0) path = rig.write(folder, all, 1, link::SigningKey::generate());
  if (how == 2) std::filesystem::remove(rig.directory / "peers/south.pub");
  if (how == 2) path = rig.write(all);
  if (how == 3) path = rig.write(all);
  if (how == 3) write_file(path, read_file(path) + "\n");
  if (how == 4) {
    SentLists before = rig.lists;
    rig.lists.read(rig.outbox());
    path = rig.write(all);
    std::string text = read_file(path);
    text.replace(text.find("# list 1 "), 9, "# list 2 ");
    write_file(path, text);
    write_file(link::signature_of(path),
               link::sign_file(rig.south, text, std::string(link::base_name(path))));
  }
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.txt"});
  REQUIRE(rig.events("receipt_reject").size() == 1);
  CHECK(rig.events("receipt_reject")[0].source == path);
  CHECK(rig.events("receipt_reject")[0].message.find(path) != std::string::npos);
  auto sent = command_json(rig.host, {"sent"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK(sent["refused_receipts"].Size() == 1);
  // That of a list that was never made has begun another stream.
  CHECK(rig.events("list_stream").size() == (how == 4 ? 2 : 1));
}

TEST_CASE("A receipt about other texts of our lists lets no source go, also of a stream that is over") {
  ReceiptRig rig;
  for (const char* name : {"a.txt", "b.txt", "c.txt"}) rig.send(name);
  const std::string stream = *rig.lists.streams().begin();
  const bool is_over = GENERATE(false, true);
  INFO(is_over);
  if (is_over) {
    make_sign_key(rig.directory / "other");
    rig.host.set("sign_key", "file:" + (rig.directory / "other"));
    rig.run_once();
    CHECK(rig.events("list_stream").size() == 2);
  }
  // What another life of this node listed as number 2.
  rig.write_about({stream, 2}, link::sha256_hex("another text"), rig.directory / "receipts",
                  {{Outcome::kDelivered, 1, 2}}, 1, rig.south);
  rig.run_once();
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.txt", "b.txt", "c.txt"});
  CHECK(rig.events("receipted").empty());
  CHECK(rig.events("receipt_reject").size() >= 1);
  // What stays is listed in the present stream: a receipt about the old one says nothing of that.
  if (!is_over) return;
  rig.write_about({stream, 2}, link::sha256_hex(rig.lists.texts().at({stream, 2})),
                  rig.directory / "receipts", {{Outcome::kDelivered, 1, 2}}, 2, rig.south);
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.txt", "b.txt", "c.txt"});
}

TEST_CASE("A receipt that was seen while its signature was copied is judged again when that is whole") {
  ReceiptRig rig;
  rig.send("a.txt");
  const std::string path = rig.write({{Outcome::kDelivered, 1, 1}});
  const std::string signature = read_file(link::signature_of(path));
  write_file(link::signature_of(path), signature.substr(0, 40));
  rig.start();
  rig.settle(5'000'000'000);
  CHECK(rig.waiting() == Names{"a.txt"});
  write_file(link::signature_of(path), signature);
  rig.settle(10'000'000'000);
  CHECK(rig.waiting().empty());
}

TEST_CASE("A receipt that was imported counts as one that came to the folder") {
  ReceiptRig rig;
  rig.send("a.txt");
  std::filesystem::create_directory(rig.directory / "mail");
  const std::string path = rig.write(rig.directory / "mail", {{Outcome::kDelivered, 1, 1}}, 1, rig.south);
  write_file(rig.directory / "mail/forged", "no receipt");
  CHECK(command(rig.host, {"receipt", "import", rig.directory / "mail/forged"}).status ==
        PAXECT_PLUGIN_CONFIG);
  CHECK(command_json(rig.host, {"receipt", "import", path})["imported"].Size() == 1);
  rig.run_once();
  CHECK(rig.waiting().empty());
}

TEST_CASE("A damaged signature is named itself, with what is wrong and the remedy") {
  ReceiptRig rig;
  rig.send("a.txt");
  const std::string path = rig.write({{Outcome::kMissing, 1, 1}});
  const std::string file = link::signature_of(path);
  const std::string good = read_file(file);
  std::string with_returns;
  for (const char c : good) with_returns += c == '\n' ? std::string("\r\n") : std::string(1, c);
  for (const auto& [bytes, why] : {std::pair<std::string, std::string>("", "it is empty"),
                                   {good.substr(0, 100), "line 2: the text ends within it"},
                                   {with_returns, "its lines end with carriage returns"},
                                   {std::string(good.size(), '\0'), "it consists of zeros"}}) {
    write_file(file, bytes);
    const std::string name(link::base_name(file));
    const std::string wanted = path + ": its signature " + name + " is damaged: " + why;
    CHECK(command(rig.host, {"receipt", "import", path}).status == PAXECT_PLUGIN_CONFIG);
    CHECK(rig.host.logged(wanted));
    CHECK(command(rig.host, {"resend", path}).status == PAXECT_PLUGIN_CONFIG);
    rig.run_once();
    REQUIRE_FALSE(rig.events("receipt_reject").empty());
    const std::string logged = rig.events("receipt_reject").back().message;
    CHECK(logged.find(wanted) == 0);
    CHECK(logged.find("have that file copied again") != std::string::npos);
  }
}

TEST_CASE("Two texts for one receipt show that a state was put back, or two receivers run with it") {
  ReceiptRig rig;
  rig.send("a.txt");
  rig.send("b.txt");
  const std::string first = rig.write({{Outcome::kDelivered, 1, 1}, {Outcome::kMissing, 2, 2}});
  std::filesystem::create_directory(rig.directory / "mail");
  rig.start();
  rig.settle(5'000'000'000);
  CHECK(rig.waiting() == Names{"b.txt"});
  CHECK(rig.events("forked").empty());
  std::string path;
  std::string wanted = "south has signed two texts for receipt 1 of stream 00000000000000ab: ";
  SECTION("a second text comes to the same folder") {
    path = rig.write({{Outcome::kMissing, 1, 2}});
    rig.settle(100'000'000'000);
    wanted += "this is another one than ";
  }
  SECTION("one follows another text") {
    rig.write(rig.directory / "mail", {{Outcome::kMissing, 1, 2}}, 1, rig.south);
    path = rig.write({{Outcome::kDelivered, 1, 2}}, 2);
    rig.settle(100'000'000'000);
    wanted += "this one follows another one than ";
    CHECK(rig.waiting().empty());
  }
  const std::vector<LogEntry> forked = rig.events("forked");
  REQUIRE(forked.size() == 1);
  CHECK(forked[0].source == path);
  CHECK(forked[0].message.find(wanted) == 0);
  CHECK(fits_schema("link_plugin", "log", forked[0].line));
}

TEST_CASE("Of two texts for one receipt the second one is imported beside the first, and both count") {
  ReceiptRig rig;
  rig.send("a.txt");
  rig.send("b.txt");
  const auto mail = [&](const std::string& folder, const std::vector<link::OutcomeRange>& outcomes) {
    std::filesystem::create_directory(rig.directory / folder);
    return rig.write(rig.directory / folder, outcomes, 1, rig.south);
  };
  const std::string first = mail("first", {{Outcome::kDelivered, 1, 1}, {Outcome::kMissing, 2, 2}});
  const std::string third = mail("third", {{Outcome::kMissing, 1, 2}});
  const std::string second = mail("second", {{Outcome::kMissing, 1, 1}, {Outcome::kDelivered, 2, 2}});
  const std::string imported = link::imported_receipts_of(rig.lock());
  const std::string name(link::base_name(first));
  const bool is_at_once = GENERATE(true, false);
  INFO(is_at_once);
  if (is_at_once) {
    CHECK(command(rig.host, {"receipt", "import", first, second, third}).status == PAXECT_PLUGIN_CONFIG);
    CHECK_FALSE(exists(imported));
    const auto taken = command_json(rig.host, {"receipt", "import", first, second, first});
    REQUIRE(taken["imported"].Size() == 3);
    CHECK(taken["imported"][1]["other_text"].GetString() == first);
    CHECK(taken["imported"][1]["file"].GetString() == imported + "/second/" + name);
  } else {
    CHECK(command(rig.host, {"receipt", "import", first}).status == 0);
    const std::string output = command(rig.host, {"receipt", "import", second}).output;
    CHECK(output.find("put back from a backup") != std::string::npos);
  }
  CHECK(command(rig.host, {"receipt", "import", third}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(rig.host.logged("south has signed more than two texts for this receipt"));
  CHECK(read_file(imported + "/" + name) == read_file(first));
  CHECK(read_file(imported + "/second/" + name) == read_file(second));
  CHECK(command_json(rig.host, {"sent"}, PAXECT_PLUGIN_INCOMPLETE)["forked_receipts"].Size() == 1);
  CHECK(command(rig.host, {"sent"}).output.find("stop one of the two") != std::string::npos);
  rig.run_once();
  CHECK(rig.waiting().empty());
  // The next one of the receiver follows the second text.
  rig.write({{Outcome::kDelivered, 1, 2}}, 2);
  CHECK(command_json(rig.host, {"sent"})["forked_receipts"].Size() == 0);
}

}  // namespace paxect::test

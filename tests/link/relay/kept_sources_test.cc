// Sources that stay until a receipt, the receipts that count, and `sent` and `receipt`.
#include "relay/kept_sources.h"

#include <filesystem>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "link/commands/command_rig.h"
#include "link/receipt_rig.h"
#include "support/catch.h"

namespace paxect::test {
TEST_CASE("With keep = receipt a source stays until every receiver says that it delivered it") {
  ReceiptRig rig;
  rig.put("a.txt", "a");
  rig.put("b.txt", "b");
  rig.send("c.txt");
  CHECK(rig.waiting() == Names{"a.txt", "b.txt", "c.txt"});
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.txt", "b.txt", "c.txt"});
  rig.write(
      {{Outcome::kDelivered, 1, 1}, {Outcome::kMissing, 2, 2}, {Outcome::kRefused, 3, 3, "decode_error"}});
  rig.run_once();
  CHECK(rig.waiting().size() == 2);
  // Nothing but delivered lets a source go, and an old receipt takes nothing back.
  rig.write({{Outcome::kDelivered, 1, 2}, {Outcome::kRefused, 3, 3, "decode_error"}}, 3);
  rig.write({{Outcome::kExpected, 1, 3}}, 2);
  rig.run_once();
  CHECK(rig.waiting().size() == 1);
  rig.write({{Outcome::kDelivered, 1, 3}}, 4);
  rig.run_once();
  CHECK(rig.waiting().empty());
  rig.lists.read(rig.outbox());
  CHECK(rig.lists.texts().size() == 1);
  CHECK(rig.events("receipted").size() >= 3);
  for (const LogEntry& entry : rig.log()) CHECK(fits_schema("link_plugin", "log", entry.line));
}

TEST_CASE(
    "A receipt that knows more of our numbers than the journal begins another stream before the next list") {
  ReceiptRig rig;
  rig.send("a.txt");
  const std::string journal = link::journal_of(rig.lock());
  const std::string old = read_file(journal);
  const std::string old_log = read_file(rig.log_path());
  rig.send("b.txt");
  const link::List last = rig.lists.lists().back();
  rig.write({{Outcome::kDelivered, 1, 2}});
  // Put back from a backup; the lists were carried away.
  const bool is_late = GENERATE(false, true);
  INFO(is_late);
  write_file(journal, old);
  write_file(rig.log_path(), old_log);
  std::filesystem::remove_all(rig.outbox("paxect.proof"));
  for (const char* name : {"a.freq", "a.freq.sha256", "b.freq", "b.freq.sha256"})
    std::filesystem::remove(rig.outbox(name));
  std::filesystem::remove(rig.inbox("b.txt"));
  const std::string receipts = rig.directory / "receipts";
  if (is_late) std::filesystem::rename(receipts, rig.directory / "on its way");
  if (is_late) std::filesystem::create_directory(receipts);
  rig.put("new.txt", "new");
  rig.run_once();
  if (is_late) {
    // It could not know better: list 2 has a second text, until the receipt comes.
    std::filesystem::remove(receipts);
    std::filesystem::rename(rig.directory / "on its way", receipts);
    rig.run_once();
    rig.run_once();
  }
  std::set<std::string> streams;
  for (const std::string& name : list(rig.outbox("paxect.proof"))) streams.insert(name.substr(6, 16));
  const std::string stream = last.head.stream;
  streams.erase(stream);
  REQUIRE(streams.size() == 1);
  CHECK(exists(rig.outbox("paxect.proof/" + link::list_of("north", stream, 2))) == is_late);
  const std::string first =
      read_file(rig.outbox("paxect.proof/" + link::list_of("north", *streams.begin(), 1)));
  CHECK(first.find("# continues " + stream + " 2\n") != std::string::npos);
  CHECK(first.find("  new.freq\n") != std::string::npos);
  // What was said of other texts released nothing.
  CHECK(exists(rig.inbox("new.txt")));
  CHECK(exists(rig.inbox("a.txt")));
}

TEST_CASE("With keep = receipt a source stays whose container was listed when nothing was kept") {
  ReceiptRig rig;
  rig.host.set("keep", "no");
  rig.send("a.txt");
  CHECK(rig.waiting().empty());
  rig.host.set("keep", "receipt");
  rig.send("a.txt");
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.txt"});
  CHECK(rig.lists.texts().size() == 1);
  rig.write({{Outcome::kDelivered, 1, 1}});
  rig.run_once();
  CHECK(rig.waiting().empty());
}

TEST_CASE("A clock that is set forward ends no time that sources are kept for") {
  ReceiptRig rig;
  rig.host.set("keep", "30d");
  SECTION("while the relay runs") {
    rig.start();
    rig.put("a.txt", "a");
    rig.settle(5'000'000'000);
    rig.host.set_realtime_ns(rig.host.realtime_ns() + std::int64_t{40} * 86'400 * 1'000'000'000);
    rig.settle(10'000'000'000);
  }
  SECTION("while it did not run, as far as a restart can doubt it") {
    rig.send("a.txt");
    rig.host.set_realtime_ns(rig.host.realtime_ns() + std::int64_t{40} * 86'400 * 1'000'000'000);
    rig.start();
    rig.settle(60'000'000'000);
    CHECK(rig.events("clock").size() == 1);
    rig.host.set_realtime_ns(rig.host.realtime_ns() - std::int64_t{40} * 86'400 * 1'000'000'000);
    rig.settle(std::int64_t{2} * 3600 * 1'000'000'000);
  }
  SECTION("after it was in 1970") {
    const std::int64_t now = rig.host.realtime_ns();
    rig.host.set_realtime_ns(1'000'000'000);
    rig.send("a.txt");
    rig.host.set_realtime_ns(now);
    rig.run_once();
  }
  CHECK(rig.waiting() == Names{"a.txt"});
}

TEST_CASE("With keep = no what an earlier run kept stays until its receivers confirm it") {
  ReceiptRig rig;
  rig.send("a.txt");
  rig.send("b.txt");
  const bool has_key = GENERATE(true, false);
  INFO(has_key);
  rig.host.set("keep", "no");
  if (!has_key) rig.host.set("sign_key", "");
  rig.put("c.txt", "c");
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.txt", "b.txt"});
  REQUIRE(rig.events("kept").size() == 1);
  CHECK(rig.events("kept")[0].message.starts_with("2 sources that an earlier run kept stay"));
  if (!has_key) return;
  rig.lists.read(rig.outbox());
  rig.write({{Outcome::kDelivered, 1, 1}});
  rig.run_once();
  CHECK(rig.waiting() == Names{"b.txt"});
  rig.host.set("keep", "1s");
  rig.host.set_realtime_ns(rig.host.realtime_ns() + 2'000'000'000);
  rig.run_once();
  CHECK(rig.waiting().empty());
  for (const LogEntry& entry : rig.log()) CHECK(fits_schema("link_plugin", "log", entry.line));
}

TEST_CASE("With keep = no other contents under the path of a source that stays go at once") {
  ReceiptRig rig;
  rig.send("a.txt");
  REQUIRE(rig.waiting() == Names{"a.txt"});
  rig.host.set("keep", "no");
  rig.put("a.txt", "other contents");
  rig.run_once();
  CHECK(rig.waiting().empty());
  rig.lists.read(rig.outbox());
  REQUIRE(rig.lists.texts().size() == 2);
  CHECK(rig.lists.lists().back().entries.size() == 1);
  rig.lists.check_covers(rig.outbox());
}

TEST_CASE("With keep = no what an earlier run kept for whoever has it goes, since nobody could confirm it") {
  ReceiptRig rig;
  rig.host.set("keep", "30d");
  rig.host.set("to", "*");
  rig.send("a.txt");
  CHECK(rig.waiting() == Names{"a.txt"});
  rig.host.set("keep", "no");
  rig.run_once();
  CHECK(rig.waiting().empty());
  CHECK(rig.events("kept").empty());
}

TEST_CASE("The folder of lists need not exist where receipts come to it") {
  ReceiptRig rig;
  rig.host.set("receipts_in", rig.outbox("paxect.proof"));
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK_FALSE(rig.host.logged("paxect.proof"));
}

TEST_CASE("A sender reports a key of a receiver that is damaged, and refuses one that every user can write") {
  ReceiptRig rig;
  const std::string key = rig.directory / "peers/south.pub";
  SECTION("damaged") {
    write_file(key, "no key");
    rig.send("a.txt");
    CHECK(rig.host.logged(key + ": "));
    CHECK(rig.host.logged("nothing is verified by this key"));
  }
  SECTION("exposed") {
    std::filesystem::permissions(key, std::filesystem::perms(0666));
    PluginDriver relay(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), rig.host);
    CHECK(relay.init() == PAXECT_PLUGIN_CONFIG);
    CHECK(std::string(relay.error()).find("south.pub: every user can write it") != std::string::npos);
  }
}

TEST_CASE("With keep = TIME a source stays for so long") {
  ReceiptRig rig;
  rig.host.set("keep", "2h");
  rig.send("a.txt");
  rig.host.set_realtime_ns(rig.host.realtime_ns() + 7199'000'000'000);
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.txt"});
  rig.host.set_realtime_ns(rig.host.realtime_ns() + 2'000'000'000);
  rig.run_once();
  CHECK(rig.waiting().empty());
  REQUIRE(rig.events("keep_over").size() == 1);
  CHECK(rig.events("keep_over")[0].message == "not every receiver has confirmed it");
}

TEST_CASE("A relay that was away for longer than keep removes a source after an hour") {
  ReceiptRig rig;
  rig.host.set("keep", "30d");
  rig.send("a.txt");
  rig.host.set_realtime_ns(rig.host.realtime_ns() + std::int64_t{40} * 86'400 * 1'000'000'000);
  rig.start();
  rig.settle(10'000'000'000);
  CHECK(rig.waiting() == Names{"a.txt"});
  rig.settle(std::int64_t{3600} * 1'000'000'000);
  rig.settle(10'000'000'000);
  CHECK(rig.waiting().empty());
}

TEST_CASE("sent says what is confirmed, what is not, and since when") {
  ReceiptRig rig;
  rig.put("a.txt", "a");
  rig.send("b.txt");
  {
    auto sent = command_json(rig.host, {"sent"}, PAXECT_PLUGIN_INCOMPLETE);
    CHECK(sent["entries"].GetUint64() == 2);
    REQUIRE(sent["receivers"].Size() == 1);
    CHECK(sent["receivers"][0]["receipt"].IsNull());
    REQUIRE(sent["kept"].Size() == 2);
    CHECK(std::string(sent["kept"][0]["unconfirmed"][0].GetString()) == "south silent");
  }
  rig.write({{Outcome::kDelivered, 1, 1}, {Outcome::kMissing, 2, 2}});
  {
    auto sent = command_json(rig.host, {"sent"}, PAXECT_PLUGIN_INCOMPLETE);
    CHECK(sent["receivers"][0]["delivered"].GetUint64() == 1);
    CHECK(sent["receivers"][0]["missing"].GetUint64() == 1);
    CHECK(sent["kept"][0]["unconfirmed"].Size() == 0);
    CHECK(std::string(sent["kept"][1]["unconfirmed"][0].GetString()) == "south missing");
  }
  rig.write({{Outcome::kDelivered, 1, 2}}, 2);
  rig.run_once();
  CHECK(command_json(rig.host, {"sent"})["kept"].Size() == 0);
}

TEST_CASE("With keep = no what an earlier run keeps stays, also where it is read or sent again") {
  ReceiptRig rig;
  rig.send("a.txt");
  const bool is_sent_again = GENERATE(false, true);
  INFO(is_sent_again);
  if (is_sent_again) {
    const std::string request = rig.write({{Outcome::kMissing, 1, 1}});
    REQUIRE(command_json(rig.host, {"resend", request})["resent"].GetUint64() == 1);
    for (const char* name : {"a.freq", "a.freq.sha256"}) std::filesystem::remove(rig.outbox(name));
  } else {
    // Its ctime is another one: whether it was sent is found out by its content.
    std::filesystem::permissions(rig.inbox("a.txt"), std::filesystem::perms(0600));
  }
  rig.host.set("keep", "no");
  rig.run_once();
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.txt"});
  CHECK(exists(rig.outbox("a.freq")));
  rig.lists.read(rig.outbox());
  CHECK(rig.lists.texts().size() == 1);
  rig.write({{Outcome::kDelivered, 1, 1}}, 2);
  rig.run_once();
  CHECK(rig.waiting().empty());
}

TEST_CASE(
    "Of a source that is kept for a time and that nobody confirms `sent` does not say that it is confirmed") {
  ReceiptRig rig;
  rig.host.set("to", "*");
  rig.host.set("keep", "30d");
  rig.send("a.txt");
  const CommandResult sent = command(rig.host, {"sent"});
  CHECK(sent.output.find("a.txt  kept for a time: nobody is named who confirms it, since") !=
        std::string::npos);
  CHECK(sent.output.find("  confirmed") == std::string::npos);
}

TEST_CASE("A receipt counts also where a list without entries was lost") {
  ReceiptRig rig;
  rig.host.set("within", "100");
  rig.send("a.txt");
  rig.start();
  rig.settle(std::uint64_t{101} * 1'000'000'000);
  rig.stop();
  rig.send("b.txt");
  REQUIRE(rig.lists.texts().size() == 3);
  REQUIRE(rig.lists.lists()[1].entries.empty());
  rig.before = {{1, link::sha256_hex(rig.lists.texts().begin()->second)}};
  rig.write({{Outcome::kDelivered, 1, 2}});
  rig.run_once();
  CHECK(rig.waiting().empty());
  CHECK(rig.events("receipt_reject").empty());
}

TEST_CASE("status, explain and the metrics of a sender say what has no receipt, and since when") {
  ReceiptRig rig;
  const bool keeps = GENERATE(true, false);
  if (!keeps) rig.host.set("keep", "no");
  rig.host.set("metrics_file", rig.directory / "north.prom");
  const auto has = [&](const std::string& line) {
    const std::string text = read_file(rig.directory / "north.prom");
    INFO(line << "\n" << text);
    CHECK(("\n" + text).find("\npaxect_link_proof_" + line + "\n") != std::string::npos);
  };
  const auto pass = [&](std::int64_t seconds) {
    rig.host.set_realtime_ns(rig.host.realtime_ns() + seconds * 1'000'000'000);
  };
  rig.put("a.txt", "a");
  rig.send("b.txt");
  pass(100);
  rig.send("c.txt");
  pass(50);
  rig.run_once();
  json::Document status = command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK(status["proof"]["unconfirmed"].GetInt() == (keeps ? 3 : 0));
  CHECK(status["sent"]["lists"].GetInt() == 2);
  CHECK(status["sent"]["unreceipted"].GetInt() == 3);
  CHECK(status["sent"]["unreceipted_seconds"].GetInt() == 150);
  CHECK(status["sent"]["receipt_age_seconds"].IsNull());
  has("unreceipted{relay=\"north\"} 3");
  has("unreceipted_oldest_age_seconds{relay=\"north\"} 150");
  has("receipt_timestamp_seconds{relay=\"north\"} 0");
  json::Document said = command_json(rig.host, {"explain", "c.txt"});
  CHECK(said["list"]["sender"] == "north");
  CHECK(said["list"]["number"].GetInt() == 2);
  CHECK(said["list"]["entry"].GetInt() == 3);
  REQUIRE(said["receipts"].Size() == 1);
  CHECK(said["receipts"][0]["outcome"] == "");
  const std::string since = said["list"]["listed_utc"].GetString();
  CHECK(command(rig.host, {"explain", "c.txt"}).output.find("south none that says so, since " + since) !=
        std::string::npos);

  rig.write({{Outcome::kDelivered, 1, 2}, {Outcome::kMissing, 3, 3}}, 1);
  rig.run_once();
  has("unreceipted{relay=\"north\"} 1");
  has("unreceipted_oldest_age_seconds{relay=\"north\"} 50");
  has("receipt_timestamp_seconds{relay=\"north\"} 1767323045");
  has("reported{relay=\"north\",outcome=\"missing\"} 1");
  CHECK(command_json(rig.host, {"explain", "c.txt"})["receipts"][0]["outcome"] == "missing");
  CHECK(command(rig.host, {"status"}).output.find("1 without receipt, the oldest for 50 s, 1 missing") !=
        std::string::npos);

  // The first receipt that says so counts, not the newest.
  rig.write({{Outcome::kDelivered, 1, 3}}, 2);
  rig.write({{Outcome::kDelivered, 1, 3}}, 3);
  rig.run_once();
  has("unreceipted{relay=\"north\"} 0");
  has("unreceipted_oldest_age_seconds{relay=\"north\"} 0");
  said = command_json(rig.host, {"explain", "c.txt"});
  CHECK(said["receipts"][0]["outcome"] == "delivered");
  CHECK(said["receipts"][0]["receipt"].GetInt() == 2);
  CHECK(command_json(rig.host, {"explain", "a.txt"})["receipts"][0]["receipt"].GetInt() == 1);
  // A relay that makes lists counts them.
  rig.put("d.txt", "d");
  rig.run_once();
  has("lists_total{relay=\"north\"} 1");
}

TEST_CASE("Where no receiver is named nothing counts as without a receipt") {
  ReceiptRig rig;
  rig.host.set("keep", "no");
  rig.host.set("to", "*");
  rig.send("a.txt");
  json::Document status = command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK(status["sent"]["entries"].GetInt() == 1);
  CHECK(status["sent"]["unreceipted"].GetInt() == 0);
}

TEST_CASE("A setting keep that could never end is refused") {
  ReceiptRig rig;
  auto problem = [&] {
    PluginDriver relay(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), rig.host);
    CHECK(relay.init() == PAXECT_PLUGIN_CONFIG);
    return relay.error();
  };
  rig.host.set("to", "*");
  CHECK(problem().find("set to = NODE") != std::string::npos);
  rig.host.set("to", "south");
  rig.host.set("keep", "2 weeks");
  CHECK(problem().find("12h") != std::string::npos);
  rig.host.set("keep", "receipt");
  rig.host.set("sign_key", "");
  CHECK(problem().find("sign_key") != std::string::npos);
}

}  // namespace paxect::test

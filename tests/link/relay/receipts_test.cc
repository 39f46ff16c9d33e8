// The receipts that a receiver writes, over restarts and damage.
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "link/chained_log.h"
#include "link/commands/command_rig.h"
#include "link/receiver_rig.h"
#include "proof/signature.h"
#include "support/catch.h"
#include "support/emulation.h"
#include "support/files.h"
#include "support/immutable.h"
#include "support/process.h"
#include "support/read_fault.h"
#include "support/without_override.h"

namespace paxect::test {
namespace {

// A container and its list come, and are delivered.
void deliver(SigningRig& rig, const std::string& name) {
  rig.send(name + ".freq", "data of " + name);
  rig.list();
  std::ignore = rig.run_once();
}

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

TEST_CASE("A receipt states the head of a log that has the lines of all that it calls delivered") {
  SigningRig rig;
  rig.start();
  std::uint64_t before = 0;
  for (const std::string name : {"a", "b", "c"}) {
    rig.send(name + ".freq", "data of " + name);
    rig.list();
    rig.settle(10 * kSecond);
    const link::Receipt last = rig.receipts().rbegin()->second;
    REQUIRE(last.outcomes.back().outcome == link::Outcome::kDelivered);
    INFO(name << " " << last.head.log.lines);
    CHECK_FALSE(line_with(rig.log_path(), last.head.log).empty());
    const std::uint64_t line = line_of_event(rig.log_path(), "decode", name + ".freq");
    CHECK(line > 0);
    CHECK(line <= last.head.log.lines);
    CHECK(last.head.log.lines > before);
    before = last.head.log.lines;
  }
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
  deliver(rig, "a");
  const std::string old_journal = read_file(journal);
  const std::string old_log = read_file(rig.log_path());
  deliver(rig, "b");
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
  deliver(rig, "c");
  deliver(rig, "d");
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

TEST_CASE("What somebody put under the names of later receipts begins no other stream of them") {
  SigningRig rig;
  deliver(rig, "a");
  const auto [number, first] = *rig.receipts().rbegin();
  const std::string next = rig.lists() + "/" + link::receipt_of("south", first.head.stream, number + 1);
  SECTION("the next one") { write_file(next, "junk"); }
  SECTION("its signature") { write_file(next + ".minisig", "junk"); }
  SECTION("a folder") { std::filesystem::create_directory(next); }
  SECTION("a later one") {
    const std::string later = rig.lists() + "/" + link::receipt_of("south", first.head.stream, number + 9);
    write_file(later, "junk");
    write_file(later + ".minisig", "junk");
  }
  deliver(rig, "b");
  CHECK(rig.events("receipt_stream").empty());
  std::string text = read_file(next);
  link::Receipt receipt;
  REQUIRE(link::parse_receipt(text, &receipt).ok());
  CHECK(receipt.outcomes == std::vector<link::OutcomeRange>{{link::Outcome::kDelivered, 1, 2}});
  CHECK(link::verify_file(text, read_file(next + ".minisig"), std::string(link::base_name(next)),
                          {rig.key.public_key()})
            .ok());
}

TEST_CASE("What nobody can remove from the name of the next receipt begins another stream of them") {
  SigningRig rig;
  deliver(rig, "a");
  const auto [number, first] = *rig.receipts().rbegin();
  std::string next = rig.lists() + "/" + link::receipt_of("south", first.head.stream, number + 1);
  const bool is_signature = GENERATE(false, true);
  INFO(is_signature);
  if (is_signature) next += ".minisig";
  write_file(next, "junk");
  {
    const Immutable junk(next);
    if (!junk.is_set()) return skip("no file can be made immutable here");
    deliver(rig, "b");
    CHECK(read_file(next) == "junk");
  }
  REQUIRE(rig.events("receipt_stream").size() == 1);
  CHECK(rig.events("receipt_stream")[0].message.find(next) != std::string::npos);
  std::filesystem::remove(next);
  // Those of both streams have the same numbers.
  std::size_t others = 0;
  for (const std::string& name : test::list(rig.lists())) {
    if (!name.ends_with(".receipt") || name.find(first.head.stream) != std::string::npos) continue;
    link::Receipt receipt;
    REQUIRE(link::parse_receipt(read_file(rig.lists() + "/" + name), &receipt).ok());
    CHECK(receipt.head.number == ++others);
    CHECK(receipt.outcomes == std::vector<link::OutcomeRange>{{link::Outcome::kDelivered, 1, 2}});
  }
  CHECK(others == 1);
}

TEST_CASE("A receipt or a list that cannot be read holds up no start, and no other container for ever") {
  SigningRig rig;
  rig.host.set("late_after", "1");
  rig.send("a.freq", "data of a");
  rig.list();
  std::ignore = rig.run_once();
  const std::string stream = rig.receipts().rbegin()->second.head.stream;
  const auto hide = [](const std::string& path) {
    write_file(path, "nobody can read it");
    std::filesystem::permissions(path, std::filesystem::perms(0));
  };
  SECTION("a receipt") { hide(rig.lists() + "/" + link::receipt_of("south", "0123456789abcdef", 1)); }
  SECTION("a list") { hide(rig.lists() + "/" + link::list_of("north", rig.north.stream(), 2)); }
  rig.put("unlisted.freq", container("nobody lists it"));
  const WithoutOverride without;
  rig.start();
  rig.settle(2000 * kSecond);
  CHECK(rig.quarantined().size() == 1);
}

TEST_CASE("The text of a receipt in our name that our key did not sign is not read") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  std::ignore = rig.run_once();
  const bool is_of_our_stream = GENERATE(false, true);
  const std::string stream =
      is_of_our_stream ? rig.receipts().rbegin()->second.head.stream : "0123456789abcdef";
  const std::string name = link::receipt_of("south", stream, 77);
  write_file(rig.lists() + "/" + name, std::string(1 << 20, 'x'));
  const bool has_signature = GENERATE(false, true);
  if (has_signature)
    write_file(rig.lists() + "/" + link::signature_of(name),
               link::sign_file(link::SigningKey::generate(), "text", name));
  rig.send("b.freq", "data of b");
  rig.list();
  {
    const Unreadable unreadable(name);
    rig.start();
    rig.settle(10 * kSecond);
    CHECK(failed_reads == 0);
  }
  CHECK(rig.delivered() == Names{"a", "b"});
  CHECK(rig.events("journal_damaged").empty());
  std::filesystem::remove(rig.lists() + "/" + name);
  CHECK(rig.receipts().size() == 2);
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

TEST_CASE(
    "Receipts of a receiver whose place is read-only go to the folder of the state, for somebody to carry") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  const auto mount = [](const std::string& words) {
    return run({.argv = {"sh", "-c", "PATH=$PATH:/sbin:/usr/sbin; " + words}}).status == 0;
  };
  const std::string inbox = rig.directory / "inbox";
  const bool is_mounted =
      mount("mount --bind " + inbox + " " + inbox + " && mount -o remount,bind,ro " + inbox);
  if (!is_mounted) {
    WARN("skipped: cannot mount here");
    return;
  }
  const std::string folder = link::imported_receipts_of(rig.lock());
  std::ignore = rig.run_once();
  CHECK(rig.delivered() == Names{"a"});
  auto receipts = receipts_of(rig, rig.key, folder);
  REQUIRE(receipts.size() == 1);
  CHECK(receipts.at(1).outcomes.back().outcome == link::Outcome::kDelivered);
  CHECK_FALSE(rig.host.logged("receipts: "));
  json::Document said = command_json(rig.host, {"explain", rig.inbox("a.freq")});
  REQUIRE(said["receipts"].Size() == 1);
  CHECK(said["receipts"][0]["receipt"].GetUint64() == 1);
  // It can be written again: receipts go on there, in their stream.
  REQUIRE(mount("umount -l " + inbox));
  rig.send("b.freq", "data of b");
  rig.list();
  std::ignore = rig.run_once();
  receipts = rig.receipts();
  REQUIRE(receipts.size() == 1);
  CHECK(receipts.contains(2));
}

TEST_CASE("A list that comes again is answered again where the last receipt is not in the folder any more") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  const link::List list = rig.north.next_list();
  rig.north.write(list, rig.inbox());
  rig.start();
  rig.settle(10 * kSecond);
  const auto before = rig.receipts();
  REQUIRE_FALSE(before.empty());
  const std::uint64_t last = before.rbegin()->first;
  const auto carry_away = [&] {
    for (const std::string& name : test::list(rig.lists()))
      if (name.find(".receipt") != std::string::npos) std::filesystem::remove(rig.lists() + "/" + name);
  };
  // As often as it comes, while the answer to it is there.
  const auto send_again = [&] {
    rig.north.write(list, rig.inbox());
    rig.settle(10 * kSecond);
  };
  send_again();
  CHECK(rig.receipts().size() == before.size());
  carry_away();
  rig.settle(60 * kSecond);
  CHECK(rig.receipts().empty());
  SECTION("while the relay runs") { send_again(); }
  SECTION("while it does not run") {
    rig.stop();
    rig.north.write(list, rig.inbox());
    rig.start();
    rig.settle(10 * kSecond);
  }
  SECTION("before a run with --once") {
    rig.stop();
    rig.north.write(list, rig.inbox());
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  }
  const auto after = rig.receipts();
  REQUIRE(after.size() == 1);
  const link::Receipt& again = after.begin()->second;
  CHECK(again.head.number == last + 1);
  CHECK(again.head.previous == link::sha256_hex(link::receipt_text(before.rbegin()->second)));
  CHECK(again.outcomes == before.rbegin()->second.outcomes);
  CHECK(again.list_digest == before.rbegin()->second.list_digest);
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

}  // namespace
}  // namespace paxect::test

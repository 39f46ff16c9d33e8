// Journals and logs that were put back from a backup, or lost: what lists and receipts in the places show is
// not sent or delivered again.
#include <chrono>
#include <filesystem>
#include <map>
#include <set>

#include "link/commands/command_rig.h"
#include "link/receipt_rig.h"
#include "link/receiver_rig.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/read_fault.h"

namespace paxect::test {
namespace {

// A relay's state and log, as a backup has them.
class Backup {
 public:
  explicit Backup(const LinkRig& rig)
      : journal_(link::journal_of(rig.lock())),
        log_(rig.log_path()),
        old_journal_(exists(journal_) ? read_file(journal_) : ""),
        old_log_(exists(log_) ? read_file(log_) : "") {}

  void put_back() const {
    write_file(journal_, old_journal_);
    write_file(log_, old_log_);
  }
  void lose() const {
    std::filesystem::remove(journal_);
    std::filesystem::remove(log_);
  }

 private:
  std::string journal_;
  std::string log_;
  std::string old_journal_;
  std::string old_log_;
};

// The clock of the relay is that of the files.
void follow_clock(FakeHost& host) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  host.set_realtime_ns(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count() + 1);
}

// The receiver has taken what has its final name, but for the lists.
void take_all(const std::string& outbox) {
  for (const std::string& name : list(outbox))
    if (name != link::kProofFolder) std::filesystem::remove(outbox + "/" + name);
}

// Sources stay after their delivery.
void keep_sources(const LinkRig& rig, const std::string& node) {
  write_file(rig.policy(), "{\"trusted_nodes\": [\"" + node +
                               "\"], \"allowed_suffixes\": [\".txt\", \".freq\"], \"auto_delete\": false}\n");
}

void touch(const std::string& path) {
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now());
}

}  // namespace

TEST_CASE("A sender whose journal and log were put back sends nothing again that its lists name") {
  ReceiptRig rig;
  const std::string keep = GENERATE("receipt", "30d", "no");
  const bool is_lost = GENERATE(false, true);
  INFO("keep " << keep << ", lost " << is_lost);
  rig.host.set("keep", keep);
  if (keep == "no") keep_sources(rig, "north");
  follow_clock(rig.host);
  rig.send("a.txt");
  const Backup backup(rig);
  rig.send("b.txt");
  rig.send("c.txt");
  const std::string stream = *rig.lists.streams().begin();
  const std::string last = link::sha256_hex(rig.lists.texts().at({stream, 3}));
  take_all(rig.outbox());
  if (is_lost)
    backup.lose();
  else
    backup.put_back();
  rig.put("new.txt", "new");
  follow_clock(rig.host);
  rig.run_once();
  CHECK(rig.delivered() == Names{"new.freq", "new.freq.sha256", "paxect.proof"});
  CHECK(rig.events("sent_before").size() == (is_lost ? 3 : 2));
  CHECK(rig.waiting() == Names{"a.txt", "b.txt", "c.txt", "new.txt"});
  rig.lists.read(rig.outbox());
  CHECK(rig.lists.streams().size() == 2);
  for (const link::List& each : rig.lists.lists())
    if (each.head.stream != stream) {
      CHECK(each.head.continues->stream == stream);
      CHECK(each.head.continues->number == 3);
      REQUIRE(each.entries.size() == 1);
      CHECK(each.entries[0].name == "new.freq");
    }
  take_all(rig.outbox());
  rig.run_once();
  CHECK(rig.delivered() == Names{"paxect.proof"});
  for (const LogEntry& entry : rig.log()) CHECK(fits_schema("link_plugin", "log", entry.line));
  // Whoever wants it sent again touches it.
  if (keep == "no") {
    touch(rig.inbox("b.txt"));
    rig.run_once();
    CHECK(rig.delivered() == Names{"b.freq", "b.freq.sha256", "paxect.proof"});
  }
  if (keep != "receipt") return;
  // They wait for receipts about the stream that they are in.
  rig.write_about({stream, 3}, last, rig.directory / "receipts", {{Outcome::kDelivered, 1, 3}}, 1, rig.south);
  rig.run_once();
  CHECK(rig.waiting() == Names{"new.txt"});
  CHECK(rig.events("receipt_reject").empty());
}

TEST_CASE("Wherever it is killed, a sender that was put back sends nothing twice that its lists name") {
  ReceiptRig rig;
  rig.host.set("keep", "no");
  keep_sources(rig, "north");
  follow_clock(rig.host);
  const Backup backup(rig);
  rig.send("a.txt");
  take_all(rig.outbox());
  backup.lose();
  follow_clock(rig.host);
  rig.start();
  rig.settle(5 * kSecond);
  REQUIRE(rig.events("sent_before").size() == 1);
  const std::string path = link::journal_of(rig.lock());
  const std::string journal = read_file(path);
  rig.stop();
  // Once the entry is recorded as lost, a kill may come after each record.
  const std::size_t lost = journal.find("\nlost ");
  REQUIRE(lost != std::string::npos);
  REQUIRE(journal.find("\nfound ") != std::string::npos);
  for (std::size_t end = journal.find('\n', lost + 1); end != std::string::npos;
       end = journal.find('\n', end + 1)) {
    INFO(journal.substr(lost + 1, end - lost));
    write_file(path, journal.substr(0, end + 1));
    rig.run_once();
    CHECK(rig.delivered() == Names{"paxect.proof"});
    take_all(rig.outbox());
  }
}

TEST_CASE(
    "Wherever it is killed, a sender without a journal sends nothing again that lists of any stream name") {
  ReceiptRig rig;
  rig.host.set("keep", "no");
  keep_sources(rig, "north");
  follow_clock(rig.host);
  const Backup backup(rig);
  rig.send("a.txt");
  backup.lose();
  follow_clock(rig.host);
  rig.send("b.txt");
  REQUIRE(rig.lists.streams().size() == 2);
  take_all(rig.outbox());
  backup.lose();
  follow_clock(rig.host);
  rig.start();
  rig.settle(5 * kSecond);
  REQUIRE(rig.events("sent_before").size() >= 2);
  const std::string path = link::journal_of(rig.lock());
  const std::string journal = read_file(path);
  rig.stop();
  const std::size_t first = std::min(journal.find("\nlost "), journal.find("\nsender "));
  REQUIRE(first != std::string::npos);
  for (std::size_t end = journal.find('\n', first + 1); end != std::string::npos;
       end = journal.find('\n', end + 1)) {
    INFO(journal.substr(first + 1, end - first));
    write_file(path, journal.substr(0, end + 1));
    rig.run_once();
    CHECK(rig.delivered() == Names{"paxect.proof"});
    take_all(rig.outbox());
  }
}

TEST_CASE("Receipts count about lists after a gap that a journal does not know which was put back") {
  ReceiptRig rig;
  follow_clock(rig.host);
  rig.send("a.txt");
  const Backup backup(rig);
  rig.send("b.txt");
  rig.send("c.txt");
  const std::string stream = *rig.lists.streams().begin();
  const std::string last = link::sha256_hex(rig.lists.texts().at({stream, 3}));
  write_file(rig.outbox("paxect.proof/" + link::list_of("north", stream, 2)), "damaged");
  take_all(rig.outbox());
  backup.put_back();
  follow_clock(rig.host);
  rig.run_once();
  CHECK(rig.delivered() == Names{"b.freq", "b.freq.sha256", "paxect.proof"});
  CHECK(rig.waiting() == Names{"a.txt", "b.txt", "c.txt"});
  rig.run_once();
  rig.write_about({stream, 3}, last, rig.directory / "receipts", {{Outcome::kDelivered, 1, 3}}, 1, rig.south);
  rig.run_once();
  CHECK(rig.waiting() == Names{"b.txt"});
  CHECK(rig.events("receipt_reject").empty());
}

TEST_CASE("Each of two sources of one container stays when the journal is put back") {
  ReceiptRig rig;
  follow_clock(rig.host);
  rig.send("first.txt");
  const Backup backup(rig);
  rig.put("a.txt", "same");
  rig.put("a.csv", "same");
  rig.run_once();
  REQUIRE(rig.waiting() == Names{"a.csv", "a.txt", "first.txt"});
  if (GENERATE(false, true)) take_all(rig.outbox());
  backup.put_back();
  follow_clock(rig.host);
  for (int i = 0; i < 3; ++i) rig.run_once();
  CHECK(rig.waiting() == Names{"a.csv", "a.txt", "first.txt"});
  CHECK(rig.events("sent_before").size() == 1);
}

TEST_CASE("A sender that was put back makes no list while one of its own cannot be read") {
  ReceiptRig rig;
  follow_clock(rig.host);
  rig.send("a.txt");
  const Backup backup(rig);
  rig.send("b.txt");
  const std::string stream = *rig.lists.streams().begin();
  const std::string name = link::list_of("north", stream, 2);
  const std::string text = rig.lists.texts().at({stream, 2});
  take_all(rig.outbox());
  backup.put_back();
  std::filesystem::remove(rig.inbox("b.txt"));
  rig.put("c.txt", "c");
  follow_clock(rig.host);
  const bool is_signature = GENERATE(false, true);
  INFO(is_signature);
  unreadable_end = "/" + (is_signature ? link::signature_of(name) : name);
  rig.start();
  rig.settle(5 * kSecond);
  unreadable_end.clear();
  CHECK(rig.host.logged(name));
  CHECK(list(rig.outbox("paxect.proof")).size() == 4);
  rig.settle(200 * kSecond);
  CHECK(read_file(rig.outbox("paxect.proof/" + name)) == text);
  rig.lists.read(rig.outbox());
  rig.lists.check_chains();
  CHECK(rig.lists.streams().size() == 2);
}

TEST_CASE("A sender that was put back holds what its receipts say was listed where the lists are gone") {
  ReceiptRig rig;
  follow_clock(rig.host);
  rig.send("a.txt");
  const Backup backup(rig);
  rig.send("b.txt");
  rig.made = rig.host.realtime_ns() / 1'000'000'000;
  rig.write({{Outcome::kDelivered, 1, 2}});
  take_all(rig.outbox());
  std::filesystem::remove_all(rig.outbox("paxect.proof"));
  backup.put_back();
  follow_clock(rig.host);
  rig.run_once();
  CHECK(rig.delivered() == Names{"paxect.proof"});
  CHECK(rig.waiting() == Names{"a.txt", "b.txt"});
  REQUIRE(rig.events("held").size() == 1);
  CHECK(rig.events("held")[0].source == rig.inbox("b.txt"));
  touch(rig.inbox("b.txt"));
  rig.run_once();
  CHECK(rig.delivered() == Names{"b.freq", "b.freq.sha256", "paxect.proof"});
}

TEST_CASE("A receipt about lists that a sender does not know can be imported, and begins another stream") {
  ReceiptRig rig;
  follow_clock(rig.host);
  rig.send("a.txt");
  const Backup backup(rig);
  rig.send("b.txt");
  const std::string stream = *rig.lists.streams().begin();
  rig.made = rig.host.realtime_ns() / 1'000'000'000;
  std::filesystem::create_directory(rig.directory / "mail");
  const std::string path = rig.write(rig.directory / "mail", {{Outcome::kDelivered, 1, 2}}, 1, rig.south);
  take_all(rig.outbox());
  std::filesystem::remove_all(rig.outbox("paxect.proof"));
  backup.put_back();
  const CommandResult imported = command(rig.host, {"receipt", "import", path});
  INFO(imported.output);
  CHECK(imported.status == PAXECT_PLUGIN_OK);
  CHECK(imported.output.find("it confirms nothing, and the relay begins another stream") !=
        std::string::npos);
  follow_clock(rig.host);
  rig.run_once();
  CHECK(rig.waiting() == Names{"a.txt", "b.txt"});
  CHECK(rig.delivered() == Names{"paxect.proof"});
  rig.put("c.txt", "c");
  rig.run_once();
  SentLists lists = rig.lists;
  lists.read(rig.outbox());
  CHECK(lists.streams().size() == 2);
}

TEST_CASE("What was put there after a journal was put back is sent, whatever lists name") {
  ReceiptRig rig;
  follow_clock(rig.host);
  const Backup backup(rig);
  rig.send("a.txt");
  take_all(rig.outbox());
  backup.lose();
  std::filesystem::remove(rig.inbox("a.txt"));
  // The clock of a file may be some milliseconds behind.
  rig.host.set_realtime_ns(rig.host.realtime_ns() - 10'000'000'000);
  rig.run_once();
  rig.put("a.txt", "contents of a.txt");
  rig.run_once();
  CHECK(rig.delivered() == Names{"a.freq", "a.freq.sha256", "paxect.proof"});
  CHECK(rig.events("sent_before").empty());
}

TEST_CASE("A list that is damaged hides nothing that the other ones name from a sender that was put back") {
  ReceiptRig rig;
  follow_clock(rig.host);
  const Backup backup(rig);
  for (const char* name : {"a.txt", "b.txt", "c.txt"}) rig.send(name);
  const std::string stream = *rig.lists.streams().begin();
  write_file(rig.outbox("paxect.proof/" + link::list_of("north", stream, 2)), "damaged");
  take_all(rig.outbox());
  backup.lose();
  follow_clock(rig.host);
  rig.run_once();
  CHECK(rig.delivered() == Names{"b.freq", "b.freq.sha256", "paxect.proof"});
  CHECK(rig.events("sent_before").size() == 2);
}

TEST_CASE("A receiver whose journal and log were put back delivers nothing again that its receipts name") {
  SigningRig rig;
  keep_sources(rig, "south");
  const bool is_lost = GENERATE(false, true);
  const bool knows_stream = GENERATE(false, true);
  INFO("lost " << is_lost << ", knows the stream " << knows_stream);
  if (knows_stream) {
    rig.send("a.freq", "data of a");
    rig.list();
  }
  std::ignore = rig.run_once();
  const Backup backup(rig);
  for (const char* name : {"b", "c"}) rig.send(std::string(name) + ".freq", std::string("data of ") + name);
  rig.list();
  std::ignore = rig.run_once();
  REQUIRE(rig.content("c") == "data of c");
  const std::uint64_t last = rig.receipts().rbegin()->first;
  for (const std::string& name : rig.delivered()) std::filesystem::remove(rig.outbox(name));
  if (is_lost)
    backup.lose();
  else
    backup.put_back();
  rig.send("new.freq", "new");
  rig.list();
  std::ignore = rig.run_once();
  CHECK(rig.delivered().empty());
  REQUIRE(rig.events("journal_damaged").size() == 1);
  const std::string message = rig.events("journal_damaged")[0].message;
  INFO(message);
  CHECK(message.find("." + std::to_string(last) + ".receipt") != std::string::npos);
  // What is held may be delivered when somebody touches it, and what is known to be delivered is not.
  for (const char* name : {"b.freq", "c.freq", "new.freq"}) touch(rig.inbox(name));
  std::ignore = rig.run_once();
  std::ignore = rig.run_once();
  CHECK(rig.delivered() == Names{"new"});
  CHECK(rig.events("journal_damaged").size() == 1);
  const std::uint64_t all = knows_stream ? 4 : 3;
  std::set<std::string> streams;
  std::optional<link::Receipt> newest;
  for (const std::string& name : test::list(rig.lists())) {
    if (!name.ends_with(".receipt")) continue;
    link::Receipt receipt;
    REQUIRE(link::parse_receipt(read_file(rig.lists() + "/" + name), &receipt).ok());
    if (!newest || receipt.outcomes.back().last >= newest->outcomes.back().last) newest = receipt;
  }
  REQUIRE(newest);
  CHECK(newest->outcomes == std::vector<link::OutcomeRange>{{link::Outcome::kDelivered, 1, all}});
  for (const LogEntry& entry : rig.log()) CHECK(fits_schema("link_plugin", "log", entry.line));
}

TEST_CASE("A receiver whose journal was put back does not start while its only receipt cannot be read") {
  SigningRig rig;
  keep_sources(rig, "south");
  std::ignore = rig.run_once();
  const Backup backup(rig);
  rig.send("a.freq", "data of a");
  rig.list();
  std::ignore = rig.run_once();
  REQUIRE(rig.content("a") == "data of a");
  REQUIRE(rig.receipts().size() == 1);
  const link::Receipt receipt = rig.receipts().begin()->second;
  backup.put_back();
  std::filesystem::remove(rig.outbox("a"));
  const std::string name = link::receipt_of("south", receipt.head.stream, 1);
  const bool is_signature = GENERATE(false, true);
  INFO(is_signature);
  {
    const Unreadable unreadable("/" + (is_signature ? link::signature_of(name) : name));
    std::ignore = rig.run_once();
  }
  CHECK(rig.host.logged("Input/output error"));
  CHECK(rig.delivered().empty());
  std::ignore = rig.run_once();
  CHECK(rig.delivered().empty());
  REQUIRE(rig.events("journal_damaged").size() == 1);
  CHECK(rig.events("journal_damaged")[0].message.find(name) != std::string::npos);
}

TEST_CASE("A receipt of another key, or of another relay in a folder that both have, says nothing") {
  SigningRig rig;
  keep_sources(rig, "south");
  rig.host.set("receipts", rig.directory / "receipts");
  rig.send("a.freq", "data of a");
  rig.list();
  std::filesystem::create_directories(rig.directory / "receipts");
  link::Receipt receipt;
  receipt.head = {.from = "south",
                  .to = {"north"},
                  .stream = "00000000000000ab",
                  .continues = {},
                  .number = 1,
                  .previous = "",
                  .made = 1'767'323'045,
                  .log = {}};
  receipt.about = rig.north.stream();
  receipt.list = 1;
  receipt.list_digest = link::sha256_hex("a list");
  receipt.outcomes = {{link::Outcome::kDelivered, 1, 1}};
  const std::string name = link::receipt_of("south", "00000000000000ab", 1);
  const std::string text = link::receipt_text(receipt);
  const bool is_ours = GENERATE(false, true);
  INFO(is_ours);
  const link::SigningKey other = link::SigningKey::generate();
  const std::string folder = is_ours ? rig.directory / "receipts" : rig.lists();
  write_file(folder + "/" + link::signature_of(name), link::sign_file(is_ours ? rig.key : other, text, name));
  write_file(folder + "/" + name, text);
  std::ignore = rig.run_once();
  CHECK(rig.content("a") == "data of a");
  CHECK(rig.events("journal_damaged").empty());
}

}  // namespace paxect::test

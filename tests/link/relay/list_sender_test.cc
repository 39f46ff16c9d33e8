// When a sender makes lists, and when another stream of them begins.
#include "relay/list_sender.h"

#include <filesystem>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "link/chained_log.h"
#include "link/link_rig.h"
#include "link/sent_lists.h"
#include "proof/signature.h"
#include "support/catch.h"
#include "support/emulation.h"
#include "support/immutable.h"
#include "support/schemas.h"
#include "support/without_override.h"

namespace paxect::test {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

class SenderRig : public LinkRig {
 public:
  SenderRig() : lists(make_sign_key(directory / "key")) {
    host.set("mode", "send");
    host.set("node", "north");
    host.set("sign_key", "file:" + (directory / "key"));
  }

  std::string proof(const std::string& name = "") const { return outbox("paxect.proof/" + name); }
  void send(const std::string& name) {
    put(name, "contents of " + name);
    REQUIRE(run_once() == PAXECT_PLUGIN_OK);
    lists.read(outbox());
  }
  // The list that was read last in the order of its stream, and the only one of another stream.
  link::List last() const { return lists.lists().back(); }
  link::List first_of_other(const std::string& stream) const {
    for (const link::List& list : lists.lists())
      if (list.head.stream != stream && list.head.number == 1) return list;
    FAIL("there is one stream");
    return {};
  }

  SentLists lists;
};

}  // namespace

TEST_CASE("A sender lists every container that it sent, with its digest, in a chain of signed lists") {
  SenderRig rig;
  rig.host.set("recursive", "true");
  std::filesystem::create_directories(rig.inbox("a/b c"));
  rig.put("one.txt", "1");
  rig.put("a/b c/two.txt", "2");
  rig.put("pair.txt", "one of two that want a name");
  rig.put("pair.csv", "the other one");
  rig.put("for.freq", container_of("forwarded"));
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  rig.send("later.txt");
  rig.lists.check_chains();
  REQUIRE(rig.lists.texts().size() == 2);
  std::set<std::string> names;
  for (const link::List& list : rig.lists.lists())
    for (const link::ListEntry& entry : list.entries) {
      CHECK(entry.digest == link::sha256_hex(read_file(rig.outbox(entry.name))));
      names.insert(entry.name);
    }
  CHECK(names.size() == 6);
  CHECK(names.contains("a/b c/two.freq"));
  CHECK(names.contains("for.freq"));
  CHECK(rig.events("list").size() == 2);
  CHECK(rig.events("list_stream").size() == 1);
  for (const LogEntry& entry : rig.log()) CHECK(fits_schema("link_plugin", "log", entry.line));
}

TEST_CASE("A list states the head of the log as it was, over restarts") {
  SenderRig rig;
  std::uint64_t before = 0;
  for (const std::string name : {"a.txt", "b.txt", "c.txt"}) {
    rig.send(name);
    const link::LogHead head = rig.last().head.log;
    INFO(name << " " << head.lines);
    CHECK_FALSE(line_with(rig.log_path(), head).empty());
    CHECK(head.lines > before);
    before = head.lines;
  }
  // The line of a container is in the head of the list after the one that names it, at the latest.
  CHECK(line_of_event(rig.log_path(), "encode", "b.txt") <= before);
  CHECK(line_of_event(rig.log_path(), "encode", "b.txt") > 0);
}

TEST_CASE("A sender reports the containers in its outbox that were sent before there was a key") {
  SenderRig rig;
  rig.host.set("sign_key", "");
  rig.host.set("recursive", "true");
  std::filesystem::create_directories(rig.inbox("sub"));
  rig.put("a.txt", "a");
  rig.put("sub/b.txt", "b");
  rig.run_once();
  rig.host.set("sign_key", "file:" + (rig.directory / "key"));
  rig.send("c.txt");
  REQUIRE(rig.events("list_stream").size() == 1);
  const LogEntry event = rig.events("list_stream")[0];
  CHECK(event.level == "warn");
  CHECK(event.message.find("no list of this node names the 2 containers that are in the outbox already") !=
        std::string::npos);
  CHECK(fits_schema("link_plugin", "log", event.line));
  rig.run_once();
  CHECK(rig.events("list_stream").size() == 1);
}

TEST_CASE("A list is logged once, also when the relay ends before its journal says that it has its name") {
  SenderRig rig;
  rig.start();
  rig.put("a.txt", "a");
  rig.put("b.txt", "b");
  rig.settle(5 * kSecond);
  REQUIRE(rig.events("list").size() == 1);
  const std::string path = link::journal_of(rig.lock());
  std::string journal = read_file(path);
  const std::string log = read_file(rig.log_path());
  rig.stop();
  const std::size_t listed = journal.find("\nlisted ");
  REQUIRE(listed != std::string::npos);
  // As a kill leaves it after the line of the log, and, for comparison, before it.
  write_file(path, journal.substr(0, listed + 1));
  const bool is_logged = GENERATE(true, false);
  INFO(is_logged);
  std::string left = log;
  const std::size_t line = log.rfind('\n', log.find("\"event\": \"list\"")) + 1;
  if (!is_logged) left.erase(line);
  write_file(rig.log_path(), left);
  rig.start();
  rig.settle(5 * kSecond);
  CHECK(rig.events("list").size() == 1);
}

TEST_CASE("A container that is there already and listed gets no second entry") {
  SenderRig rig;
  rig.send("a.txt");
  rig.send("a.txt");
  rig.run_once();
  CHECK(rig.events("duplicate").size() == 1);
  CHECK(rig.lists.texts().size() == 1);
  rig.lists.check_covers(rig.outbox());
  // One that was there before the lists began is listed.
  SenderRig other;
  other.host.set("sign_key", "");
  other.put("a.txt", "contents of a.txt");
  CHECK(other.run_once() == PAXECT_PLUGIN_OK);
  other.host.set("sign_key", "file:" + (other.directory / "key"));
  other.send("a.txt");
  other.lists.check_covers(other.outbox());
}

TEST_CASE("A container that is there already is listed again for receivers that no list of it is for") {
  SenderRig rig;
  rig.host.set("to", "south");
  rig.send("a.txt");
  const link::EarlierEntry first{rig.last().head.stream, 1};
  rig.host.set("to", "south east");
  rig.send("a.txt");
  CHECK(rig.events("duplicate").size() == 1);
  REQUIRE(rig.lists.texts().size() == 2);
  CHECK(rig.last().head.to == std::vector<std::string>{"south", "east"});
  REQUIRE(rig.last().entries.size() == 1);
  CHECK(rig.last().entries[0].again == first);
  // Both have an entry now, also where one of them is left.
  rig.send("a.txt");
  rig.host.set("to", "east");
  rig.send("a.txt");
  CHECK(rig.lists.texts().size() == 2);
  rig.host.set("to", "west");
  rig.send("a.txt");
  rig.host.set("to", "*");
  rig.send("a.txt");
  REQUIRE(rig.lists.texts().size() == 4);
  for (const link::List& list : rig.lists.lists())
    if (list.head.number > 1) CHECK(list.entries.at(0).again == first);
  // Whoever has the list has the container.
  rig.host.set("to", "south north-east");
  rig.send("a.txt");
  CHECK(rig.lists.texts().size() == 4);
  CHECK(rig.events("duplicate").size() == 6);
  rig.lists.check_chains();
}

TEST_CASE("A list is there list_ms after the last container, and not before") {
  SenderRig rig;
  rig.host.set("list_ms", "5000");
  rig.start();
  rig.put("a.txt", "a");
  rig.settle(4 * kSecond);
  CHECK(rig.delivered() == Names{"a.freq", "a.freq.sha256"});
  rig.settle(2 * kSecond);
  rig.lists.read(rig.outbox());
  CHECK(rig.lists.texts().size() == 1);
  rig.lists.check_covers(rig.outbox());
}

TEST_CASE("An empty list follows within the time that the one before gives, over a restart too") {
  SenderRig rig;
  rig.host.set("within", "100");
  rig.send("a.txt");
  CHECK(rig.last().within == 100);
  rig.start();
  rig.settle(99 * kSecond);
  rig.stop();
  rig.lists.read(rig.outbox());
  CHECK(rig.lists.texts().size() == 1);
  rig.host.set_realtime_ns(rig.host.realtime_ns() + 99'000'000'000);
  rig.start();
  rig.settle(2 * kSecond);
  rig.lists.read(rig.outbox());
  REQUIRE(rig.lists.texts().size() == 2);
  CHECK(rig.last().entries.empty());
  rig.lists.check_chains();
  // Without any container, from the start on.
  SenderRig other;
  other.host.set("within", "100");
  other.start();
  other.settle(301 * kSecond);
  other.lists.read(other.outbox());
  CHECK(other.lists.texts().size() == 3);
}

TEST_CASE("Without the credential that sign_key names a relay does not start, and no source goes unsigned") {
  SenderRig rig;
  rig.host.set("sign_key", "credential:sign_key");
  unsetenv("CREDENTIALS_DIRECTORY");
  rig.host.set("to", "south");
  rig.host.set("keep", "receipt");
  rig.put("a.txt", "a");
  PluginDriver relay(load_plugin(PAXECT_TEST_PLUGINS "/link.so"), rig.host);
  REQUIRE(relay.init() == PAXECT_PLUGIN_OK);
  CHECK(relay.start() == PAXECT_PLUGIN_CONFIG);
  CHECK(relay.error().find("sign_key = 'credential:sign_key'") == 0);
  CHECK(exists(rig.inbox("a.txt")));
}

TEST_CASE("A list names the receivers that the setting to gives") {
  SenderRig rig;
  rig.host.set("to", "south west.example");
  rig.send("a.txt");
  CHECK(rig.last().head.to == std::vector<std::string>{"south", "west.example"});
}

TEST_CASE("Without a key there are no lists") {
  SenderRig rig;
  rig.host.set("sign_key", "");
  rig.send("a.txt");
  CHECK(rig.delivered() == Names{"a.freq", "a.freq.sha256"});
}

TEST_CASE("Another key begins another stream, which says what it continues") {
  SenderRig rig;
  rig.send("a.txt");
  rig.send("b.txt");
  const link::List before = rig.last();
  SentLists lists(make_sign_key(rig.directory / "other"));
  rig.host.set("sign_key", "file:" + (rig.directory / "other"));
  std::filesystem::rename(rig.proof(), rig.directory / "taken");
  rig.put("c.txt", "c");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  lists.read(rig.outbox());
  REQUIRE(lists.lists().size() == 1);
  const link::List after = lists.lists().front();
  CHECK(after.head.stream != before.head.stream);
  CHECK(after.head.number == 1);
  CHECK(after.first == 1);
  CHECK(after.head.continues == link::Continued{before.head.stream, 2});
}

TEST_CASE("A journal that was lost, put back or damaged begins another stream, and nothing is listed twice") {
  SenderRig rig;
  rig.send("a.txt");
  const std::string journal = link::journal_of(rig.lock());
  const std::string old = read_file(journal);
  const std::string old_log = read_file(rig.log_path());
  rig.send("b.txt");
  const link::List before = rig.last();
  const int how = GENERATE(0, 1, 2, 3);
  INFO(how);
  if (how == 0) std::filesystem::remove(journal);
  if (how == 1) write_file(journal, old);
  if (how == 2)
    write_file(journal, read_file(journal) + "damage\n" + old.substr(old.rfind('\n', old.size() - 2) + 1));
  // With its log: only the folder of the lists shows it.
  if (how == 3) write_file(journal, old);
  if (how == 3) write_file(rig.log_path(), old_log);
  // What is in the inbox at such a start would be held.
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  rig.send("c.txt");
  const link::List after = rig.first_of_other(before.head.stream);
  CHECK(after.head.continues == link::Continued{before.head.stream, 2});
  rig.lists.check_chains();
  rig.lists.check_covers(rig.outbox());
  // Once, not with every start.
  rig.send("d.txt");
  CHECK(rig.lists.streams().size() == 2);
  rig.lists.check_chains();
}

TEST_CASE("What somebody put under the name of the next list is replaced, and begins no other stream") {
  SenderRig rig;
  rig.send("a.txt");
  const link::List before = rig.last();
  const std::string next = link::list_of("north", before.head.stream, 2);
  const bool is_signature = GENERATE(false, true);
  const bool is_folder = GENERATE(false, true);
  INFO(is_signature << is_folder);
  const std::string path = rig.proof(is_signature ? link::signature_of(next) : next);
  if (is_folder)
    std::filesystem::create_directories(path + "/with a name in it");
  else
    write_file(path, "not ours\n");
  rig.put("b.txt", "b");
  rig.run_once();
  rig.run_once();
  // A folder is not removed: it has another name.
  std::size_t aside = 0;
  for (const std::string& name : list(rig.proof())) {
    if (!name.ends_with(".not-ours")) continue;
    std::filesystem::remove_all(rig.proof(name));
    ++aside;
  }
  CHECK(aside == (is_folder ? 1 : 0));
  rig.lists.read(rig.outbox());
  CHECK(rig.lists.streams().size() == 1);
  CHECK(rig.lists.texts().size() == 2);
  CHECK(rig.events("list_stream").size() == 1);
  rig.lists.check_chains();
  rig.lists.check_covers(rig.outbox());
}

TEST_CASE("What nobody may read under the name of the next list gets another name") {
  SenderRig rig;
  rig.send("a.txt");
  const std::string next = link::list_of("north", rig.last().head.stream, 2);
  const bool is_signature = GENERATE(false, true);
  INFO(is_signature);
  const std::string path = rig.proof(is_signature ? link::signature_of(next) : next);
  write_file(path, "not ours\n");
  std::filesystem::permissions(path, std::filesystem::perms(0));
  rig.put("b.txt", "b");
  {
    const WithoutOverride without;
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  }
  std::size_t aside = 0;
  for (const std::string& name : list(rig.proof())) {
    if (!name.ends_with(".not-ours")) continue;
    std::filesystem::remove(rig.proof(name));
    ++aside;
  }
  CHECK(aside == 1);
  rig.lists.read(rig.outbox());
  CHECK(rig.lists.streams().size() == 1);
  CHECK(rig.lists.texts().size() == 2);
  rig.lists.check_chains();
  rig.lists.check_covers(rig.outbox());
}

TEST_CASE("What nobody can remove from the name of the next list begins another stream") {
  SenderRig rig;
  rig.send("a.txt");
  const std::string stream = rig.last().head.stream;
  const std::string next = link::list_of("north", stream, 2);
  const bool is_signature = GENERATE(false, true);
  INFO(is_signature);
  const std::string path = rig.proof(is_signature ? link::signature_of(next) : next);
  write_file(path, "not ours\n");
  {
    const Immutable junk(path);
    if (!junk.is_set()) return skip("no file can be made immutable here");
    rig.start();
    rig.put("b.txt", "b");
    rig.settle(60 * kSecond);
    rig.stop();
    CHECK(read_file(path) == "not ours\n");
  }
  std::filesystem::remove(path);
  std::filesystem::remove(rig.proof(link::signature_of(next)));
  rig.lists.read(rig.outbox());
  CHECK(rig.first_of_other(stream).head.continues == link::Continued{stream, 1});
  CHECK(rig.lists.streams().size() == 2);
  rig.lists.check_chains();
  rig.lists.check_covers(rig.outbox());
}

TEST_CASE("Another text of the next list that our key signed stays, and another stream begins") {
  SenderRig rig;
  rig.send("a.txt");
  link::List other = rig.last();
  const std::string stream = other.head.stream;
  other.head.number = 2;
  other.head.previous = link::sha256_hex(link::list_text(rig.last()));
  other.first = 2;
  const std::string text = link::list_text(other);
  const std::string name = link::list_of("north", stream, 2);
  rig.start();
  link::SigningKey key;
  REQUIRE(link::SigningKey::parse(read_file(rig.directory / "key"), &key).ok());
  write_file(rig.proof(link::signature_of(name)), link::sign_file(key, text, name));
  write_file(rig.proof(name), text);
  rig.put("b.txt", "b");
  rig.settle(60 * kSecond);
  rig.stop();
  CHECK(read_file(rig.proof(name)) == text);
  rig.lists.read(rig.outbox());
  CHECK(rig.first_of_other(stream).head.continues->stream == stream);
}

TEST_CASE("Garbage over a list that has its name and is not known to have it gives no entry a second time") {
  SenderRig rig;
  rig.start();
  rig.put("a.txt", "a");
  rig.settle(5 * kSecond);
  REQUIRE(rig.events("list").size() == 1);
  const std::string path = link::journal_of(rig.lock());
  const std::string journal = read_file(path);
  rig.stop();
  write_file(path, journal.substr(0, journal.find("\nlisted ") + 1));
  rig.lists.read(rig.outbox());
  write_file(rig.proof(link::list_of("north", rig.last().head.stream, 1)), "garbage");
  rig.start();
  rig.settle(5 * kSecond);
  rig.stop();
  rig.lists.read(rig.outbox());
  CHECK(rig.lists.texts().size() == 1);
  rig.lists.check_covers(rig.outbox());
}

TEST_CASE("A forged list in the outbox begins no other stream") {
  SenderRig rig;
  rig.send("a.txt");
  const link::List before = rig.last();
  write_file(rig.proof(link::list_of("north", before.head.stream, 9)), "forged\n");
  write_file(rig.proof(link::list_of("north", "0123456789abcdef", 9)), "forged\n");
  rig.put("b.txt", "b");
  CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
  for (const char* stream : {"0123456789abcdef", before.head.stream.c_str()})
    std::filesystem::remove(rig.proof(link::list_of("north", stream, 9)));
  rig.lists.read(rig.outbox());
  CHECK(rig.lists.streams().size() == 1);
  rig.lists.check_chains();
}

TEST_CASE("proof_also gets a copy of each list, also of those that were made while it was away") {
  SenderRig rig;
  rig.host.set("proof_also", rig.directory / "second");
  rig.put("a.txt", "a");
  rig.start();
  rig.settle(2 * kSecond);
  CHECK(rig.host.logged("second"));
  rig.put("b.txt", "b");
  rig.settle(2 * kSecond);
  std::filesystem::create_directory(rig.directory / "second");
  rig.settle(60 * kSecond);
  rig.stop();
  CHECK(list(rig.directory / "second") == list(rig.proof()));
  for (const std::string& name : list(rig.proof()))
    CHECK(read_file(rig.directory / ("second/" + name)) == read_file(rig.proof(name)));
  rig.lists.read(rig.outbox());
  CHECK(rig.lists.texts().size() == 2);
}

TEST_CASE("A folder of lists that cannot be written holds up no container, and is tried again") {
  SenderRig rig;
  rig.send("a.txt");
  std::filesystem::rename(rig.proof(), rig.directory / "aside");
  write_file(rig.outbox("paxect.proof"), "a file");
  rig.put("b.txt", "b");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(exists(rig.outbox("b.freq")));
  std::filesystem::remove(rig.outbox("paxect.proof"));
  std::filesystem::rename(rig.directory / "aside", rig.proof());
  rig.send("c.txt");
  CHECK(rig.lists.streams().size() == 1);
  rig.lists.check_chains();
  rig.lists.check_covers(rig.outbox());
}

}  // namespace paxect::test

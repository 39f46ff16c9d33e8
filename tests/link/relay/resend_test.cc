// What `resend` sends again by a request of a receiver, from the sources that are kept.
#include <filesystem>

#include "base/digest.h"
#include "link/commands/command_rig.h"
#include "link/receipt_rig.h"
#include "link/scratch_mount.h"
#include "support/catch.h"
#include "support/emulation.h"

namespace paxect::test {

TEST_CASE("resend sends what a receiver misses again, under the same number") {
  ReceiptRig rig;
  rig.put("a.txt", "a");
  rig.send("b.txt");
  const auto entries = rig.lists.lists().back().entries;
  const std::string lost = entries[1].name;
  std::filesystem::remove(rig.outbox(lost));
  std::filesystem::remove(rig.outbox(lost + ".sha256"));
  const std::string request = rig.write({{Outcome::kDelivered, 1, 1}, {Outcome::kMissing, 2, 2}});
  CHECK(command_json(rig.host, {"resend", request})["resent"].GetUint64() == 1);
  rig.run_once();
  CHECK(link::sha256_hex(read_file(rig.outbox(lost))) == entries[1].digest);
  rig.lists.read(rig.outbox());
  CHECK(rig.lists.texts().size() == 1);
  CHECK(rig.waiting().size() == 1);
  // Once.
  std::filesystem::remove(rig.outbox(lost));
  std::filesystem::remove(rig.outbox(lost + ".sha256"));
  rig.run_once();
  CHECK_FALSE(exists(rig.outbox(lost)));
  rig.write({{Outcome::kDelivered, 1, 2}}, 2);
  rig.run_once();
  CHECK(rig.waiting().empty());
  // Whose source is gone cannot be sent again.
  CHECK(command_json(rig.host, {"resend", request}, PAXECT_PLUGIN_INCOMPLETE)["resent"].GetUint64() == 0);
}

TEST_CASE("resend sends nothing in the place of a source that was replaced") {
  ReceiptRig rig;
  rig.send("a.txt");
  rig.put("a.txt", "other contents");
  rig.run_once();
  rig.lists.read(rig.outbox());
  REQUIRE(rig.lists.texts().size() == 2);
  const std::string request = rig.write({{Outcome::kMissing, 1, 1}, {Outcome::kDelivered, 2, 2}});
  CHECK(command_json(rig.host, {"resend", request}, PAXECT_PLUGIN_INCOMPLETE)["resent"].GetUint64() == 0);
  rig.run_once();
  CHECK(rig.waiting().empty());
  rig.run_once();
  rig.lists.read(rig.outbox());
  CHECK(rig.lists.texts().size() == 2);
  rig.lists.check_covers(rig.outbox());
}

TEST_CASE("resend says that a source which somebody removed is not kept") {
  ReceiptRig rig;
  rig.host.set("recursive", "true");
  std::filesystem::create_directory(rig.inbox("folder"));
  rig.put("folder/b.txt", "b");
  rig.put("c.txt", "c");
  rig.send("a.txt");
  REQUIRE(rig.lists.lists().back().entries.size() == 3);
  const std::string request = rig.write({{Outcome::kMissing, 1, 3}});
  auto resent = [&](paxect_plugin_status status) {
    return command_json(rig.host, {"resend", request}, status)["resent"].GetUint64();
  };
  CHECK(resent(PAXECT_PLUGIN_OK) == 3);
  std::filesystem::remove(rig.inbox("folder/b.txt"));
  CHECK(resent(PAXECT_PLUGIN_INCOMPLETE) == 2);
  std::filesystem::remove(rig.inbox("a.txt"));
  CHECK(resent(PAXECT_PLUGIN_INCOMPLETE) == 1);
  std::filesystem::remove_all(rig.inbox("folder"));
  CHECK(resent(PAXECT_PLUGIN_INCOMPLETE) == 1);
  // A directory that is another place shows nothing of what was in the inbox.
  std::filesystem::rename(rig.inbox(), rig.directory / "away");
  std::filesystem::create_directory(rig.inbox());
  CHECK(resent(PAXECT_PLUGIN_OK) == 3);
}

TEST_CASE("resend waits for the relay where the file system of the source is not mounted") {
  ReceiptRig rig;
  rig.host.set("recursive", "true");
  std::string mounted;
  std::string source;
  SECTION("that of a folder") {
    mounted = rig.inbox("dept");
    source = "dept/b.txt";
  }
  SECTION("that of the inbox, beside a copy of it") {
    mounted = rig.inbox();
    std::filesystem::remove(mounted);
    source = "b.txt";
  }
  ScratchMount memory({"-t", "tmpfs", "none"});
  if (!memory.mount(mounted)) return skip("nothing can be mounted here");
  rig.send(source);
  REQUIRE(exists(rig.inbox(source)));
  const std::string request = rig.write({{Outcome::kMissing, 1, 1}});
  auto resent = [&](paxect_plugin_status status) {
    return command_json(rig.host, {"resend", request}, status)["resent"].GetUint64();
  };
  const std::string marker = rig.inbox(".paxect-place");
  const std::string token = read_file(marker);
  memory.unmount(true);
  if (mounted == rig.inbox()) write_file(marker, token);
  CHECK(resent(PAXECT_PLUGIN_OK) == 1);
}

namespace {

// Two containers, of which b is missing, and is asked for again.
void resend_one(ReceiptRig* rig) {
  rig->put("a.txt", "a");
  rig->send("b.txt");
  for (const char* name : {"a.freq", "a.freq.sha256", "b.freq", "b.freq.sha256"})
    std::filesystem::remove(rig->outbox(name));
  const std::string request = rig->write({{Outcome::kDelivered, 1, 1}, {Outcome::kMissing, 2, 2}});
  CHECK(command_json(rig->host, {"resend", request})["resent"].GetUint64() == 1);
}

void check_one_entry(ReceiptRig* rig) {
  rig->lists.read(rig->outbox());
  std::size_t entries = 0;
  for (const link::List& list : rig->lists.lists()) entries += list.entries.size();
  CHECK(entries == 2);
}

}  // namespace

TEST_CASE("A receipt that comes before the relay sends again lets the source go") {
  ReceiptRig rig;
  resend_one(&rig);
  const bool auto_delete = GENERATE(true, false);
  const bool is_restarted = GENERATE(true, false);
  INFO(auto_delete << is_restarted);
  const auto write_policy = [&](const std::string& suffix) {
    write_file(rig.policy(), R"({"trusted_nodes": ["north"], "allowed_suffixes": [")" + suffix +
                                 R"("], "auto_delete": )" + (auto_delete ? "true}" : "false}"));
  };
  write_policy(is_restarted ? ".csv" : ".txt");
  // The journal has that it is to be sent again, before the receipt comes.
  if (is_restarted) rig.run_once();
  write_policy(".txt");
  rig.write({{Outcome::kDelivered, 1, 2}}, 2);
  rig.run_once();
  CHECK_FALSE(exists(rig.outbox("b.freq")));
  rig.run_once();
  rig.run_once();
  CHECK(rig.waiting().empty() == auto_delete);
  check_one_entry(&rig);
}

TEST_CASE("A container whose keeping ends while it waits to be sent again keeps its number") {
  ReceiptRig rig;
  resend_one(&rig);
  SECTION("at the end of its time") {
    rig.host.set("keep", "1s");
    rig.host.set_realtime_ns(rig.host.realtime_ns() + 2'000'000'000);
  }
  SECTION("by the operator") {
    rig.write({{Outcome::kDelivered, 1, 1}, {Outcome::kRefused, 2, 2, "written_off"}}, 2);
    rig.run_once();
    std::filesystem::remove(rig.outbox("b.freq"));
    std::filesystem::remove(rig.outbox("b.freq.sha256"));
    const std::string request =
        rig.directory / "receipts/" + link::receipt_of("south", "00000000000000ab", 1);
    CHECK(command_json(rig.host, {"resend", request})["resent"].GetUint64() == 1);
    command_json(rig.host, {"write_off", rig.lists.lists().back().head.stream, "lost"});
  }
  rig.run_once();
  CHECK(exists(rig.outbox("b.freq")));
  rig.write({{Outcome::kDelivered, 1, 2}}, 3);
  rig.run_once();
  rig.run_once();
  CHECK(rig.waiting().empty());
  check_one_entry(&rig);
}

}  // namespace paxect::test

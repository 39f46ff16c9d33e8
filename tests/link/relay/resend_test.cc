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

}  // namespace paxect::test

// More containers than a list has entries.
#include <filesystem>

#include "link/commands/command_rig.h"
#include "link/receiver_rig.h"
#include "link/sent_lists.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr std::size_t kFiles = 600;

}  // namespace

TEST_CASE("More containers than a list has entries are listed, delivered and receipted") {
  LinkRig north;
  SigningRig south;
  SentLists lists(make_sign_key(north.directory / "key"));
  north.host.set("mode", "send");
  north.host.set("node", "north");
  north.host.set("sign_key", "file:" + (north.directory / "key"));
  std::filesystem::remove(south.peers() + "/north.pub");
  std::filesystem::copy_file(north.directory / "key.pub", south.peers() + "/north.pub");
  for (std::size_t i = 0; i < kFiles; ++i) north.put("f" + std::to_string(i) + ".txt", std::to_string(i));
  std::ignore = north.run_once();
  lists.read(north.outbox());
  lists.check_chains();
  lists.check_covers(north.outbox());
  CHECK(lists.texts().size() >= 3);
  std::filesystem::copy(
      north.outbox(), south.inbox(),
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  std::ignore = south.run_once();
  for (std::size_t i = 0; i < kFiles; ++i) CHECK(south.content("f" + std::to_string(i)) == std::to_string(i));
  CHECK(command_json(south.host, {"missing"})["complete"].GetBool());
  std::vector<std::string> receipts;
  for (const std::string& name : list(south.lists()))
    if (name.ends_with(".receipt")) receipts.push_back(name);
  REQUIRE(receipts.size() == 1);
  link::Receipt receipt;
  REQUIRE(link::parse_receipt(read_file(south.lists() + "/" + receipts[0]), &receipt).ok());
  CHECK(receipt.outcomes == std::vector<link::OutcomeRange>{{link::Outcome::kDelivered, 1, kFiles}});
}

TEST_CASE("A list with more entries than one may have is refused as a whole, signed as it is") {
  ReceiverRig rig;
  for (int i = 0; i < 257; ++i) rig.north.send("f" + std::to_string(i) + ".freq", container("data of a"));
  rig.put("f0.freq", container("data of a"));
  const link::List list = rig.north.next_list();
  ProofSender::write_text(link::list_text(list), rig.north.name_of(list), rig.inbox(), rig.north.key());
  rig.start();
  rig.settle(10 * kSecond);
  CHECK(rig.delivered().empty());
  CHECK(rig.only_message("list_refused").find("'count'") != std::string::npos);
}

}  // namespace paxect::test

// Lists and containers that are for other nodes, where several share a medium.
#include <filesystem>

#include "link/commands/command_rig.h"
#include "link/receiver_rig.h"

namespace paxect::test {

TEST_CASE("What a verified list names for other nodes is neither missing here nor quarantined") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  rig.send("b.freq", "data of b");
  rig.north.to = {"east", "west"};
  const bool is_late = GENERATE(false, true);
  INFO(is_late);
  const link::List other = rig.north.next_list();
  if (!is_late) rig.north.write(other, rig.inbox());
  rig.send("c.freq", "data of c");
  rig.north.to = {"south"};
  rig.list();
  rig.start();
  rig.settle(10 * kSecond);
  if (is_late) rig.north.write(other, rig.inbox());
  rig.settle(10 * kSecond);
  CHECK(rig.delivered() == Names{"a", "c"});
  CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
  CHECK(rig.only_message("list_ignored").find("is for east") != std::string::npos);
  rig.settle(3000 * kSecond);
  CHECK(rig.quarantined().empty());
  CHECK(rig.waiting() == std::vector<std::string>{"b.freq", "paxect.proof"});
  const link::Receipt receipt = rig.receipts().rbegin()->second;
  REQUIRE(receipt.outcomes.size() == 3);
  CHECK(receipt.outcomes[1].reason == "list_ignored");
  CHECK(receipt.before.empty());
  SECTION("a restart changes nothing") {
    rig.stop();
    rig.start();
    rig.settle(3000 * kSecond);
    CHECK(rig.quarantined().empty());
    CHECK(rig.events("list_ignored").size() == 1);
    CHECK(
        command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE)["streams"][0]["missing"].GetUint64() ==
        0);
  }
  SECTION("a list that is for this node too lets it pass") {
    ProofSender next = rig.north.with_stream();
    next.send("b.freq", container("data of b"));
    next.write_next(rig.inbox());
    rig.settle(10 * kSecond);
    CHECK(rig.content("b") == "data of b");
  }
}

}  // namespace paxect::test

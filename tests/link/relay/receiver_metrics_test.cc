// What the metrics of a receiver say of its senders.
#include <filesystem>

#include "link/receiver_rig.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

struct MetricsRig : ReceiverRig {
  MetricsRig() { host.set("metrics_file", directory / "south.prom"); }
  // The metric paxect_link_proof_NAME, as it was last written.
  std::string value(const std::string& name) const {
    const std::string text = "\n" + read_file(directory / "south.prom");
    const std::string begin = "\npaxect_link_proof_" + name;
    for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at + 1)) {
      const std::size_t end = text.find('\n', at + 1);
      const std::string line = text.substr(at + 1, end - at - 1);
      const char after = line[begin.size() - 1];
      if (after == ' ' || after == '{') return line.substr(line.rfind(' ') + 1);
    }
    return "none";
  }
};

TEST_CASE(
    "The metrics of a receiver count what is expected, missing, unlisted, replayed, jumped and forked") {
  MetricsRig rig;
  rig.host.set("late_after", "1000");
  rig.host.set("max_jump", "3");
  ProofSender west("west");
  west.pin(rig.peers());
  rig.send("a.freq", "data of a");
  rig.north.send("b.freq", container("data of b"));
  rig.list();
  rig.start();
  rig.settle(60 * kSecond);
  CHECK(rig.value("expected") == "1");
  for (const char* none : {"missing", "unlisted", "replayed", "jumped", "silent", "forked"}) {
    INFO(none);
    CHECK(rig.value(none) == "0");
  }
  rig.put("forged.freq", container("forged"));
  rig.send_again("copy.freq", "data of a");
  for (const std::uint64_t within : {600U, 700U}) {
    link::List list = west.next_list();
    list.head.number = 1;
    list.head.previous.clear();
    list.within = within;
    west.write(list, rig.inbox());
    rig.settle(60 * kSecond);
  }
  for (int i = 0; i < 10; ++i) std::ignore = rig.north.next_list();
  rig.list();
  rig.settle(60 * kSecond);
  CHECK(rig.value("unlisted") == "1");
  CHECK(rig.value("replayed") == "1");
  CHECK(rig.value("jumped") == "1");
  CHECK(rig.value("forked") == "1");
  CHECK(rig.value("silent") == "0");
  rig.settle(2000 * kSecond);
  CHECK(rig.value("expected") == "0");
  CHECK(rig.value("missing") == "1");
  CHECK(rig.value("silent") == "1");
  // They are in the quarantine.
  CHECK(rig.value("unlisted") == "0");
  CHECK(rig.value("replayed") == "0");
  // The operator decides that the list may count.
  rig.stop();
  rig.host.set("max_jump", "100");
  rig.start();
  rig.settle(60 * kSecond);
  CHECK(rig.value("jumped") == "0");
}

TEST_CASE("A list that jumped is not counted any more when the lists before it have come") {
  MetricsRig rig;
  rig.host.set("max_jump", "3");
  rig.send("a.freq", "data of a");
  rig.list();
  rig.start();
  rig.settle(60 * kSecond);
  std::vector<link::List> before;
  for (int i = 0; i < 10; ++i) before.push_back(rig.north.next_list());
  rig.list();
  rig.settle(60 * kSecond);
  REQUIRE(rig.value("jumped") == "1");
  for (const link::List& list : before) {
    rig.north.write(list, rig.inbox());
    rig.settle(60 * kSecond);
  }
  CHECK(rig.value("jumped") == "0");
  REQUIRE(rig.events("list_verified").size() == 12);
}

}  // namespace
}  // namespace paxect::test

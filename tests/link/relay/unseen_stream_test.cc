// What a receiver makes of a stream of which no list came, and that another one continues.
#include <filesystem>

#include "link/commands/command_rig.h"
#include "link/receiver_rig.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

// Two lists of the stream of north are on their way; the one that continues it is here.
struct UnseenRig : SigningRig {
  explicit UnseenRig(bool has_other_key = true) {
    for (const char* name : {"a", "b"}) {
      send(std::string(name) + ".freq", std::string("data of ") + name);
      const std::string path = north.write_next(inbox());
      for (const std::string& each : {path, path + ".minisig"}) {
        withheld[each] = read_file(each);
        std::filesystem::remove(each);
      }
    }
    if (!has_other_key) next = north.with_stream();
    next.pin(peers(), "north.1.pub");
    next.continues = link::Continued{north.stream(), 2};
    next.send("c.freq", container("data of c"));
    put("c.freq", container("data of c"));
    next.write_next(inbox());
  }
  void bring() {
    for (const auto& [path, text] : withheld) write_file(path, text);
  }
  bool write_off() {
    return command(host, {"write_off", north.stream(), "of no use"}).status == PAXECT_PLUGIN_OK;
  }
  // Of all streams, as `missing` and `status` say.
  std::uint64_t lists_missing() {
    json::Document said = command_json(host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
    std::uint64_t count = 0;
    for (const auto& stream : said["streams"].GetArray()) count += stream["lists_missing"].GetUint64();
    CHECK(command_json(host, {"status"})["proof"]["missing"].GetUint64() == count);
    return count;
  }
  void check_complete() {
    CHECK(command_json(host, {"missing"})["complete"].GetBool());
    CHECK(command_json(host, {"status"})["proof"]["missing"].GetUint64() == 0);
  }

  ProofSender next;
  std::map<std::string, std::string> withheld;
};

}  // namespace

TEST_CASE("A stream of which no list came, and that another one continues, is missing until it comes") {
  UnseenRig rig(GENERATE(false, true));
  rig.start();
  rig.settle(15 * kSecond);
  REQUIRE(rig.delivered() == Names{"c"});
  CHECK(rig.only_message("missing").find("2 lists of north are missing, and so is what they name: no list of "
                                         "its stream " +
                                         rig.north.stream() + " came") == 0);
  CHECK(fits_schema("link_plugin", "log", rig.events("missing")[0].line));
  CHECK(rig.lists_missing() == 2);
  const std::string request = rig.directory / "request";
  const CommandResult said = command(rig.host, {"missing", "--request", request});
  CHECK(said.status == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(said.output.find("no list of stream " + rig.north.stream() + " came: 2 lists missing") !=
        std::string::npos);
  CHECK(said.output.find("nothing is missing") == std::string::npos);
  link::Receipt receipt;
  REQUIRE(link::parse_receipt(read_file(request), &receipt).ok());
  CHECK(receipt.about == rig.north.stream());
  CHECK(receipt.list == 0);
  CHECK(receipt.outcomes.empty());
  rig.stop();
  rig.start();
  rig.settle(15 * kSecond);
  CHECK(rig.lists_missing() == 2);
  rig.bring();
  rig.settle(15 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b", "c"});
  CHECK(rig.events("complete").size() == 1);
  rig.check_complete();
}

TEST_CASE("Of a stream of which only later lists came the ones before are missing as ever") {
  UnseenRig rig;
  rig.start();
  rig.settle(15 * kSecond);
  const auto is_second = [](const std::string& path) { return path.find(".2.list") != std::string::npos; };
  std::erase_if(rig.withheld, [&](const auto& each) { return !is_second(each.first); });
  rig.bring();
  rig.settle(15 * kSecond);
  CHECK(rig.delivered() == Names{"b", "c"});
  json::Document said = command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
  for (const auto& stream : said["streams"].GetArray()) {
    CHECK(stream["lists_missing"].GetUint64() == 0);
    CHECK(stream["missing"].GetUint64() == (rig.north.stream() == stream["stream"].GetString() ? 1 : 0));
  }
}

TEST_CASE("A stream of which no list came is written off, and its lists count if they come") {
  UnseenRig rig;
  rig.start();
  rig.settle(15 * kSecond);
  CHECK(command(rig.host, {"write_off", "west", rig.north.stream(), "why"}).status == PAXECT_PLUGIN_CONFIG);
  const auto asked = command_json(rig.host, {"write_off", rig.north.stream(), "the key was lost"});
  CHECK(asked["lists"].GetUint64() == 2);
  CHECK(asked["containers"].GetUint64() == 0);
  REQUIRE(asked["streams"].Size() == 1);
  CHECK(asked["streams"][0]["key"] == "");
  rig.settle(5 * kSecond);
  CHECK(rig.only_message("written_off") ==
        "0 containers and 2 lists of north are not waited for any more: the key was lost");
  rig.check_complete();
  // The journal is written anew at a start.
  for (int i = 0; i < 2; ++i) {
    rig.stop();
    rig.start();
    rig.settle(15 * kSecond);
    rig.check_complete();
  }
  CHECK(rig.events("missing").size() == 1);
  CHECK(rig.events("complete").empty());
  CHECK_FALSE(rig.write_off());
  // Another stream says that there was a third one.
  ProofSender third = rig.next.with_stream();
  third.continues = link::Continued{rig.north.stream(), 3};
  third.write_next(rig.inbox());
  rig.settle(15 * kSecond);
  CHECK(rig.lists_missing() == 1);
  CHECK(rig.write_off());
  rig.settle(15 * kSecond);
  rig.bring();
  rig.settle(15 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b", "c"});
  rig.check_complete();
}

TEST_CASE("Of two senders with one name of a stream that never came the one that is named is written off") {
  UnseenRig rig;
  ProofSender east("east");
  east.pin(rig.peers());
  east.continues = link::Continued{rig.north.stream(), 5};
  east.write_next(rig.inbox());
  rig.start();
  rig.settle(15 * kSecond);
  CHECK(rig.lists_missing() == 7);
  CHECK(command(rig.host, {"write_off", rig.north.stream(), "of no use"}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(command(rig.host, {"write_off", "east", rig.north.stream(), "of no use"}).status == PAXECT_PLUGIN_OK);
  rig.settle(15 * kSecond);
  CHECK(rig.lists_missing() == 2);
}

TEST_CASE("A stream that a forked one continues is not missing because of it") {
  UnseenRig rig;
  rig.start();
  rig.settle(15 * kSecond);
  CHECK(rig.lists_missing() == 2);
  ProofSender again = rig.next;
  link::List list = again.next_list();
  list.head.number = 1;
  list.head.previous.clear();
  list.first = 1;
  again.write(list, rig.inbox());
  rig.settle(15 * kSecond);
  REQUIRE(rig.events("forked").size() == 1);
  CHECK(rig.lists_missing() == 0);
}

}  // namespace paxect::test

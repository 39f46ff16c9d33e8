// What a receiver makes of a stream that another one continues.
#include <filesystem>

#include "link/commands/command_rig.h"
#include "link/receiver_rig.h"
#include "records/write_off.h"
#include "support/file_size_limit.h"

namespace paxect::test {
namespace {

// List 1 of a stream is here; list 2, which another stream continues, is on its way.
struct EndedRig : SigningRig {
  EndedRig() {
    send("a.freq", "data of a");
    list();
    send("b.freq", "data of b");
    const std::string last = north.write_next(inbox());
    name = std::filesystem::path(last).filename();
    for (const std::string& file : {name, name + ".minisig"}) {
      const std::string text = read_file(lists() + "/" + file);
      withheld[file] = text;
      std::filesystem::remove(lists() + "/" + file);
    }
    next.continues = link::Continued{north.stream(), 2};
    next.send("c.freq", container("data of c"));
    put("c.freq", container("data of c"));
    next.write_next(inbox());
  }
  void bring() {
    for (const auto& [file, text] : withheld) write_file(lists() + "/" + file, text);
  }
  std::string name;
  std::map<std::string, std::string> withheld;
  ProofSender next = north.with_stream();
};

// Of the first stream.
std::uint64_t missing_containers(SigningRig& rig) {
  return command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE)["streams"][0]["missing"].GetUint64();
}

bool write_off(SigningRig& rig) {
  return command(rig.host, {"write_off", rig.north.stream(), "of no use"}).status == 0;
}

}  // namespace

TEST_CASE("The last lists of a stream that another one continues are missing until they come") {
  EndedRig rig;
  rig.start();
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a", "c"});
  {
    auto missing = command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
    CHECK_FALSE(missing["complete"].GetBool());
    for (const auto& stream : missing["streams"].GetArray())
      CHECK(stream["lists_missing"].GetUint64() ==
            (rig.north.stream() == stream["stream"].GetString() ? 1 : 0));
    CHECK(command_json(rig.host, {"status"})["proof"]["missing"].GetUint64() == 1);
  }
  rig.settle(10 * kSecond);
  CHECK(rig.only_message("missing").find("1 lists of north are missing after list 1 of north") == 0);
  const std::string request = rig.directory / "request";
  CHECK(command(rig.host, {"missing", "--request", request}).status == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(exists(request));
  rig.bring();
  rig.settle(10 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b", "c"});
  CHECK(rig.events("complete").size() == 1);
  CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
}

TEST_CASE(
    "Lists that never come end no command with failure once they are written off, and count if they come") {
  EndedRig rig;
  rig.start();
  rig.settle(15 * kSecond);
  const std::string stream = rig.north.stream();
  CHECK(command(rig.host, {"missing"}).status == PAXECT_PLUGIN_INCOMPLETE);
  const auto asked = command_json(rig.host, {"write_off", stream, "the key was stolen; all came again"});
  CHECK(asked["lists"].GetUint64() == 1);
  CHECK(asked["containers"].GetUint64() == 0);
  rig.settle(5 * kSecond);
  CHECK(rig.only_message("written_off").ends_with(": the key was stolen; all came again"));
  CHECK(fits_schema("link_plugin", "log", rig.events("written_off")[0].line));
  CHECK(rig.events("complete").empty());
  const auto is_complete = [&] {
    CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
    CHECK(command_json(rig.host, {"status"})["proof"]["missing"].GetUint64() == 0);
  };
  is_complete();
  rig.stop();
  rig.start();
  rig.settle(5 * kSecond);
  is_complete();
  CHECK(rig.events("written_off").size() == 1);
  CHECK(
      command_json(rig.host, {"write_off", stream, "again"}, PAXECT_PLUGIN_INCOMPLETE)["lists"].GetUint64() ==
      0);
  rig.bring();
  rig.settle(10 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b", "c"});
  is_complete();
}

TEST_CASE("Containers that are written off are refused in receipts, and delivered if they come") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  rig.north.send("b.freq", container("data of b"));
  rig.list();
  rig.start();
  rig.settle(15 * kSecond);
  CHECK(command(rig.host, {"missing"}).status == PAXECT_PLUGIN_INCOMPLETE);
  const std::string stream = rig.north.stream();
  CHECK(command(rig.host, {"write_off", "north", "why"}).status == PAXECT_PLUGIN_USAGE);
  CHECK(command(rig.host, {"write_off", stream, "two\nlines"}).status == PAXECT_PLUGIN_USAGE);
  CHECK(command(rig.host, {"write_off", "0123456789abcdef", "why"}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(command_json(rig.host, {"write_off", stream, "it is not needed"})["containers"].GetUint64() == 1);
  rig.settle(15 * kSecond);
  CHECK(command(rig.host, {"missing"}).status == PAXECT_PLUGIN_OK);
  using Outcomes = std::vector<link::OutcomeRange>;
  CHECK(rig.receipts().rbegin()->second.outcomes ==
        Outcomes{{link::Outcome::kDelivered, 1, 1}, {link::Outcome::kRefused, 2, 2, "written_off"}});
  // It can be asked for all the same.
  const std::string request = rig.directory / "request";
  CHECK(command(rig.host, {"missing", "--request", request}).status == PAXECT_PLUGIN_OK);
  CHECK_FALSE(exists(request));
  CHECK(command(rig.host, {"missing", "written_off"}).status == PAXECT_PLUGIN_USAGE);
  CHECK(command(rig.host, {"missing", "all", "--request", request}).status == PAXECT_PLUGIN_USAGE);
  CHECK(command(rig.host, {"missing", "written_off", "--request", request}).status == PAXECT_PLUGIN_OK);
  link::Receipt asked;
  REQUIRE(link::parse_receipt(read_file(request), &asked).ok());
  CHECK(asked.outcomes == Outcomes{{link::Outcome::kDelivered, 1, 1}, {link::Outcome::kMissing, 2, 2}});
  // What is missing later is reported again.
  rig.north.send("d.freq", container("data of d"));
  rig.list();
  rig.settle(15 * kSecond);
  CHECK(command(rig.host, {"missing"}).status == PAXECT_PLUGIN_INCOMPLETE);
  rig.put("d.freq", container("data of d"));
  rig.put("b.freq", container("data of b"));
  rig.settle(15 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b", "d"});
  CHECK(rig.receipts().rbegin()->second.outcomes == Outcomes{{link::Outcome::kDelivered, 1, 3}});
}

TEST_CASE("What came while no relay ran is not written off") {
  EndedRig rig;
  rig.next.send("x.freq", container("data of x"));
  rig.next.write_next(rig.inbox());
  rig.start();
  rig.settle(15 * kSecond);
  rig.stop();
  rig.bring();
  rig.put("x.freq", container("data of x"));
  for (const std::string& stream : {rig.north.stream(), rig.next.stream()})
    REQUIRE(command(rig.host, {"write_off", stream, "of no use"}).status == 0);
  SECTION("by a relay") {
    rig.start();
    rig.settle(15 * kSecond);
  }
  SECTION("by a run with --once") { rig.run_once(); }
  CHECK(rig.delivered() == Names{"a", "b", "c", "x"});
  CHECK(rig.events("written_off").empty());
  for (const std::string& path : list(rig.directory.path()))
    CHECK(path.find("write_off") == std::string::npos);
}

TEST_CASE("What is missing is written off by a run with --once") {
  EndedRig rig;
  rig.start();
  rig.settle(15 * kSecond);
  rig.stop();
  REQUIRE(write_off(rig));
  rig.run_once();
  CHECK(rig.events("written_off").size() == 1);
  CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
}

TEST_CASE("What has just been listed is on its way, and is not written off") {
  SigningRig rig;
  rig.north.send("a.freq", container("data of a"));
  rig.list();
  rig.start();
  rig.settle(15 * kSecond);
  rig.north.send("b.freq", container("data of b"));
  rig.list();
  for (int i = 0; i < 10 && rig.events("list_verified").size() < 2; ++i) rig.settle(2 * kSecond);
  REQUIRE(rig.events("list_verified").size() == 2);
  CHECK(missing_containers(rig) == 2);
  CHECK(command_json(rig.host, {"write_off", rig.north.stream(), "of no use"})["containers"].GetUint64() ==
        1);
  rig.settle(15 * kSecond);
  CHECK(missing_containers(rig) == 1);
}

TEST_CASE("A request to write off that is done twice takes nothing that is missing later") {
  SigningRig rig;
  rig.north.send("a.freq", container("data of a"));
  rig.list();
  rig.start();
  rig.settle(15 * kSecond);
  REQUIRE(write_off(rig));
  const std::string path = link::write_off_of(rig.lock());
  const std::string request = read_file(path);
  rig.settle(15 * kSecond);
  rig.north.send("b.freq", container("data of b"));
  rig.list();
  rig.settle(15 * kSecond);
  write_file(path, request);
  rig.settle(15 * kSecond);
  CHECK_FALSE(exists(path));
  CHECK(rig.events("written_off").size() == 1);
  CHECK(missing_containers(rig) == 1);
}

TEST_CASE("Of two senders that have one name of a stream, the one that is named is written off") {
  SigningRig rig;
  ProofSender east("east");
  east.pin(rig.peers());
  for (ProofSender* sender : {&rig.north, &east}) {
    sender->send(sender->node() + ".freq", container("data of " + sender->node()));
    link::List list = sender->next_list();
    list.head.stream = rig.north.stream();
    sender->write(list, rig.inbox());
  }
  rig.start();
  rig.settle(15 * kSecond);
  const std::string stream = rig.north.stream();
  CHECK(command(rig.host, {"write_off", stream, "of no use"}).status == PAXECT_PLUGIN_CONFIG);
  CHECK(command(rig.host, {"write_off", "west", stream, "of no use"}).status == PAXECT_PLUGIN_CONFIG);
  const auto asked = command_json(rig.host, {"write_off", "east", stream, "of no use"});
  CHECK(asked["containers"].GetUint64() == 1);
  REQUIRE(asked["streams"].Size() == 1);
  CHECK(std::string(asked["streams"][0]["sender"].GetString()) == "east");
  rig.settle(15 * kSecond);
  auto missing = command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
  REQUIRE(missing["streams"].Size() == 2);
  for (const auto& each : missing["streams"].GetArray())
    CHECK(each["missing"].GetUint64() == (std::string(each["sender"].GetString()) == "east" ? 0 : 1));
}

TEST_CASE("The log has the line of a write-off once, however long the disk is full") {
  SigningRig rig;
  rig.north.send("a.freq", container("data of a"));
  rig.list();
  rig.start();
  rig.settle(15 * kSecond);
  REQUIRE(write_off(rig));
  {
    const FileSizeLimit full(1);
    rig.settle(30 * kSecond);
  }
  CHECK(rig.events("written_off").empty());
  rig.settle(60 * kSecond);
  CHECK(rig.events("written_off").size() == 1);
  CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
}

TEST_CASE("What a forked stream continues is not missing because of it") {
  EndedRig rig;
  rig.start();
  rig.settle(5 * kSecond);
  ProofSender other = rig.next.with_stream();
  link::List fork;
  fork.head = {.from = "north",
               .to = {},
               .stream = rig.next.stream(),
               .continues = {},
               .number = 1,
               .previous = "",
               .made = 1'767'323'000,
               .log = {}};
  fork.within = 600;
  rig.next.write(fork, rig.inbox());
  rig.settle(5 * kSecond);
  CHECK(rig.events("forked").size() == 1);
  CHECK(command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE)["streams"][0]["lists_missing"]
            .GetUint64() == 0);
}

TEST_CASE("A receipt names the last list before each gap, and delivers nothing in a gap") {
  SigningRig rig;
  std::vector<std::string> paths;
  for (const char* name : {"a", "b", "c", "d"}) {
    rig.send(std::string(name) + ".freq", std::string("data of ") + name);
    paths.push_back(rig.north.write_next(rig.inbox()));
  }
  const std::string second = read_file(paths[1]);
  std::filesystem::remove(paths[2]);
  std::ignore = rig.run_once();
  const link::Receipt receipt = rig.receipts().rbegin()->second;
  REQUIRE(receipt.before.size() == 1);
  CHECK(receipt.before[0] == link::ListDigest{2, link::sha256_hex(second)});
  CHECK(receipt.list == 4);
  REQUIRE(receipt.outcomes.size() == 3);
  CHECK(receipt.outcomes[1].outcome == link::Outcome::kMissing);
}

TEST_CASE("Of a forked stream no further list is taken, and its sender gets another receipt") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  link::List list = rig.north.next_list();
  rig.north.write(list, rig.inbox());
  rig.start();
  rig.settle(5 * kSecond);
  REQUIRE(rig.receipts().size() == 1);
  list.within = 601;
  rig.north.write(list, rig.inbox());
  rig.settle(5 * kSecond);
  CHECK(rig.events("forked").size() == 1);
  CHECK(rig.receipts().size() == 2);
  // List 3 of the other history: nothing before it contradicts it.
  rig.send("c.freq", "data of c");
  rig.north.next_list();
  rig.send("d.freq", "data of d");
  rig.list();
  rig.settle(5 * kSecond);
  CHECK(rig.events("list_verified").size() == 1);
  CHECK(rig.only_message("list_refused").find("of a stream that is forked") != std::string::npos);
  CHECK(rig.receipts().rbegin()->second.list == 1);
  CHECK(rig.receipts().size() == 2);
}

}  // namespace paxect::test

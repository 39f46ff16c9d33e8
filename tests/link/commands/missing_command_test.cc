// `missing`: what is listed and not here, what was refused, and lists that are not taken.
#include <filesystem>

#include "link/commands/command_rig.h"
#include "link/receiver_rig.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

TEST_CASE("`missing` lists what is listed and not here, and the numbers of lists that never came") {
  SigningRig rig;
  rig.host.set("late_after", "100");
  rig.send("a.freq", "data of a");
  rig.list();
  rig.north.send("lost.freq", container("lost"));
  std::ignore = rig.north.next_list();
  rig.north.send("late.freq", container("late"));
  rig.list();
  rig.start();
  rig.settle(5 * kSecond);
  json::Document said = command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK_FALSE(said["complete"].GetBool());
  const auto& stream = said["streams"][0];
  CHECK(stream["sender"] == "north");
  CHECK(stream["missing"].GetInt() == 1);
  CHECK(stream["expected"].GetInt() == 1);
  REQUIRE(stream["entries"].Size() == 2);
  CHECK(stream["entries"][0]["first"].GetInt() == 2);
  CHECK(stream["entries"][0]["name"] == "");
  CHECK(stream["entries"][1]["name"] == "late.freq");
  CHECK(stream["entries"][1]["state"] == "expected");
  rig.settle(100 * kSecond);
  const CommandResult text = command(rig.host, {"missing", "--request", rig.directory / "request"});
  CHECK(text.status == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(text.output.find("2 missing, 0 expected") != std::string::npos);
  CHECK(text.output.find("late.freq") != std::string::npos);
  const std::string request = read_file(rig.directory / "request");
  CHECK(link::verify_file(request, read_file(rig.directory / "request.minisig"), "request",
                          {rig.key.public_key()})
            .ok());
  link::Receipt receipt;
  REQUIRE(link::parse_receipt(request, &receipt).ok());
  using Outcomes = std::vector<link::OutcomeRange>;
  CHECK(receipt.outcomes == Outcomes{{link::Outcome::kDelivered, 1, 1}, {link::Outcome::kMissing, 2, 3}});
}

TEST_CASE("`missing` reports a fork, lists that are not taken and a sender that is silent") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  rig.host.set("max_jump", "5");
  rig.start();
  rig.settle(5 * kSecond);
  REQUIRE(command_json(rig.host, {"missing"})["complete"].GetBool());
  std::string state;
  std::string wanted;
  link::List list = rig.north.next_list();
  SECTION("forked") {
    rig.north.write(list, rig.inbox());
    rig.settle(5 * kSecond);
    list.head.made += 1;
    state = "forked";
    wanted = "forked: nothing more is delivered";
  }
  SECTION("jumped") {
    list.head.number = 50;
    state = "jumped";
    wanted = "list jumped";
  }
  SECTION("refused") {
    state = "refused";
    wanted = "list refused";
  }
  SECTION("not read yet") {
    rig.stop();
    state = "waiting";
    wanted = "no relay has read it yet";
  }
  SECTION("silent") {
    rig.host.set_realtime_ns(rig.host.realtime_ns() + 700 * static_cast<std::int64_t>(kSecond));
    wanted = "; silent";
  }
  if (!state.empty()) {
    const std::string path = rig.north.write(list, rig.inbox());
    if (state == "refused") write_file(path + ".minisig", "no signature");
    if (rig.link) rig.settle(5 * kSecond);
  }
  const json::Document said = command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK_FALSE(said["complete"].GetBool());
  REQUIRE(said["lists"].Size() == (state.empty() ? 0 : 1));
  if (!state.empty()) CHECK(said["lists"][0]["state"].GetString() == state);
  const CommandResult text = command(rig.host, {"missing"});
  CHECK(text.status == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(text.output.find(wanted) != std::string::npos);
  CHECK(text.output.find("nothing is missing") == std::string::npos);
}

TEST_CASE("`missing` reports what was refused, and a request asks for it") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  std::string bytes = container("data of a");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  rig.put("a.freq", bytes);
  rig.list();
  rig.start();
  rig.settle(5 * kSecond);
  REQUIRE(rig.quarantined() == Names{"a.freq"});
  const json::Document said = command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
  const auto& stream = said["streams"][0];
  // Its digest is not the listed one, but its name is.
  CHECK(stream["missing"].GetInt() == 0);
  REQUIRE(stream["refused"].GetInt() == 1);
  CHECK(stream["entries"][0]["reason"] == "decode_error");
  CHECK(command(rig.host, {"missing", "--request", rig.directory / "request"}).status ==
        PAXECT_PLUGIN_INCOMPLETE);
  link::Receipt receipt;
  REQUIRE(link::parse_receipt(read_file(rig.directory / "request"), &receipt).ok());
  CHECK(receipt.outcomes == std::vector<link::OutcomeRange>{{link::Outcome::kMissing, 1, 1}});
}

TEST_CASE("A container that went to the quarantine before its list came is refused, and not missing") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  rig.north.send("b.freq", container("data of b"));
  const bool is_damaged = GENERATE(false, true);
  INFO(is_damaged);
  if (is_damaged) rig.put("a.freq", container("data of a").substr(0, container("data of a").size() / 2));
  const link::List list = rig.north.next_list();
  rig.start();
  rig.settle(700 * kSecond);
  REQUIRE(rig.quarantined() == Names{"a.freq"});
  if (GENERATE(false, true)) {
    rig.stop();
    rig.start();
  }
  rig.north.write(list, rig.inbox());
  rig.settle(10 * kSecond);
  using Outcomes = std::vector<link::OutcomeRange>;
  REQUIRE_FALSE(rig.receipts().empty());
  CHECK(rig.receipts().rbegin()->second.outcomes ==
        Outcomes{{link::Outcome::kRefused, 1, 1, "quarantine"}, {link::Outcome::kMissing, 2, 2}});
  // It comes again, whole.
  rig.put("a.freq", container("data of a"));
  rig.settle(10 * kSecond);
  CHECK(rig.content("a") == "data of a");
  // The same again is another entry, and nothing is known of its container.
  rig.north.send("a.freq", container("data of a"));
  rig.list();
  rig.settle(10 * kSecond);
  CHECK(rig.receipts().rbegin()->second.outcomes ==
        Outcomes{{link::Outcome::kDelivered, 1, 1}, {link::Outcome::kMissing, 2, 3}});
}

TEST_CASE("Of two senders of one file under one name `missing` says that the content is here") {
  ReceiverRig rig;
  ProofSender west("west");
  west.pin(rig.peers());
  rig.send("a.freq", "data of a");
  west.send("a.freq", container("data of a"));
  rig.list();
  west.write_next(rig.inbox());
  rig.start();
  rig.settle(10 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
  json::Document said = command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
  std::size_t found = 0;
  for (const auto& stream : said["streams"].GetArray())
    for (const auto& entry : stream["entries"].GetArray()) {
      ++found;
      const std::string other = stream["sender"] == "west" ? "north 1" : "west 1";
      CHECK(entry["delivered_as"].GetString() == other);
    }
  CHECK(found == 1);
  CHECK(command(rig.host, {"missing"}).output.find("; the same content was delivered as entry 1 of ") !=
        std::string::npos);
  // The container of the other one comes, too.
  rig.put("a.freq", container("data of a"));
  rig.settle(10 * kSecond);
  CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
  CHECK(rig.delivered() == Names{"a"});
}

TEST_CASE("`missing` ends with success when all is here") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  rig.start();
  rig.settle(5 * kSecond);
  CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
}

TEST_CASE(
    "`peers` shows the last list of each sender, since when it is silent, and the state of its streams") {
  ReceiverRig rig;
  CHECK(command(rig.host, {"peers"}).output.find("no list was verified yet") != std::string::npos);
  rig.north.within = 100;
  rig.send("a.freq", "data of a");
  rig.list();
  rig.north.send("late.freq", container("late"));
  link::List list = rig.north.next_list();
  rig.north.write(list, rig.inbox());
  rig.start();
  rig.settle(5 * kSecond);
  const auto stream = [&] {
    json::Document said = command_json(rig.host, {"peers"});
    REQUIRE(said["streams"].Size() == 1);
    json::Document one;
    one.CopyFrom(said["streams"][0], one.GetAllocator());
    return one;
  };
  json::Document said = stream();
  CHECK(said["sender"] == "north");
  CHECK(said["stream"].GetString() == rig.north.stream());
  CHECK(said["key"].GetString() == link::key_id_text(rig.north.key().public_key().id));
  CHECK(said["state"] == "live");
  CHECK(said["last_list"].GetInt() == 2);
  CHECK(said["silent_since"].IsNull());
  CHECK(said["delivered"].GetInt() == 1);
  CHECK(said["missing"].GetInt() == 1);
  // The clock of the machine says when the next one is overdue: a command does not know the relay's.
  const std::int64_t heard = rig.host.realtime_ns() / static_cast<std::int64_t>(kSecond);
  rig.host.set_realtime_ns(rig.host.realtime_ns() + 90 * static_cast<std::int64_t>(kSecond));
  CHECK(stream()["silent_since"].IsNull());
  rig.host.set_realtime_ns(rig.host.realtime_ns() + 20 * static_cast<std::int64_t>(kSecond));
  said = stream();
  REQUIRE(said["silent_since"].IsString());
  const std::string since = said["silent_since"].GetString();
  CHECK(since <= link::utc_text((heard + 100) * static_cast<std::int64_t>(kSecond)));
  CHECK(since >= link::utc_text((heard + 94) * static_cast<std::int64_t>(kSecond)));
  CHECK(command(rig.host, {"peers"}).output.find("live, list 2 of ") != std::string::npos);
  CHECK(command(rig.host, {"peers"}).output.find(", silent since " + since) != std::string::npos);
  std::string state = "revoked";
  SECTION("a revoked key") {
    std::filesystem::rename(rig.peers() + "/north.pub", rig.peers() + "/north.pub.revoked");
  }
  SECTION("a fork") {
    list.head.made += 1;
    rig.north.write(list, rig.inbox());
    rig.settle(5 * kSecond);
    state = "forked";
  }
  said = stream();
  CHECK(said["state"].GetString() == state);
  CHECK(said["silent_since"].IsNull());
}

}  // namespace
}  // namespace paxect::test

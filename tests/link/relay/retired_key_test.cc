// What a receiver makes of lists whose key was retired: those up to a number count, whenever they come.
#include <filesystem>

#include "link/commands/command_rig.h"
#include "link/receiver_rig.h"

namespace paxect::test {
namespace {

struct RetiredRig : SigningRig {
  RetiredRig() { host.set("late_after", "100000"); }
  // Puts container and list number N of north there.
  void send_list(const std::string& name) {
    send(name + ".freq", "data of " + name);
    list();
  }
  // A list whose container or which itself comes later.
  std::string late_list(const std::string& name) {
    north.send(name + ".freq", container("data of " + name));
    const std::string path = north.write_next(inbox());
    second_text = read_file(path);
    return path;
  }
  CommandResult retire(const std::string& file, std::vector<std::string> words = {}) {
    words.insert(words.begin(), {"key", "retire", "north", file});
    return command(host, words);
  }
  CommandResult retire_at(std::uint64_t number) {
    return retire(peers() + "/" + pinned, {north.stream(), std::to_string(number)});
  }
  void run() {
    start();
    settle(5 * kSecond);
  }
  bool delivered_has(const std::string& name) const { return exists(outbox(name)); }
  std::string pinned = "north.pub";  // the pinned one
  std::string second_text = {};      // of the last late list
};

std::vector<std::string> states_of(RetiredRig& rig) {
  const auto peers = command_json(rig.host, {"peers"});
  std::vector<std::string> states;
  for (const auto& stream : peers["streams"].GetArray()) states.emplace_back(stream["state"].GetString());
  return states;
}

}  // namespace

TEST_CASE("Of a retired key the list with the number counts, and the next one does not") {
  RetiredRig rig;
  rig.send_list("a");
  rig.send_list("b");
  rig.send_list("c");
  const CommandResult retired = rig.retire_at(2);
  INFO(retired.output);
  REQUIRE(retired.status == 0);
  CHECK(test::list(rig.peers()) == Names{"north.pub.retired"});
  rig.run();
  CHECK(rig.delivered() == Names{"a", "b"});
  CHECK(rig.only_message("list_refused").find("retired after list 2: pin the new key of north") !=
        std::string::npos);
  CHECK(states_of(rig) == std::vector<std::string>{"retired"});
  rig.settle(3000 * kSecond);
  CHECK(rig.events("silent").empty());
}

TEST_CASE("A receiver that is behind accepts the lists of a retired key up to the number as they come") {
  RetiredRig rig;
  rig.send_list("a");
  rig.run();
  REQUIRE(rig.retire_at(3).status == 0);
  rig.settle(5 * kSecond);
  CHECK(states_of(rig) == std::vector<std::string>{"live"});
  for (const char* name : {"b", "c", "d"}) rig.send_list(name);
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b", "c"});
  CHECK(states_of(rig) == std::vector<std::string>{"retired"});
}

TEST_CASE("What a list after the number names is not delivered, although it was verified before") {
  RetiredRig rig;
  rig.send_list("a");
  rig.late_list("b");
  rig.late_list("c");
  rig.run();
  CHECK(rig.events("list_verified").size() == 3);
  REQUIRE(rig.retire_at(2).status == 0);
  rig.settle(5 * kSecond);
  rig.put("b.freq", container("data of b"));
  rig.put("c.freq", container("data of c"));
  SECTION("while it runs") {}
  SECTION("after a restart") {
    rig.stop();
    rig.start();
  }
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b"});
  const auto receipts = rig.receipts();
  REQUIRE_FALSE(receipts.empty());
  const link::Receipt& last = receipts.rbegin()->second;
  REQUIRE(last.outcomes.size() == 2);
  CHECK(last.outcomes[0].last == 2);
  CHECK(last.outcomes[1].outcome == link::Outcome::kRefused);
  CHECK(last.outcomes[1].reason == "key_retired");
  // Nobody waits for it.
  std::filesystem::remove(rig.lists() + "/" + link::list_of("north", rig.north.stream(), 3));
  CHECK(command(rig.host, {"missing"}).status == PAXECT_PLUGIN_OK);
  // A number that was too low is corrected, and the container that waits passes.
  rig.pinned = "north.pub.retired";
  REQUIRE(rig.retire_at(3).status == 0);
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b", "c"});
}

TEST_CASE("Lists that are missing after the number are not waited for, those before it are") {
  RetiredRig rig;
  rig.host.set("late_after", "0");
  rig.send_list("a");
  const std::string second = rig.late_list("b");
  const std::string third = rig.late_list("c");
  rig.late_list("d");
  std::filesystem::remove(second);
  std::filesystem::remove(third);
  rig.run();
  const std::uint64_t number = GENERATE(1U, 2U);
  REQUIRE(rig.retire_at(number).status == 0);
  rig.settle(5 * kSecond);
  std::filesystem::remove(rig.lists() + "/" + link::list_of("north", rig.north.stream(), 4));
  const CommandResult missing = command(rig.host, {"missing"});
  INFO(missing.output);
  CHECK(missing.status == (number == 1 ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE));
}

TEST_CASE("A file of a retired or revoked key that is put back beside it does not count") {
  RetiredRig rig;
  const std::string path = rig.peers() + "/north.pub";
  const std::string before = read_file(path);
  const bool is_revoked = GENERATE(false, true);
  if (is_revoked)
    REQUIRE(command(rig.host, {"key", "revoke", "north"}).status == 0);
  else
    REQUIRE(rig.retire_at(1).status == 0);
  write_file(path, before);
  rig.send_list("a");
  rig.send_list("b");
  rig.run();
  CHECK(rig.delivered() == (is_revoked ? Names{} : Names{"a"}));
  // The command removes it.
  const CommandResult again = is_revoked ? command(rig.host, {"key", "revoke", "north"}) : rig.retire_at(1);
  CHECK(again.status == 0);
  CHECK_FALSE(exists(path));
}

TEST_CASE("Without a number the lists of a retired key count that a list of another key continues") {
  RetiredRig rig;
  rig.send_list("a");
  const std::string late = rig.late_list("b");
  const std::string forged = rig.late_list("c");
  const std::string text = read_file(late);
  const std::string signature = read_file(late + ".minisig");
  std::filesystem::remove(late);
  rig.run();
  CHECK(rig.delivered() == Names{"a"});
  const std::string old_file = rig.peers() + "/north.pub";
  ProofSender next("north");
  next.pin(rig.peers(), "north.1.pub");
  next.continues = link::Continued{rig.north.stream(), 2};
  REQUIRE(rig.retire(old_file).status == 0);
  rig.settle(5 * kSecond);
  rig.put("b.freq", container("data of b"));
  rig.put("c.freq", container("data of c"));
  write_file(late + ".minisig", signature);
  write_file(late, text);
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
  // A stream of the new key says where the old one ends.
  next.send("d.freq", container("data of d"));
  rig.put("d.freq", container("data of d"));
  next.write_next(rig.inbox());
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b", "d"});
}

TEST_CASE("A list after the number is missing if a stream of another key says that there is one") {
  RetiredRig rig;
  rig.host.set("late_after", "0");
  rig.send_list("a");
  const std::string second = rig.late_list("b");
  const bool was_verified = GENERATE(false, true);
  INFO(was_verified);
  if (!was_verified) std::filesystem::remove(second);
  if (was_verified) rig.run();
  REQUIRE(rig.retire_at(1).status == 0);
  ProofSender next("north");
  next.pin(rig.peers(), "north.1.pub");
  next.continues = link::Continued{rig.north.stream(), 2};
  next.send("c.freq", container("data of c"));
  rig.put("c.freq", container("data of c"));
  next.write_next(rig.inbox());
  if (!was_verified) rig.start();
  rig.settle(20 * kSecond);
  CHECK(rig.delivered() == Names{"a", "c"});
  std::filesystem::remove(second);
  const auto missing = command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK_FALSE(missing["complete"].GetBool());
  for (const auto& stream : missing["streams"].GetArray())
    CHECK(stream["lists_missing"].GetUint64() ==
          (rig.north.stream() == stream["stream"].GetString() ? 1 : 0));
  CHECK(command_json(rig.host, {"status"})["proof"]["missing"].GetUint64() >= 1);
  CHECK_FALSE(rig.events("missing").empty());
  CHECK(rig.events("missing").back().message.find("1 lists of north are missing after list 1 of north") == 0);
  const CommandResult text = command(rig.host, {"missing", "--request", rig.directory / "request"});
  CHECK(text.output.find("retired after that one") != std::string::npos);
  link::Receipt request;
  REQUIRE(link::parse_receipt(read_file(rig.directory / "request"), &request).ok());
  CHECK(request.about == rig.north.stream());
  using Outcomes = std::vector<link::OutcomeRange>;
  Outcomes wanted = {{link::Outcome::kDelivered, 1, 1}};
  if (was_verified) wanted.push_back({link::Outcome::kMissing, 2, 2});
  CHECK(request.outcomes == wanted);
  // If the number was too low, the right one ends it.
  rig.pinned = "north.pub.retired";
  REQUIRE(rig.retire_at(2).status == 0);
  rig.north.write_text(rig.second_text, link::list_of("north", rig.north.stream(), 2), rig.inbox(),
                       rig.north.key());
  rig.put("b.freq", container("data of b"));
  rig.settle(20 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b", "c"});
  CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
}

TEST_CASE("What is listed again by another key is delivered once, and nothing of it is missing") {
  RetiredRig rig;
  rig.host.set("late_after", "0");
  rig.send_list("a");
  rig.late_list("b");
  rig.run();
  CHECK(rig.delivered() == Names{"a"});
  CHECK(command(rig.host, {"missing"}).status == PAXECT_PLUGIN_INCOMPLETE);
  ProofSender next("north");
  next.pin(rig.peers(), "north.1.pub");
  next.continues = link::Continued{rig.north.stream(), 2};
  next.send("b.freq", container("data of b"), link::EarlierEntry{rig.north.stream(), 2});
  const bool list_is_first = GENERATE(false, true);
  INFO(list_is_first);
  if (list_is_first) next.write_next(rig.inbox());
  if (list_is_first) rig.settle(5 * kSecond);
  rig.put("b.freq", container("data of b"));
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b"});
  std::filesystem::remove(rig.outbox("b"));
  if (!list_is_first) next.write_next(rig.inbox());
  // A copy that somebody has put back.
  rig.put("b.freq", container("data of b"));
  rig.settle(20 * kSecond);
  CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
  CHECK(command_json(rig.host, {"status"})["proof"]["missing"].GetUint64() == 0);
  CHECK(rig.events("replayed").size() == 1);
  rig.settle(700 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
  CHECK(rig.quarantined() == std::vector<std::string>{"b.freq"});
}

TEST_CASE("What a revoked key listed and another one listed again is missing until it is written off") {
  RetiredRig rig;
  rig.host.set("late_after", "0");
  rig.send_list("a");
  rig.run();
  // Containers and lists on their way: the third list comes without the second.
  const std::string second = rig.late_list("b");
  const std::string text = read_file(second);
  std::filesystem::remove(second);
  rig.late_list("c");
  rig.settle(5 * kSecond);
  const bool comes_late = GENERATE(false, true);
  INFO(comes_late);
  REQUIRE(command(rig.host, {"key", "revoke", "north", rig.peers() + "/north.pub"}).status == 0);
  rig.settle(5 * kSecond);
  if (comes_late) write_file(second, text);
  ProofSender next("north");
  next.pin(rig.peers(), "north.1.pub");
  next.continues = link::Continued{rig.north.stream(), 4};
  for (const std::string& name : {std::string("b"), std::string("d")}) {
    next.send(name + ".freq", container("data of " + name));
    rig.put(name + ".freq", container("data of " + name));
  }
  rig.put("c.freq", container("data of c"));
  next.write_next(rig.inbox());
  rig.settle(20 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b", "c", "d"});
  auto missing = command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK(missing["lists"].Size() == (comes_late ? 1 : 0));
  CHECK(command_json(rig.host, {"status"})["proof"]["missing"].GetUint64() > 0);
  CHECK(command(rig.host, {"write_off", rig.north.stream(), "listed again by the new key"}).status == 0);
  rig.settle(20 * kSecond);
  for (int run = 0; run < 2; ++run) {
    CHECK(command_json(rig.host, {"missing"})["complete"].GetBool());
    CHECK(command_json(rig.host, {"status"})["proof"]["missing"].GetUint64() == 0);
    rig.stop();
    rig.start();
    rig.settle(5 * kSecond);
  }
  CHECK(rig.events("written_off").size() == 1);
  CHECK(rig.delivered() == Names{"a", "b", "c", "d"});
}

TEST_CASE("A stream that a thief continues with a retired key says nothing about the streams before") {
  RetiredRig rig;
  rig.send_list("a");
  rig.run();
  ProofSender thief = rig.north.with_stream();
  thief.continues = link::Continued{rig.north.stream(), 1};
  thief.send("x.freq", container("data of x"));
  thief.write_next(rig.inbox());
  rig.settle(5 * kSecond);
  CHECK(rig.events("list_verified").size() == 2);
  REQUIRE(rig.retire_at(2).status == 0);
  rig.settle(5 * kSecond);
  rig.put("x.freq", container("data of x"));
  rig.send_list("b");
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b"});
}

TEST_CASE("A list that continues a stream says nothing about the other retired keys of the node") {
  RetiredRig rig;
  rig.send_list("a");
  ProofSender second("north");
  second.pin(rig.peers(), "north.1.pub");
  second.continues = link::Continued{rig.north.stream(), 1};
  ProofSender third("north");
  third.pin(rig.peers(), "north.2.pub");
  third.continues = link::Continued{second.stream(), 2};
  const auto send = [&](ProofSender& sender, const std::string& name) {
    sender.send(name + ".freq", container("data of " + name));
    rig.put(name + ".freq", container("data of " + name));
    sender.write_next(rig.inbox());
  };
  const bool is_known = GENERATE(true, false);
  INFO(is_known);
  if (is_known) send(second, "b");
  send(third, "c");
  rig.run();
  for (const char* file : {"north.pub", "north.1.pub"})
    REQUIRE(rig.retire(rig.peers() + "/" + file).status == 0);
  rig.settle(5 * kSecond);
  // Whoever has stolen the first key signs a list of the stream of the second one.
  link::List forged;
  forged.head.from = "north";
  forged.head.stream = second.stream();
  forged.head.number = 1;
  forged.head.made = 1'767'323'000;
  forged.head.continues = link::Continued{"0123456789abcdef", 9000};
  forged.first = 1;
  forged.within = 600;
  forged.entries = {{link::sha256_hex(container("data of x")), "x.freq"}};
  rig.put("x.freq", container("data of x"));
  ProofSender::write_text(link::list_text(forged), link::list_of("north", second.stream(), 1), rig.inbox(),
                          rig.north.key());
  rig.settle(5 * kSecond);
  CHECK_FALSE(rig.delivered_has("x"));
  CHECK(rig.delivered() == (is_known ? Names{"a", "b", "c"} : Names{"a", "c"}));
  // The second list of the second key counts, where a list of its stream was verified.
  if (!is_known) return;
  send(second, "d");
  rig.settle(5 * kSecond);
  CHECK(rig.delivered_has("d"));
}

TEST_CASE("Nothing that becomes of the file of a retired key lets later lists count again") {
  RetiredRig rig;
  const int how = GENERATE(0, 1, 2, 3, 4, 5);
  INFO(how);
  rig.send_list("a");
  rig.late_list("b");
  rig.run();
  CHECK(rig.events("list_verified").size() == 2);
  // The relay is stopped where it cannot have seen the retired key.
  if (how == 5) rig.stop();
  REQUIRE(rig.retire_at(1).status == 0);
  if (how != 5) rig.settle(5 * kSecond);
  const std::string retired = rig.peers() + "/north.pub.retired";
  const std::string text = read_file(retired);
  if (how == 0 || how == 5) REQUIRE(command(rig.host, {"key", "revoke", "north"}).status == 0);
  if (how == 1) std::filesystem::remove(retired);
  if (how == 2) write_file(retired, text.substr(0, text.size() - 2) + "x\n");
  if (how == 3) std::filesystem::permissions(rig.peers(), std::filesystem::perms(01777));
  if (how == 4) {
    // A copy of the key was put back, and the file that says that it is retired is damaged.
    write_file(retired, "damaged");
    rig.north.pin(rig.peers());
  }
  if (how == 5) rig.start();
  rig.settle(5 * kSecond);
  rig.put("b.freq", container("data of b"));
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a"});
  // The operator raises the number.
  if (how == 0 || how == 5) return;
  std::filesystem::permissions(rig.peers(), std::filesystem::perms(0755));
  std::filesystem::remove(rig.peers() + "/north.pub");
  write_file(retired, text);
  rig.pinned = "north.pub.retired";
  REQUIRE(rig.retire_at(2).status == 0);
  rig.settle(5 * kSecond);
  CHECK(rig.delivered() == Names{"a", "b"});
}

}  // namespace paxect::test

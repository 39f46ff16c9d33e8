// Commands while a directory is away or cannot be read: what is not seen is not called absent.
#include <filesystem>

#include "link/commands/command_rig.h"
#include "link/receipt_rig.h"
#include "link/receiver_rig.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

bool has(const json::Value& text, const std::string& part) {
  return std::string(text.GetString()).find(part) != std::string::npos;
}

// A directory that is moved away as long as this exists, with something else in its place.
class Away {
 public:
  enum Instead { kNothing, kDirectory, kFile };
  Away(std::string path, Instead instead) : path_(std::move(path)) {
    std::filesystem::rename(path_, path_ + ".away");
    if (instead == kDirectory) std::filesystem::create_directory(path_);
    if (instead == kFile) write_file(path_, "");
  }
  ~Away() {
    std::filesystem::remove_all(path_);
    std::filesystem::rename(path_ + ".away", path_);
  }
  Away(const Away&) = delete;
  Away& operator=(const Away&) = delete;

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("While the inbox is away no command calls what was in it absent") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  rig.start();
  rig.settle(5 * kSecond);
  REQUIRE(rig.delivered() == Names{"a"});
  rig.stop();
  const std::string inbox = std::filesystem::path(rig.inbox()).parent_path();
  {
    const Away away(inbox, GENERATE(Away::kNothing, Away::kDirectory, Away::kFile));
    auto said = command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
    CHECK_FALSE(said["complete"].GetBool());
    CHECK(has(said["problem"], inbox));
    const CommandResult text = command(rig.host, {"missing"});
    CHECK(text.output.find("nothing is missing") == std::string::npos);
    CHECK(text.output.find(inbox) != std::string::npos);
    CHECK(has(command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE)["trouble"]["inbox"], inbox));
    CHECK(has(command_json(rig.host, {"waiting"}, PAXECT_PLUGIN_INCOMPLETE)["problem"], inbox));
    CHECK(command(rig.host, {"waiting"}).output.find(inbox) != std::string::npos);
    auto never = command_json(rig.host, {"explain", "b.freq"}, PAXECT_PLUGIN_INCOMPLETE);
    CHECK(never["state"] == "unknown");
    CHECK(has(never["reason"], inbox));
    // Its receipts are in the inbox.
    auto delivered = command_json(rig.host, {"explain", "a.freq"});
    CHECK(delivered["state"] == "delivered");
    CHECK(delivered["receipts"].Size() == 0);
    CHECK(has(delivered["receipts_problem"], inbox));
    // And so is the quarantine.
    CHECK(command(rig.host, {"quarantine", "list"}).status == PAXECT_PLUGIN_CONFIG);
  }
  CHECK(command_json(rig.host, {"missing"})["problem"] == "");
  CHECK(command_json(rig.host, {"waiting"})["problem"] == "");
  CHECK(command_json(rig.host, {"explain", "a.freq"})["receipts"].Size() == 1);
  CHECK(command(rig.host, {"quarantine", "list"}).status == PAXECT_PLUGIN_OK);
}

TEST_CASE("A relay that waits for its inbox is in no trouble, and without one the inbox is") {
  LinkRig rig;
  rig.start();
  rig.settle();
  const Away away(std::filesystem::path(rig.inbox()).parent_path(), Away::kNothing);
  rig.settle(20 * kSecond);
  auto status = command_json(rig.host, {"status"});
  CHECK(status["state"] == "waiting");
  CHECK(status["trouble"].MemberCount() == 0);
  rig.stop();
  CHECK(command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE)["trouble"].HasMember("inbox"));
}

TEST_CASE("Lists that cannot be read are no proof that nothing is missing") {
  ReceiverRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  rig.start();
  rig.settle(5 * kSecond);
  rig.stop();
  const Away away(rig.lists(), Away::kFile);
  auto said = command_json(rig.host, {"missing"}, PAXECT_PLUGIN_INCOMPLETE);
  CHECK(has(said["problem"], rig.lists()));
  CHECK(has(said["problem"], "let this user read it"));
}

TEST_CASE("While the folder of the receipts is away, sent gives the remedy and explain claims no silence") {
  ReceiptRig rig;
  rig.send("a.txt");
  rig.write({{Outcome::kDelivered, 1, 1}});
  rig.run_once();
  REQUIRE(command(rig.host, {"sent"}).status == PAXECT_PLUGIN_OK);
  const std::string receipts = rig.directory / "receipts";
  {
    const Away away(receipts, GENERATE(Away::kNothing, Away::kFile));
    CHECK(command(rig.host, {"sent"}).status == PAXECT_PLUGIN_CONFIG);
    CHECK(rig.host.logged(receipts));
    CHECK(rig.host.logged("mount or make it"));
    auto status = command_json(rig.host, {"status"}, PAXECT_PLUGIN_INCOMPLETE);
    CHECK(has(status["trouble"]["proof"], "mount or make it"));
    auto explained = command_json(rig.host, {"explain", "a.txt"});
    CHECK(explained["receipts"].Size() == 0);
    CHECK(has(explained["receipts_problem"], receipts));
    CHECK(command(rig.host, {"explain", "a.txt"}).output.find("none that says so") == std::string::npos);
    CHECK(command(rig.host, {"write_off", rig.lists.lists().back().head.stream, "why"}).status ==
          PAXECT_PLUGIN_CONFIG);
  }
  CHECK(command_json(rig.host, {"explain", "a.txt"})["receipts_problem"] == "");
}

TEST_CASE("A relay reads the receipts of its other places while one of them cannot be read") {
  ReceiptRig rig;
  rig.send("a.txt");
  write_file(link::imported_receipts_of(rig.lock()), "no folder");
  rig.write({{Outcome::kDelivered, 1, 1}});
  rig.run_once();
  CHECK(rig.waiting().empty());
  CHECK(rig.host.logged(link::imported_receipts_of(rig.lock())));
}

}  // namespace paxect::test

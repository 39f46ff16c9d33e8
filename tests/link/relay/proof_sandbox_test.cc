// A confined relay reaches the folders of proof that are made or replaced while it runs.
#include <csignal>
#include <filesystem>
#include <optional>

#include "link/proof_sender.h"
#include "link/receiver_rig.h"
#include "link/relay_site.h"
#include "proof/key.h"
#include "support/catch.h"
#include "support/emulation.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

namespace fs = std::filesystem;

bool has_receipt(const std::string& folder) {
  for (const std::string& name : list(folder))
    if (name.ends_with(".receipt")) return true;
  return false;
}

TEST_CASE("A confined receiver uses keys and receipts that are made or replaced while it runs") {
  RelaySite site;
  TempDir keys;
  TempDir answers;
  ProofSender north;
  const link::SigningKey key = link::SigningKey::generate();
  link::Wiped text;
  key.write(&text);
  write_file(site.path("south.key"), text.text);
  fs::permissions(site.path("south.key"), fs::perms(0600));
  // Also where the folder above is not there yet.
  const std::string peers = keys / "deep/peers";
  const std::string receipts = answers / "receipts";
  Background relay(
      site.command({"--set", "link.mode=receive", "--set", "link.node=south", "--set",
                    "link.sign_key=file:" + site.path("south.key"), "--set", "link.peers=" + peers, "--set",
                    "link.receipts=" + receipts, "--set", "link.sandbox=auto"}));
  REQUIRE(eventually([&] { return site.log().find("\"event\": \"sandbox\"") != std::string::npos; }));
  if (site.log().find("confined to its own directories") == std::string::npos)
    return skip("this system has no Landlock");
  for (const std::string name : {"first", "second"}) {
    INFO(name);
    for (const std::string& folder : {peers, receipts})
      if (exists(folder)) fs::rename(folder, folder + ".old");
    north.pin(peers);
    fs::create_directories(receipts);
    north.send(name + ".freq", container(name));
    write_file(site.path("inbox/." + name), container(name));
    fs::rename(site.path("inbox/." + name), site.path("inbox/" + name + ".freq"));
    north.write_next(site.path("inbox"));
    CHECK(eventually([&] { return exists(site.path("outbox/" + name)); }));
    CHECK(eventually([&] { return has_receipt(receipts); }));
  }
  relay.signal(SIGTERM);
  CHECK(relay.wait().status == 0);
  CHECK(site.log().find("\"list\": \"" + north.stream() + " 2\"") != std::string::npos);
}

// A receiver with a sandbox, and the sender of what comes to it.
class ConfinedReceiver {
 public:
  ConfinedReceiver() {
    link::Wiped text;
    link::SigningKey::generate().write(&text);
    write_file(site_.path("south.key"), text.text);
    fs::permissions(site_.path("south.key"), fs::perms(0600));
  }
  // False where there is no sandbox.
  bool start(const std::string& peers, const std::string& receipts) {
    relay_.emplace(
        site_.command({"--set", "link.mode=receive", "--set", "link.node=south", "--set",
                       "link.sign_key=file:" + site_.path("south.key"), "--set", "link.peers=" + peers,
                       "--set", "link.receipts=" + receipts, "--set", "link.sandbox=auto"}));
    REQUIRE(eventually([&] { return site_.log().find("\"event\": \"sandbox\"") != std::string::npos; }));
    const bool is_confined = site_.log().find("confined to its own directories") != std::string::npos;
    if (!is_confined) skip("this system has no Landlock");
    return is_confined;
  }
  void stop() {
    relay_->signal(SIGTERM);
    CHECK(relay_->wait().status == 0);
  }
  // A container that is listed comes. False when it is not delivered by that list.
  bool receive(const std::string& name) {
    north.send(name + ".freq", container(name));
    write_file(site_.path("inbox/." + name), container(name));
    fs::rename(site_.path("inbox/." + name), site_.path("inbox/" + name + ".freq"));
    north.write_next(site_.path("inbox"));
    const std::string by = "\"list\": \"" + north.stream() + " " + std::to_string(++lists_) + "\"";
    return eventually([&] { return site_.log().find(by) != std::string::npos; });
  }

  ProofSender north;

 private:
  RelaySite site_;
  std::optional<Background> relay_;
  int lists_ = 0;
};

TEST_CASE("A confined receiver follows the links to its folders and to a key, after its start too") {
  ConfinedReceiver receiver;
  TempDir real;
  TempDir links;
  TempDir other;
  for (const char* folder : {"peers", "receipts"}) {
    fs::create_directory(real / folder);
    fs::create_directory_symlink(real / folder, links / folder);
  }
  receiver.north.pin(other / "made");
  const std::string made = other / "made/north.pub";
  bool is_later = false;
  SECTION("a linked folder of keys, and one that comes later") {
    ProofSender("west").pin(real / "peers");
    is_later = true;
  }
  SECTION("a linked key") {
    fs::create_directory(other / "linked");
    fs::copy_file(made, other / "linked/north.pub");
    fs::create_symlink(other / "linked/north.pub", real / "peers/north.pub");
  }
  if (!receiver.start(links / "peers", links / "receipts")) return;
  if (is_later) fs::copy_file(made, real / "peers/north.pub");
  CHECK(receiver.receive("first"));
  CHECK(eventually([&] { return has_receipt(real / "receipts"); }));
  receiver.stop();
}

TEST_CASE("A confined receiver writes receipts to a file system that was mounted again") {
  if (!has_bindfs()) return;
  ConfinedReceiver receiver;
  TempDir disk;
  TempDir mounts;
  TempDir keys;
  receiver.north.pin(keys / "peers");
  const std::string at = mounts / "deep/back";
  fs::create_directories(at);
  fs::create_directory(disk / "receipts");
  const auto mount = [&] { return run({.argv = {"bindfs", disk.path(), at}}).status == 0; };
  struct Unmount {
    std::string at;
    void now() const { run({.argv = {"fusermount", "-u", "-z", at}}); }
    ~Unmount() { now(); }
  } const unmount{at};
  REQUIRE(mount());
  if (!receiver.start(keys / "peers", at + "/receipts")) return;
  CHECK(receiver.receive("first"));
  REQUIRE(eventually([&] { return has_receipt(disk / "receipts"); }));
  unmount.now();
  REQUIRE(mount());
  for (const std::string& name : list(disk / "receipts")) fs::remove(disk / ("receipts/" + name));
  CHECK(receiver.receive("second"));
  CHECK(eventually([&] { return has_receipt(disk / "receipts"); }));
  receiver.stop();
}

}  // namespace
}  // namespace paxect::test

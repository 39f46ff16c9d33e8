// A confined relay reaches the folders of proof that are made or replaced while it runs.
#include <csignal>
#include <filesystem>

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

}  // namespace
}  // namespace paxect::test

#include "stages/peer_receipts.h"

#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <tuple>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "proof/signature.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/open_watch.h"
#include "support/read_fault.h"
#include "support/stat_trap.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

constexpr const char* kAbout = "3f9a6c2e11d04b77";

struct ReceiptsRig {
  test::TempDir folder;
  SigningKey south = SigningKey::generate();
  std::vector<PinnedKey> keys;
  SentStream sent;
  PeerReceipts receipts;
  std::set<std::string> refused;
  std::size_t accepted = 0;

  ReceiptsRig() {
    test::TempDir peers;
    test::write_file(peers / "south.pub", public_key_text(south.public_key()));
    REQUIRE(read_pinned_keys(peers.path(), &keys).ok());
    REQUIRE(keys.size() == 1);
  }
  std::string stream(int i) const { return std::string(14, '0') + (i < 10 ? "0" : "") + std::to_string(i); }
  void write(const std::string& name, const std::string& text, const SigningKey& key) {
    test::write_file(folder / signature_of(name), sign_file(key, text, name));
    test::write_file(folder / name, text);
  }
  void write(int i, const SigningKey& key) {
    Receipt receipt;
    receipt.head.from = "south";
    receipt.head.to = {"north"};
    receipt.head.stream = stream(i);
    receipt.head.number = 1;
    receipt.head.made = 1000;
    receipt.about = kAbout;
    receipt.list = 1;
    receipt.list_digest = sha256_hex("list");
    receipt.outcomes = {{Outcome::kDelivered, 1, 1}};
    write(receipt_of("south", stream(i), 1), receipt_text(receipt), key);
  }
  Status read(const PeerReceipts::Limits& limits) {
    return receipts.read(
        folder.path(), "north", keys, sent, [&](const FoundReceipt&) { ++accepted; },
        [&](const std::string& path, const std::string&) { CHECK(refused.insert(path).second); }, limits);
  }
};

}  // namespace

TEST_CASE("One call reads a bounded number of receipts, and the next ones read on") {
  ReceiptsRig rig;
  const SigningKey junk = SigningKey::generate();
  for (int i = 0; i < 20; ++i) rig.write(i, i == 19 ? rig.south : junk);
  for (std::size_t calls = 1; calls <= 6; ++calls) {
    REQUIRE(rig.read({.reads = 3}).ok());
    CHECK(rig.refused.size() == calls * 3);
    CHECK(rig.accepted == 0);
    CHECK_FALSE(rig.receipts.is_complete());
  }
  REQUIRE(rig.read({.reads = 3}).ok());
  CHECK(rig.refused.size() == 19);
  CHECK(rig.accepted == 1);
  CHECK(rig.receipts.is_complete());
  REQUIRE(rig.read({.reads = 1}).ok());
  CHECK(rig.receipts.is_complete());
  CHECK(rig.receipts.outcome_of("south", kAbout, 1)->outcome == Outcome::kDelivered);
}

TEST_CASE("A stop ends the reading of receipts between two of them") {
  ReceiptsRig rig;
  for (int i = 0; i < 3; ++i) rig.write(i, SigningKey::generate());
  int asked = 0;
  REQUIRE(rig.read({.stop = [&] { return ++asked > 2; }}).ok());
  CHECK(rig.refused.size() == 2);
  CHECK_FALSE(rig.receipts.is_complete());
  REQUIRE(rig.read({}).ok());
  CHECK(rig.receipts.is_complete());
}

TEST_CASE("The text of a receipt that no pinned key has signed is not read") {
  ReceiptsRig rig;
  const std::string name = receipt_of("south", rig.stream(1), 1);
  rig.write(name, std::string(1 << 20, 'x'), SigningKey::generate());
  rig.write(receipt_of("west", rig.stream(1), 1), "not pinned", rig.south);
  rig.write(2, rig.south);
  const test::Unreadable junk(rig.stream(1) + ".1.receipt");
  REQUIRE(rig.read({}).ok());
  CHECK(test::failed_reads == 0);
  CHECK(rig.refused.size() == 2);
  CHECK(rig.accepted == 1);
}

TEST_CASE("What is no regular file under the name of a receipt, or of its signature, is not opened") {
  ReceiptsRig rig;
  test::TempDir elsewhere;
  const std::vector<std::string> kinds = {"fifo", "link", "device", "folder", "dangling"};
  for (std::size_t i = 0; i < kinds.size(); ++i)
    for (const bool is_signature : {false, true}) {
      const int number = static_cast<int>(2 * i + is_signature);
      rig.write(number, rig.south);
      std::string path = rig.folder / receipt_of("south", rig.stream(number), 1);
      if (is_signature) path = signature_of(path);
      const std::string moved = elsewhere / std::to_string(number);
      std::filesystem::rename(path, moved);
      if (kinds[i] == "fifo") REQUIRE(mkfifo(path.c_str(), 0600) == 0);
      if (kinds[i] == "link") std::filesystem::create_symlink(moved, path);
      if (kinds[i] == "device") std::filesystem::create_symlink("/dev/zero", path);
      if (kinds[i] == "folder") std::filesystem::create_directory(path);
      if (kinds[i] == "dangling") std::filesystem::create_symlink(elsewhere / "nothing", path);
    }
  rig.write(20, rig.south);
  REQUIRE(rig.read({}).ok());
  CHECK(rig.accepted == 1);
  CHECK(rig.refused.size() == 2 * kinds.size());
  CHECK(rig.receipts.is_complete());
}

TEST_CASE("A link that takes the name of a receipt, or of its signature, while it is read leads nowhere") {
  const bool is_signature = GENERATE(false, true);
  INFO(is_signature);
  int swaps = 0;
  for (bool is_over = false; !is_over; ++swaps) {
    ReceiptsRig rig;
    test::TempDir elsewhere;
    rig.write(1, rig.south);
    std::string name = receipt_of("south", rig.stream(1), 1);
    if (is_signature) name = signature_of(name);
    test::write_file(elsewhere / "copy", test::read_file(rig.folder / name));
    test::OpenWatch copy(elsewhere / "copy");
    const test::StatTrap trap(name, swaps + 1, [&] {
      std::filesystem::remove(rig.folder / name);
      std::filesystem::create_symlink(elsewhere / "copy", rig.folder / name);
    });
    std::ignore = rig.read({});
    is_over = !trap.has_sprung();
    INFO(swaps);
    CHECK_FALSE(copy.was_opened());
    CHECK(rig.accepted + rig.refused.size() == 1);
    // Where it is a file again it counts.
    std::filesystem::remove(rig.folder / name);
    std::filesystem::rename(elsewhere / "copy", rig.folder / name);
    CHECK(rig.read({}).ok());
    CHECK(rig.accepted == 1);
  }
  CHECK(swaps > 2);
}

TEST_CASE("Receipts that are gone are not remembered") {
  ReceiptsRig rig;
  const SigningKey junk = SigningKey::generate();
  for (int i = 0; i < 5; ++i) rig.write(i, i == 4 ? rig.south : junk);
  REQUIRE(rig.read({}).ok());
  CHECK(rig.receipts.remembered() == 5);
  for (int i = 0; i < 5; i += 2) std::filesystem::remove(rig.folder / receipt_of("south", rig.stream(i), 1));
  REQUIRE(rig.read({}).ok());
  CHECK(rig.receipts.remembered() == 2);
  // What it said counts all the same.
  CHECK(rig.receipts.outcome_of("south", kAbout, 1));
}

}  // namespace paxect::link

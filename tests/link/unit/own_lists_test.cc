#include "relay/own_lists.h"

#include <algorithm>

#include "base/relay_paths.h"
#include "proof/receipt.h"
#include "proof/signature.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/read_fault.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

constexpr const char* kStream = "3f9a6c2e11d04b77";

struct FolderRig {
  test::TempDir temp;
  Directory folder;
  SigningKey key = SigningKey::generate();

  FolderRig() { REQUIRE(Directory::open(temp.path(), &folder).ok()); }
  OwnList list(std::uint64_t number, std::uint64_t within = 600, const std::string& stream = kStream) const {
    List made;
    made.head.from = "north";
    made.head.stream = stream;
    made.head.number = number;
    made.head.previous = number == 1 ? "" : std::string(64, 'a');
    made.within = within;
    OwnList own;
    REQUIRE(sign_list(key, list_text(made), &own).ok());
    return own;
  }
  void put(const OwnList& list) {
    bool is_other = false;
    REQUIRE(put_list(folder, key, list, &is_other).ok());
    CHECK_FALSE(is_other);
    CHECK(test::read_file(temp / list.name) == list.text);
    CHECK(test::read_file(temp / signature_of(list.name)) == list.signature);
  }
  // Contents of what got another name.
  std::vector<std::string> aside() const {
    std::vector<std::string> found;
    for (const std::string& name : test::list(temp.path()))
      if (name.ends_with(".not-ours")) found.push_back(test::read_file(temp / name));
    std::sort(found.begin(), found.end());
    return found;
  }
};

bool never() { return false; }

}  // namespace

TEST_CASE("Another text of a list whose signature is lost gets another name, and junk is replaced") {
  FolderRig rig;
  const OwnList first = rig.list(1);
  const OwnList other = rig.list(1, 100);
  test::write_file(rig.temp / first.name, other.text);
  const std::string signature = GENERATE("none", "damaged", "new");
  INFO(signature);
  if (signature == "damaged") test::write_file(rig.temp / signature_of(first.name), "damaged");
  // As a sender has it that put its own signature there before it found the text.
  if (signature == "new") test::write_file(rig.temp / signature_of(first.name), first.signature);
  rig.put(first);
  CHECK(rig.aside() == std::vector<std::string>{other.text});
  // That of another number under this name is no other text of it.
  test::write_file(rig.temp / first.name, rig.list(2).text);
  rig.put(first);
  test::write_file(rig.temp / first.name, "junk");
  rig.put(first);
  CHECK(rig.aside().size() == 1);
}

TEST_CASE("Another text of a receipt whose signature is lost gets another name") {
  FolderRig rig;
  const auto text = [](std::int64_t made) {
    Receipt receipt;
    receipt.head.from = "south";
    receipt.head.to = {"north"};
    receipt.head.stream = kStream;
    receipt.head.number = 1;
    receipt.head.made = made;
    receipt.about = kStream;
    receipt.list = 1;
    receipt.list_digest = std::string(64, 'a');
    return receipt_text(receipt);
  };
  const std::string name = receipt_of("south", kStream, 1);
  test::write_file(rig.temp / name, text(1));
  rig.put({name, text(2), sign_file(rig.key, text(2), name)});
  CHECK(rig.aside() == std::vector<std::string>{text(1)});
}

TEST_CASE("Of the lists in a folder those that our key signed are read, and no text of another one") {
  FolderRig rig;
  rig.put(rig.list(1));
  rig.put(rig.list(2));
  const std::string junk = list_of("north", kStream, 77);
  test::write_file(rig.temp / junk, std::string(1 << 20, 'x'));
  const bool has_signature = GENERATE(false, true);
  if (has_signature)
    test::write_file(rig.temp / signature_of(junk), sign_file(SigningKey::generate(), "text", junk));
  SentStream stream;
  stream.begin(kStream, line_of(rig.key.public_key()), "north", std::nullopt);
  ShownLists shown;
  const test::Unreadable unreadable(".77.list");
  REQUIRE(read_shown(rig.folder, "north", stream, rig.key.public_key(), never, &shown).ok());
  CHECK(test::failed_reads == 0);
  CHECK(shown.number == 2);
  CHECK(shown.unknown.size() == 2);
}

TEST_CASE("A stop ends the reading of the lists that a folder shows") {
  FolderRig rig;
  for (std::uint64_t number = 1; number <= 5; ++number) rig.put(rig.list(number));
  SentStream stream;
  for (int looks = 0;; ++looks) {
    ShownLists shown;
    int left = looks;
    const Status status = read_shown(
        rig.folder, "north", stream, rig.key.public_key(), [&] { return left-- <= 0; }, &shown);
    if (status.ok()) {
      CHECK(shown.number == 5);
      CHECK(looks > 5);
      break;
    }
    INFO(looks);
    REQUIRE(status.fault == Fault::kStopped);
    REQUIRE(looks < 1000);
  }
}

}  // namespace paxect::link

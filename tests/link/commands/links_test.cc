// Commands that read lists, receipts, keys and journals where somebody else can put something in their place,
// or hand them over: what is no regular file is neither opened nor followed.
#include <sys/stat.h>

#include <filesystem>

#include "link/commands/command_rig.h"
#include "link/receipt_rig.h"
#include "link/receiver_rig.h"
#include "records/journal.h"
#include "support/catch.h"
#include "support/open_watch.h"

namespace paxect::test {
namespace {

// Puts a link to `copy`, which has the same bytes, or a FIFO in the place of a file. What is watched is what
// an open of the path would open.
struct Replaced {
  Replaced(const std::string& path, const std::string& copy, bool is_fifo) {
    write_file(copy, read_file(path));
    std::filesystem::remove(path);
    if (is_fifo) REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    if (!is_fifo) std::filesystem::create_symlink(copy, path);
    watch.emplace(is_fifo ? path : copy);
  }
  std::optional<OpenWatch> watch;
};

}  // namespace

TEST_CASE("explain at a sender opens nothing but regular files under the names of receipts") {
  ReceiptRig rig;
  rig.send("a.txt");
  const std::string first = rig.write({{Outcome::kDelivered, 1, 1}}, 1);
  rig.write({{Outcome::kDelivered, 1, 1}}, 2);
  const auto receipt = [&] {
    const auto explained = command_json(rig.host, {"explain", "a.txt"});
    REQUIRE(explained["receipts"].Size() == 1);
    return explained["receipts"][0]["receipt"].GetUint64();
  };
  CHECK(receipt() == 1);
  const bool is_signature = GENERATE(false, true);
  Replaced replaced(is_signature ? link::signature_of(first) : first, rig.directory / "copy",
                    GENERATE(false, true));
  CHECK(receipt() == 2);
  CHECK_FALSE(replaced.watch->was_opened());
}

TEST_CASE("explain at a receiver opens nothing but regular files under the names of its receipts") {
  SigningRig rig;
  rig.send("a.freq", "data of a");
  rig.list();
  rig.run_once();
  REQUIRE(rig.receipts().size() == 1);
  const std::string first =
      rig.lists() + "/" + link::receipt_of("south", rig.receipts().at(1).head.stream, 1);
  const auto outcome = [&] {
    const auto explained = command_json(rig.host, {"explain", "a.freq"});
    REQUIRE(explained["receipts"].Size() == 1);
    return std::string(explained["receipts"][0]["outcome"].GetString());
  };
  CHECK(outcome() == "delivered");
  const bool is_signature = GENERATE(false, true);
  Replaced replaced(is_signature ? link::signature_of(first) : first, rig.directory / "copy",
                    GENERATE(false, true));
  CHECK(outcome().empty());
  CHECK_FALSE(replaced.watch->was_opened());
}

TEST_CASE("A receipt, request, key or witness that is a link is refused and not opened") {
  ReceiptRig rig;
  rig.send("a.txt");
  std::filesystem::create_directory(rig.directory / "mail");
  const std::string receipt = rig.write(rig.directory / "mail", {{Outcome::kMissing, 1, 1}}, 1, rig.south);
  const std::string key = rig.directory / "mail/west.pub";
  write_file(key, link::public_key_text(link::SigningKey::generate().public_key()));
  std::string path = receipt;
  std::vector<std::string> words;
  SECTION("import") { words = {"receipt", "import", receipt}; }
  SECTION("resend") { words = {"resend", receipt}; }
  SECTION("witness") { words = {"audit", "--witness", receipt}; }
  SECTION("pin") {
    path = key;
    words = {"key", "pin", "west", key};
  }
  Replaced replaced(path, rig.directory / "copy", false);
  CHECK(command(rig.host, words).status == PAXECT_PLUGIN_CONFIG);
  CHECK(rig.host.logged(path + " is not a regular file, and the link is not followed"));
  CHECK_FALSE(replaced.watch->was_opened());
  // The file itself is taken.
  std::filesystem::remove(path);
  std::filesystem::rename(rig.directory / "copy", path);
  CHECK(command(rig.host, words).status != PAXECT_PLUGIN_CONFIG);
}

TEST_CASE("A journal that is a link is read neither by the relay nor by a command") {
  ReceiptRig rig;
  rig.send("a.txt");
  const std::string journal = link::journal_of(rig.lock());
  link::JournalContents contents;
  REQUIRE(link::read_journal(journal, &contents).ok());
  Replaced replaced(journal, rig.directory / "copy", false);
  CHECK(link::read_journal(journal, &contents).fault == link::Fault::kRefused);
  CHECK_FALSE(replaced.watch->was_opened());
}

}  // namespace paxect::test

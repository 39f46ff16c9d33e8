// Names that were made to be misread, from a sender with a key to a receiver with one: in lists, receipts,
// and to sha256sum and minisign.
#include <filesystem>
#include <map>

#include "link/commands/command_rig.h"
#include "link/link_rig.h"
#include "link/receiver_rig.h"
#include "link/sent_lists.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

const std::vector<std::string> kStems = {"-rf",
                                         "--",
                                         "a\nb",
                                         "a\\nb",
                                         "a\\",
                                         "a\rb",
                                         "\r",
                                         "e\u0301",  // NFD and NFC are two names
                                         "\u00e9",
                                         "a:b",
                                         "*",
                                         "$(reboot)",
                                         "'",
                                         "\"",
                                         " lead",
                                         "trail ",
                                         "two  blanks",
                                         "# end",
                                         "# again 0000000000000000 1",
                                         "\xff\xfe",
                                         "\xed\xa0\x80",
                                         "a\tb",
                                         "\x1b[2J",
                                         "north.3f9a6c2e11d04b77.1.list",
                                         std::string(200, 'n')};

TEST_CASE("Hostile names are listed, receipted, and delivered as what they are") {
  LinkRig north;
  SigningRig south;
  SentLists lists(make_sign_key(north.directory / "key"));
  north.host.set("mode", "send");
  north.host.set("node", "north");
  north.host.set("sign_key", "file:" + (north.directory / "key"));
  north.host.set("to", "south");
  north.host.set("keep", "receipt");
  north.host.set("receipts_in", south.lists());
  north.host.set("peers", north.directory / "peers");
  std::filesystem::create_directory(north.directory / "peers");
  write_file(north.directory / "peers/south.pub", link::public_key_text(south.key.public_key()));
  std::filesystem::remove(south.peers() + "/north.pub");
  std::filesystem::copy_file(north.directory / "key.pub", south.peers() + "/north.pub");
  for (const std::string& stem : kStems) north.put(stem + ".txt", "contents of " + stem);
  std::ignore = north.run_once();
  lists.read(north.outbox());
  lists.check_chains();
  lists.check_covers(north.outbox());
  for (const std::string& name : test::list(north.outbox(link::kProofFolder))) {
    if (!name.ends_with(".list")) continue;
    INFO(name);
    const Result checked =
        run({.argv = {"sha256sum", "-c", "--strict", "--quiet", std::string(link::kProofFolder) + "/" + name},
             .directory = north.outbox()});
    CHECK(checked.status == 0);
    CHECK(run({.argv = {"minisign", "-Vqm", name, "-p", north.directory / "key.pub"},
               .directory = north.outbox(link::kProofFolder)})
              .status == 0);
  }
  std::filesystem::copy(
      north.outbox(), south.inbox(),
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  std::ignore = south.run_once();
  for (const std::string& stem : kStems) {
    INFO(stem);
    CHECK(south.content(stem) == "contents of " + stem);
  }
  CHECK(south.delivered().size() == kStems.size());
  CHECK(command_json(south.host, {"missing"})["complete"].GetBool());
  std::ignore = north.run_once();
  CHECK(north.waiting().empty());
  CHECK(command_json(north.host, {"sent"})["kept"].Empty());
  for (const LinkRig* rig : {static_cast<const LinkRig*>(&north), static_cast<const LinkRig*>(&south)})
    for (const LogEntry& entry : rig->log()) CHECK(fits_schema("link_plugin", "log", entry.line));
}

}  // namespace
}  // namespace paxect::test

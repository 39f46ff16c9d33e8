// What waits for a list, or for an entry that a delivery uses, does not miss the moment that lets it pass.
#include <filesystem>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "link/receiver_rig.h"
#include "records/journal.h"
#include "support/catch.h"
#include "support/stat_trap.h"

namespace paxect::test {
namespace {

void reload(LinkRig& rig) {
  auto* extension = static_cast<const paxect_reload_extension*>(
      load_plugin(PAXECT_TEST_PLUGINS "/link.so")->extension(PAXECT_EXTENSION_RELOAD));
  REQUIRE(extension->reload(rig.link->instance()) == PAXECT_PLUGIN_OK);
}

// A journal to which nothing can be appended: a folder has its name.
class JournalAway {
 public:
  explicit JournalAway(std::string path) : path_(std::move(path)) {}
  void begin() {
    std::filesystem::rename(path_, path_ + ".away");
    std::filesystem::create_directory(path_);
  }
  void end() {
    if (!exists(path_ + ".away")) return;
    std::filesystem::remove(path_);
    std::filesystem::rename(path_ + ".away", path_);
  }

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("A copy, and a container without a list, are woken whatever fails and is reloaded in their batch") {
  bool is_over = false;
  int calls = 0;
  for (; !is_over; ++calls) {
    INFO(calls);
    ReceiverRig rig;
    rig.send("a.freq", "data of a");
    rig.send_again("copy.freq", "data of a");
    rig.list();
    rig.start();
    JournalAway journal(link::journal_of(rig.lock()));
    rig.send("b.freq", "data of b");
    // Every name for the product is taken, so its delivery is taken back after it has used the entry.
    Names taken = {"a"};
    for (const std::size_t digits : link::kConflictDigits)
      taken.push_back(link::conflict_of("a", link::sha256_hex("data of a"), digits));
    std::filesystem::create_directories(rig.outbox());
    for (const std::string& name : taken) write_file(rig.outbox(name), "other data");
    {
      const StatTrap trap(".freq", calls + 1, [&] { journal.begin(); });
      rig.settle(5 * kSecond);
      is_over = !trap.has_sprung();
    }
    reload(rig);
    journal.end();
    rig.settle(20 * kSecond);
    // The one that has used the entry goes.
    const std::vector<LogEntry> replayed = rig.events("replayed");
    const bool is_copy = !replayed.empty() && replayed[0].source == rig.inbox("copy.freq");
    std::filesystem::remove(rig.inbox(is_copy ? "a.freq" : "copy.freq"));
    for (const std::string& name : taken) std::filesystem::remove(rig.outbox(name));
    rig.list();
    rig.settle(700 * kSecond);
    CHECK(rig.delivered() == Names{"a", "b"});
    CHECK(rig.quarantined().empty());
  }
  CHECK(calls > 10);
}

}  // namespace paxect::test

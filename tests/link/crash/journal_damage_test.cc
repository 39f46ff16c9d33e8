// Journals that were damaged, cut, removed or replaced by an older copy while sources are kept, and what the
// relay recognizes a kept source by. Nothing may arrive twice, and nothing may be lost.
#include <sys/stat.h>

#include <filesystem>

#include "base/relay_paths.h"
#include "link/link_rig.h"
#include "records/journal.h"
#include "support/catch.h"

namespace paxect::test {
namespace {

namespace fs = std::filesystem;

// Three sources that were delivered and stay, and whose outputs the receiver has taken.
struct KeptSources {
  LinkRig rig;
  std::string first_copy;  // of the journal, after the first of them

  KeptSources() {
    rig.host.set("mode", "send");
    rig.write_policy("\"auto_delete\": false");
    rig.put("f1.txt", "contents of f1.txt");
    REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
    first_copy = journal();
    rig.put("f2.txt", "contents of f2.txt");
    rig.put("f3.txt", "contents of f3.txt");
    rig.start();
    rig.settle();
  }
  // Ends the relay as a crash does if asked to, so that the journal is not written again.
  void end(bool crash) {
    const std::string before = journal();
    rig.stop();
    if (crash) set_journal(before);
    receive();
  }
  std::string path() const { return link::journal_of(rig.lock()); }
  std::string journal() const { return read_file(path()); }
  void set_journal(const std::string& text) const { write_file(path(), text); }
  // What was delivered since, without the sidecars.
  Names receive() {
    Names names;
    for (const std::string& name : rig.delivered()) {
      if (name.ends_with(".freq")) names.push_back(name);
      fs::remove(rig.outbox(name));
    }
    return names;
  }
  std::size_t kept_aside() const {
    std::size_t count = 0;
    for (const std::string& name : list(rig.directory.path()))
      count += name.find(".journal.damaged-") != std::string::npos ? 1u : 0u;
    return count;
  }
  // Nothing arrives twice, a new file arrives, and a touched one does; reported once if at all.
  void check_held(bool must_report) {
    rig.run_once();
    CHECK(receive().empty());
    const std::size_t reports = rig.events("journal_damaged").size();
    CHECK(kept_aside() == reports);
    if (must_report) CHECK(reports == 1);
    rig.put("new.txt", "a new one");
    rig.run_once();
    CHECK(receive() == Names{"new.freq"});
    CHECK(rig.events("journal_damaged").size() == reports);
    CHECK(rig.waiting() == Names{"f1.txt", "f2.txt", "f3.txt", "new.txt"});
    fs::last_write_time(rig.inbox("f2.txt"), fs::file_time_type::clock::now());
    rig.run_once();
    CHECK(receive() == Names{"f2.freq"});
  }
};

std::vector<std::size_t> line_ends(const std::string& text) {
  std::vector<std::size_t> ends;
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos;) ends.push_back(++at);
  return ends;
}

TEST_CASE("A byte changed in any line of the journal is reported, and nothing is delivered again") {
  for (bool crash : {false, true}) {
    std::size_t lines = 1;
    for (std::size_t line = 0; line < lines; ++line) {
      KeptSources kept;
      kept.end(crash);
      std::string text = kept.journal();
      const std::vector<std::size_t> ends = line_ends(text);
      lines = ends.size();
      INFO("line " << line + 1 << " of " << lines << " in\n" << text);
      text[line == 0 ? 1 : ends[line - 1] + 1] ^= 2;
      kept.set_journal(text);
      kept.check_held(true);
    }
    CHECK(lines > 5);
  }
}

TEST_CASE("A journal cut at any line delivers nothing again") {
  for (bool crash : {false, true}) {
    std::size_t lines = 1;
    for (std::size_t line = 0; line < lines; ++line) {
      KeptSources kept;
      kept.end(crash);
      const std::string text = kept.journal();
      const std::vector<std::size_t> ends = line_ends(text);
      lines = ends.size();
      INFO("cut before line " << line + 1 << " of " << lines << " in\n" << text);
      kept.set_journal(text.substr(0, line == 0 ? 0 : ends[line - 1]));
      // Cut behind a record that says enough, nothing is wrong with it.
      kept.check_held(!crash);
    }
  }
}

TEST_CASE("An older copy of the journal, or none, is reported, and nothing is delivered again") {
  for (bool older : {true, false}) {
    for (bool crash : {false, true}) {
      KeptSources kept;
      kept.end(crash);
      if (older)
        kept.set_journal(kept.first_copy);
      else
        fs::remove(kept.path());
      if (older) kept.check_held(true);
      if (older) continue;
      kept.rig.run_once();
      CHECK(kept.receive().empty());
      CHECK(kept.rig.events("journal_damaged").size() == 1);
    }
  }
}

TEST_CASE("A journal that lost the end of a delivery does not remove a source that was never delivered") {
  // Aborted, its temporary removed, and the record of the abort is gone.
  LinkRig rig;
  rig.host.set("mode", "send");
  rig.start();
  rig.stop();
  rig.put("a.txt", "never delivered");
  link::Journal journal;
  std::string damage;
  REQUIRE(journal.open(link::journal_of(rig.lock()), &damage).ok());
  link::Intent intent;
  intent.id = journal.next_id();
  intent.source = "a.txt";
  REQUIRE(link::identity_of(rig.inbox("a.txt"), &intent.identity));
  intent.source_place = link::current_place(journal.places(), "inbox", rig.directory / "inbox")->token;
  intent.target_place = link::current_place(journal.places(), "outbox", rig.directory / "outbox")->token;
  intent.container = true;
  intent.temporary = ".a.part";
  intent.name = "a.freq";
  intent.digest = std::string(64, '0');
  REQUIRE(journal.begin(std::span(&intent, 1)).ok());
  REQUIRE(journal.prepare(std::span(&intent, 1)).ok());
  REQUIRE(journal.abort(std::span(&intent.id, 1)).ok());
  std::string text = read_file(link::journal_of(rig.lock()));
  text[text.rfind("abort") + 2] ^= 1;
  write_file(link::journal_of(rig.lock()), text);
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.waiting() == Names{"a.txt"});
  CHECK_FALSE(rig.events("held").empty());
}

// ---- what a kept source is recognized by ---------------------------------------------------------------

// The same directory with other inode numbers: mounted again, or copied to another disk.
void copy_over(const std::string& directory) {
  const std::string copy = directory + ".copy";
  REQUIRE(std::system(("cp -a '" + directory + "' '" + copy + "'").c_str()) == 0);
  fs::remove_all(directory);
  fs::rename(copy, directory);
}

TEST_CASE("A kept source with another inode, mode or link count is the one that was delivered") {
  for (int kind : {0, 1, 2}) {
    INFO(kind);
    KeptSources kept;
    kept.end(false);
    if (kind == 0) copy_over(kept.rig.directory / "inbox");
    if (kind == 1) REQUIRE(chmod(kept.rig.inbox("f1.txt").c_str(), 0600) == 0);
    if (kind == 2) {
      fs::create_hard_link(kept.rig.inbox("f1.txt"), kept.rig.directory / "link");
      fs::remove(kept.rig.directory / "link");
    }
    CHECK(kept.rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(kept.receive().empty());
    CHECK(kept.rig.waiting() == Names{"f1.txt", "f2.txt", "f3.txt"});
    // Removed too when the policy says so.
    if (kind == 0) copy_over(kept.rig.directory / "inbox");
    kept.rig.write_policy("\"auto_delete\": true");
    CHECK(kept.rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(kept.receive().empty());
    CHECK(kept.rig.waiting().empty());
  }
}

TEST_CASE("Another content with the size and mtime of a kept source is delivered") {
  KeptSources kept;
  kept.end(false);
  const auto time = fs::last_write_time(kept.rig.inbox("f1.txt"));
  write_file(kept.rig.inbox(".made"), "Contents of f1.txt");
  fs::last_write_time(kept.rig.inbox(".made"), time);
  fs::rename(kept.rig.inbox(".made"), kept.rig.inbox("f1.txt"));
  CHECK(kept.rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(kept.receive() == Names{"f1.freq"});
}

TEST_CASE("A kept source is not forgotten while its folder cannot show that it is gone") {
  LinkRig rig;
  rig.host.set("mode", "send");
  rig.host.set("recursive", "true");
  rig.write_policy("\"auto_delete\": false");
  fs::create_directories(rig.inbox("sub"));
  rig.put("sub/a.txt", "kept");
  REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
  fs::remove_all(rig.outbox("sub"));
  // A file where the folder was: nobody can see whether the source exists.
  fs::rename(rig.inbox("sub"), rig.directory / "sub");
  rig.put("sub", "");
  rig.run_once();
  fs::remove(rig.inbox("sub"));
  fs::rename(rig.directory / "sub", rig.inbox("sub"));
  rig.run_once();
  CHECK_FALSE(exists(rig.outbox("sub/a.freq")));
}

TEST_CASE("A journal that is lost before the log has a delivery is missed, and files that wait are held") {
  LinkRig rig;
  rig.host.set("mode", "send");
  REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
  fs::remove(link::journal_of(rig.lock()));
  rig.put("f1.txt", "contents");
  CHECK(rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(rig.events("journal_damaged").size() == 1);
  CHECK(rig.delivered().empty());
  CHECK(rig.waiting() == Names{"f1.txt"});
}

TEST_CASE(
    "A lost journal holds what waited then, and nothing that arrives later, whatever places come back") {
  LinkRig rig;
  rig.host.set("mode", "send");
  REQUIRE(rig.run_once() == PAXECT_PLUGIN_OK);
  fs::remove(link::journal_of(rig.lock()));
  rig.start();
  rig.settle();
  fs::rename(rig.outbox(), rig.directory / "away");
  rig.put("new.txt", "contents");
  rig.settle(20'000'000'000);
  // Copied to another disk, the marker included.
  fs::copy(rig.directory / "away", rig.outbox(), fs::copy_options::recursive);
  rig.settle(20'000'000'000);
  CHECK(rig.events("place").size() == 1);
  CHECK(rig.delivered() == Names{"new.freq", "new.freq.sha256"});
  CHECK(rig.events("journal_damaged").size() == 1);
}

}  // namespace
}  // namespace paxect::test

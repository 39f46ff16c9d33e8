// Journals as a crash leaves them at each point, with the directories beside them, and what a start makes of
// it. crash_test gets there by killing; here each state is laid out by hand.
#include <filesystem>
#include <fstream>

#include "link/journal_scene.h"
#include "stages/audit_log.h"

namespace paxect::test {
namespace {

TEST_CASE("Begun and not prepared: whatever the temporary holds goes, and the source is taken again") {
  for (const char* contents : {"", "da", "data"}) {
    Scene scene;
    scene.begin();
    scene.temporary(contents);
    CHECK(scene.restart() == Names{"a"});
    CHECK(read_file(scene.rig.outbox("a")) == "data");
  }
}

TEST_CASE("Begun, and the temporary was lost with the power: the source is taken again") {
  Scene scene;
  scene.begin();
  CHECK(scene.restart() == Names{"a"});
}

TEST_CASE("Prepared with its temporary: not delivered, so it is delivered now") {
  Scene scene;
  scene.prepare();
  scene.temporary("data");
  CHECK(scene.restart() == Names{"a"});
}

TEST_CASE("A stop during the recovery of a start is no fault of the configuration") {
  Scene scene;
  scene.name();
  write_file(scene.rig.outbox("a"), "data");
  scene.rig.host.request_stop();
  scene.rig.start();
  scene.rig.stop();
  scene.rig.host.request_stop(false);
  CHECK(scene.restart() == Names{"a"});
}

TEST_CASE("What a recovery reports is logged once, however often its lines cannot be flushed") {
  Scene scene;
  scene.prepare();
  LinkRig& rig = scene.rig;
  const std::string logs = rig.directory / "logs";
  const std::string outbox = rig.directory / "outbox";
  rig.host.set("log", logs + "/log.jsonl");
  std::filesystem::rename(outbox, rig.directory / "away");
  write_file(outbox, "");
  rig.start();
  // While the start waits for the outbox, the log goes away, too.
  std::filesystem::rename(logs, rig.directory / "kept");
  write_file(logs, "");
  std::filesystem::remove(outbox);
  std::filesystem::rename(rig.directory / "away", outbox);
  for (int i = 0; i < 5; ++i) {
    rig.host.advance_ns(2'000'000'000);
    REQUIRE(rig.link->step() == PAXECT_PLUGIN_OK);
  }
  std::filesystem::remove(logs);
  std::filesystem::rename(rig.directory / "kept", logs);
  rig.settle(20'000'000'000);
  rig.stop();
  CHECK(rig.waiting() == Names{"a.freq"});
  int reports = 0;
  for (const LogEntry& entry : read_log(logs + "/log.jsonl"))
    if (entry.event == "held" && entry.level == "error") ++reports;
  CHECK(reports == 1);
}

TEST_CASE("Named without its temporary: delivered, though the receiver may have taken it") {
  for (bool taken : {false, true}) {
    Scene scene;
    scene.name();
    if (!taken) write_file(scene.rig.outbox("a"), "data");
    CHECK(scene.restart() == (taken ? Names{} : Names{"a"}));
    CHECK(scene.rig.events("decode")[0].line.find("finished after a restart") != std::string::npos);
  }
}

TEST_CASE("Prepared and not named, and somebody removed its temporary: held") {
  Scene scene;
  scene.prepare();
  scene.check_held();
}

TEST_CASE("Prepared before the machine started again, without its temporary: delivered") {
  // The record of the name was not flushed, and may have been lost.
  Scene scene;
  scene.intent.boot = "another";
  scene.prepare();
  CHECK(scene.restart().empty());
}

TEST_CASE("Named without its temporary, and the outbox is a copy that was put back: held") {
  Scene scene;
  std::filesystem::rename(scene.rig.outbox(), scene.rig.directory / "backup");
  std::filesystem::copy(scene.rig.directory / "backup", scene.rig.outbox());
  scene.name();
  scene.check_held();
}

TEST_CASE("Named with its temporary: not delivered, unless a hard link may have been its name") {
  const bool is_other_boot = GENERATE(false, true);
  for (const char* linked : {"nobody", "us", "a backup"}) {
    INFO(linked << is_other_boot);
    Scene scene;
    scene.temporary("data");
    const std::string temporary = scene.rig.outbox(".a.part");
    link::FileIdentity identity;
    REQUIRE(link::identity_of(temporary, &identity));
    scene.intent.inode = identity.inode;
    scene.intent.ctime_ns = identity.ctime_ns;
    if (is_other_boot) scene.intent.boot = "an earlier one";
    scene.name();
    const bool by_us = linked == std::string("us");
    // The record of that may be lost with the machine.
    if (by_us && !is_other_boot) REQUIRE(scene.journal.link(std::span(&scene.intent.id, 1)).ok());
    if (linked != std::string("nobody")) {
      // The receiver takes it by its first name; the backup is deleted.
      const std::string other = by_us ? scene.rig.outbox("a") : scene.rig.directory / "snapshot";
      std::filesystem::create_hard_link(temporary, other);
      std::filesystem::remove(other);
    }
    if (linked == std::string("nobody") || (!by_us && !is_other_boot)) {
      CHECK(scene.restart() == Names{"a"});
      continue;
    }
    CHECK(scene.rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
    CHECK(scene.rig.waiting() == Names{"a.freq"});
    CHECK_FALSE(scene.rig.events("held").empty());
    CHECK(scene.rig.delivered() == Names{".a.part"});
  }
}

TEST_CASE("Prepared, and its temporary has two names: delivered by a hard link, the old name goes") {
  Scene scene;
  scene.prepare();
  scene.temporary("data");
  std::filesystem::create_hard_link(scene.rig.outbox(".a.part"), scene.rig.outbox("a"));
  CHECK(scene.restart() == Names{"a"});
  CHECK(scene.rig.events("duplicate").empty());
}

TEST_CASE("Aborted: not delivered, with the temporary there or gone") {
  for (bool there : {true, false}) {
    Scene scene;
    scene.prepare();
    scene.abort();
    if (there) scene.temporary("data");
    CHECK(scene.restart() == Names{"a"});
    CHECK(read_file(scene.rig.outbox("a")) == "data");
  }
}

TEST_CASE("Aborted after the sidecar got its name: the sidecar goes with the abort, and no other") {
  for (bool own : {true, false}) {
    LinkRig rig;
    rig.host.set("mode", "send");
    std::filesystem::create_directories(rig.outbox());
    link::Journal journal;
    std::string damage;
    REQUIRE(journal.open(link::journal_of(rig.lock()), &damage).ok());
    // The source has gone since, so that nothing takes the name again.
    link::Intent intent;
    intent.id = journal.next_id();
    intent.source_place = token_of(rig.inbox());
    intent.target_place = token_of(rig.outbox());
    intent.source = "a.txt";
    intent.container = true;
    intent.name = "a.freq";
    intent.temporary = ".a.freq.part";
    intent.side_temporary = ".a.freq.sha256.part";
    intent.digest = link::sha256_hex("container");
    intent.data_digest = link::sha256_hex("data");
    REQUIRE(journal.begin(std::span(&intent, 1)).ok());
    REQUIRE(journal.prepare(std::span(&intent, 1)).ok());
    REQUIRE(journal.abort(std::span(&intent.id, 1)).ok());
    write_file(rig.outbox("a.freq.sha256"), link::sha256_hex(own ? "container" : "other") + "\n");
    CHECK(rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(rig.delivered() == (own ? Names{} : Names{"a.freq.sha256"}));
  }
}

TEST_CASE("Finished, and the removal of the source was lost with the power: it is not delivered again") {
  Scene scene;
  scene.prepare();
  scene.finish();
  // The line of the delivery was durable before the source was removed.
  write_file(
      scene.rig.log_path(),
      "{\"datetime_utc\": \"2026-01-02 03:04:05 UTC\", \"level\": \"info\", \"event\": \"decode\", \"src\": "
      "\"\", \"dst\": \"\", \"status\": \"ok\", \"message\": \"\", \"version\": \"1\", \"id\": 1}\n");
  CHECK(scene.restart().empty());
}

TEST_CASE("Delivered, and its line is in the log: the line is not written again, rotated or not") {
  for (bool rotated : {false, true}) {
    Scene scene;
    const std::string before(2000, '\n');
    scene.intent.log_offset = before.size();
    scene.prepare();
    std::string line =
        "{\"datetime_utc\": \"2026-01-02 03:04:05 UTC\", \"level\": \"info\", \"event\": \"decode\", "
        "\"src\": \"\", "
        "\"dst\": \"\", \"status\": \"ok\", \"message\": \"\", \"version\": \"1\", \"id\": " +
        std::to_string(scene.intent.id) + ", \"relay\": \"" + scene.relay() + "\"}\n";
    write_file(scene.rig.log_path(), (rotated ? "" : before) + line);
    CHECK(scene.rig.run_once() == PAXECT_PLUGIN_OK);
    std::string log = read_file(scene.rig.log_path());
    CHECK(log.find("finished after a restart") == std::string::npos);
    CHECK(scene.rig.delivered().empty());
    CHECK(list(scene.rig.inbox()).empty());
  }
}

TEST_CASE("Begun, and a line of another relay in the log has its number: it is delivered") {
  Scene scene;
  scene.begin();
  write_file(scene.rig.log_path(), link::to_json_line({.name = "decode",
                                                       .source = "/other/a.freq",
                                                       .numbers = {{"id", scene.intent.id}},
                                                       .texts = {{"relay", "0123456789abcdef"}}},
                                                      0, "1"));
  CHECK(scene.rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(scene.rig.delivered() == Names{"a"});
  CHECK(scene.rig.events("journal_damaged").empty());
  CHECK(list(scene.rig.inbox()).empty());
}

TEST_CASE("Delivered, and its line is at the end of a large log: the line is not written again") {
  Scene scene;
  scene.rig.host.set("log_max", "1073741824");
  scene.intent.log_offset = std::uint64_t{80} << 20;
  scene.prepare();
  write_file(scene.rig.log_path(), "");
  std::filesystem::resize_file(scene.rig.log_path(), scene.intent.log_offset);
  std::ofstream(scene.rig.log_path(), std::ios::app)
      << std::string(65'530, '\n') << "{\"event\": \"decode\", \"id\": " << scene.intent.id
      << ", \"relay\": \"" << scene.relay() << "\"}\n";
  CHECK(scene.rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(read_file(scene.rig.log_path()).find("finished after a restart") == std::string::npos);
  CHECK(list(scene.rig.inbox()).empty());
}

TEST_CASE("Delivered, and another file has the name of its source now: that one is delivered too") {
  Scene scene;
  scene.prepare();
  write_file(scene.rig.outbox("a"), "data");
  std::filesystem::remove(scene.rig.inbox("a.freq"));
  scene.rig.put("a.txt", "another");
  CHECK(scene.rig.run_once() == PAXECT_PLUGIN_OK);
  CHECK(scene.rig.delivered().size() == 2);
  CHECK(list(scene.rig.inbox()).empty());
}

TEST_CASE("Half a line at the end of the journal is as if it had not been written") {
  Scene scene;
  scene.begin();
  const std::string path = link::journal_of(scene.rig.lock());
  const std::string begun = read_file(path);
  REQUIRE(scene.journal.prepare(std::span(&scene.intent, 1)).ok());
  const std::string prepared = read_file(path);
  // Had prepare counted, the missing temporary would mean that it was delivered.
  write_file(path, prepared.substr(0, begun.size() + (prepared.size() - begun.size()) / 2));
  CHECK(scene.restart() == Names{"a"});
}

// ---- a world that changed ------------------------------------------------------------------------------

TEST_CASE("Prepared, and another place is at the path: nothing is concluded until the place is back") {
  for (bool renamed : {false, true}) {
    INFO(renamed);
    Scene scene;
    scene.prepare();
    if (renamed)
      REQUIRE(scene.journal.name(std::span(&scene.intent.id, 1)).ok());
    else
      scene.temporary("data");
    const std::string away = scene.rig.directory / "away";
    std::filesystem::rename(scene.rig.outbox(), away);
    std::filesystem::create_directories(scene.rig.outbox());
    token_of(scene.rig.outbox());
    CHECK(scene.rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
    CHECK(scene.rig.waiting() == Names{"a.freq"});
    CHECK(scene.rig.delivered().empty());
    std::filesystem::remove_all(scene.rig.outbox());
    std::filesystem::rename(away, scene.rig.outbox());
    CHECK(scene.restart() == (renamed ? Names{} : Names{"a"}));
  }
}

TEST_CASE("A source that is held is delivered when the place of its delivery is back, without a restart") {
  Scene scene;
  scene.prepare();
  scene.temporary("data");
  const std::string away = scene.rig.directory / "away";
  std::filesystem::rename(scene.rig.outbox(), away);
  std::filesystem::create_directories(scene.rig.outbox());
  token_of(scene.rig.outbox());
  scene.rig.start();
  scene.rig.settle();
  CHECK(scene.rig.events("held").size() == 1);
  CHECK(scene.rig.waiting() == Names{"a.freq"});
  std::filesystem::rename(scene.rig.outbox(), scene.rig.directory / "other");
  std::filesystem::rename(away, scene.rig.outbox());
  scene.rig.settle(20'000'000'000);
  CHECK(scene.rig.waiting().empty());
  CHECK(scene.rig.delivered() == Names{"a"});
  CHECK(list(scene.rig.directory / "other").empty());
}

TEST_CASE("Prepared, and its folder is on another file system now: nothing is concluded") {
  Scene scene;
  scene.intent.target_nested = true;
  scene.prepare();
  CHECK(scene.rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
  CHECK(scene.rig.waiting() == Names{"a.freq"});
  CHECK(scene.rig.delivered().empty());
  CHECK(scene.rig.events("held").size() == 1);
}

TEST_CASE("Prepared, and its temporary has another inode: the content says that it is ours") {
  Scene scene;
  scene.intent.inode = 1;
  scene.prepare();
  scene.temporary("data");
  CHECK(scene.restart() == Names{"a"});
}

TEST_CASE("Prepared, and its temporary is another file: that one stays, and the source is held") {
  for (bool published : {false, true}) {
    Scene scene;
    scene.prepare();
    scene.temporary("somebody else's");
    if (published) write_file(scene.rig.outbox("a"), "data");
    CHECK(scene.rig.run_once() == (published ? PAXECT_PLUGIN_OK : PAXECT_PLUGIN_INCOMPLETE));
    CHECK(read_file(scene.rig.outbox(".a.part")) == "somebody else's");
    CHECK(scene.rig.waiting() == (published ? Names{} : Names{"a.freq"}));
    if (published) continue;
    CHECK_FALSE(scene.rig.events("held").empty());
    CHECK(scene.rig.delivered() == Names{".a.part"});
    // Touched, it is a file that nobody knows.
    std::filesystem::last_write_time(scene.rig.inbox("a.freq"),
                                     std::filesystem::file_time_type::clock::now());
    CHECK(scene.rig.run_once() == PAXECT_PLUGIN_OK);
    CHECK(read_file(scene.rig.outbox("a")) == "data");
  }
}

TEST_CASE("Prepared, and its temporary has a second name elsewhere: not delivered, so it is delivered now") {
  Scene scene;
  scene.prepare();
  scene.temporary("data");
  std::filesystem::create_hard_link(scene.rig.outbox(".a.part"), scene.rig.outbox("snapshot"));
  CHECK(scene.restart() == Names{"a", "snapshot"});
}

TEST_CASE("Prepared, and its folder is gone or a file: its source is held, and other intents go on") {
  for (bool gone : {true, false}) {
    INFO(gone);
    Scene scene;
    scene.rig.host.set("recursive", "true");
    link::Intent other = scene.intent;
    std::filesystem::create_directories(scene.rig.inbox("sub"));
    scene.rig.put("sub/b.freq", container_of("other"));
    other.id = scene.journal.next_id();
    other.source = "sub/b.freq";
    REQUIRE(link::identity_of(scene.rig.inbox("sub/b.freq"), &other.identity));
    other.folder = "sub";
    other.name = "b";
    other.temporary = ".b.part";
    REQUIRE(scene.journal.begin(std::span(&other, 1)).ok());
    REQUIRE(scene.journal.prepare(std::span(&other, 1)).ok());
    scene.prepare();
    scene.temporary("data");
    if (!gone) write_file(scene.rig.outbox("sub"), "a file");
    CHECK(scene.rig.run_once() == PAXECT_PLUGIN_INCOMPLETE);
    CHECK(read_file(scene.rig.outbox("a")) == "data");
    CHECK(exists(scene.rig.inbox("sub/b.freq")));
    CHECK_FALSE(exists(scene.rig.inbox("a.freq")));
    CHECK_FALSE(scene.rig.events("held").empty());
  }
}

TEST_CASE(
    "An old temporary of this relay that the journal does not know goes, whatever its id, and any other one "
    "stays") {
  Scene scene;
  scene.prepare();
  scene.finish();
  const std::string own = scene.rig.temporary(scene.rig.outbox(), scene.intent.id + 1);
  const std::string later = scene.rig.temporary(scene.rig.outbox(), scene.intent.id + 50);
  const std::string other = scene.rig.outbox(".paxect-0123456789abcdef-1.part");
  scene.journal.next_id();
  REQUIRE(scene.journal.clear("", [](const auto&, const auto&) { return false; }).ok());
  for (const std::string& path : {own, later, other}) write_file(path, "left behind");
  scene.rig.run_once();
  CHECK_FALSE(exists(own));
  CHECK_FALSE(exists(later));
  CHECK(exists(other));
}

}  // namespace
}  // namespace paxect::test

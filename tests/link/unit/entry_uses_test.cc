// Which entries of lists a delivery uses, by a journal that is read after a restart or after damage.
#include <filesystem>
#include <span>
#include <string>

#include "received_rig.h"
#include "records/journal.h"
#include "records/journal_format.h"
#include "support/catch.h"
#include "support/file_size_limit.h"
#include "support/temp_dir.h"

namespace paxect::link {

TEST_CASE("The journal uses an entry up by the record that prepares its delivery") {
  test::TempDir temp;
  std::string damage;
  Journal journal;
  REQUIRE(journal.open(temp / "j", &damage).ok());
  const List each = list_of_north(1);
  REQUIRE(journal.note_received(journal.received().list_records(kNorth, each, digest_of(each), 5)).ok());
  Intent intent;
  intent.id = journal.next_id();
  intent.name = intent.source = "arrived";
  intent.temporary = ".x.part";
  const auto reopened = [&] {
    Journal again;
    REQUIRE(again.open(temp / "j", &damage).ok());
    CHECK(damage.empty());
    return again.received();
  };
  REQUIRE(journal.begin(std::span(&intent, 1)).ok());
  intent.entry = EntryRef{0, 1};
  intent.name = "listed";
  intent.folder = "folder";
  intent.digest = "d";
  journal.use_entry(*intent.entry, intent.id);
  CHECK_FALSE(reopened().used_by(intent.id));
  REQUIRE(journal.prepare(std::span(&intent, 1)).ok());
  CHECK(reopened().used_by(intent.id) == EntryRef{0, 1});
  {
    Journal again;
    REQUIRE(again.open(temp / "j", &damage).ok());
    CHECK(again.left()[0].name == "listed");
    CHECK(again.left()[0].folder == "folder");
  }
  const std::uint64_t ids[] = {intent.id};
  const auto clear = [&] {
    REQUIRE(journal.clear("", [](const std::string&, const SourceRecord&) { return false; }).ok());
  };
  SECTION("finish") {
    SECTION("") {}
    SECTION("rewritten before") { clear(); }
    journal.finish(ids);
    CHECK(reopened() == journal.received());
    CHECK(reopened().find_used(digest_of(1)));
    CHECK_FALSE(reopened().find_open(digest_of(1), ""));
    clear();
    CHECK(reopened() == journal.received());
    CHECK(reopened().find_used(digest_of(1)));
  }
  SECTION("abort") {
    SECTION("") {}
    SECTION("rewritten before") { clear(); }
    REQUIRE(journal.abort(ids).ok());
    CHECK(reopened() == journal.received());
    CHECK(reopened().find_open(digest_of(1), ""));
    clear();
    CHECK(reopened().find_open(digest_of(1), ""));
  }
  SECTION("a restart that finds it delivered") {
    Journal again;
    REQUIRE(again.open(temp / "j", &damage).ok());
    again.resolve([](const Intent&) { return true; });
    CHECK_FALSE(again.received().used_by(intent.id));
    CHECK(again.received().find_used(digest_of(1)));
  }
  SECTION("a restart that cannot find out") {
    Journal again;
    REQUIRE(again.open(temp / "j", &damage).ok());
    again.refuse_entry(intent.id, "held");
    again.resolve([](const Intent&) { return true; });
    CHECK(again.received().find_open(digest_of(1), ""));
    CHECK(again.received().entry({0, 1})->reason == "held");
  }
}

TEST_CASE("A delivery that ended leaves no entry in use, whatever the file could be told of its end") {
  test::TempDir temp;
  std::string damage;
  Journal journal;
  const auto reopen = [&] { REQUIRE(journal.open(temp / "j", &damage).ok()); };
  reopen();
  const List each = list_of_north(1);
  REQUIRE(journal.note_received(journal.received().list_records(kNorth, each, digest_of(each), 5)).ok());
  const auto begin = [&](std::uint64_t entry) {
    Intent intent;
    intent.id = journal.next_id();
    intent.name = intent.source = name_of_entry(entry);
    intent.temporary = ".x.part";
    intent.digest = "d";
    REQUIRE(journal.begin(std::span(&intent, 1)).ok());
    intent.entry = EntryRef{0, entry};
    journal.use_entry(*intent.entry, intent.id);
    REQUIRE(journal.prepare(std::span(&intent, 1)).ok());
    return intent.id;
  };
  const std::uint64_t ended = begin(1);
  const std::string fate = GENERATE("delivered", "held", "finished", "dropped");
  INFO(fate);
  const bool is_delivered = fate == "delivered" || fate == "finished";
  // The checkpoint after it fails: nothing is written again.
  if (fate == "delivered" || fate == "held") {
    reopen();
    if (fate == "held") journal.refuse_entry(ended, "held");
    journal.resolve([](const Intent&) { return true; });
  } else {
    const test::FileSizeLimit full(std::filesystem::file_size(temp / "j"));
    if (fate == "finished") journal.finish(std::span(&ended, 1));
    if (fate == "dropped") journal.drop(ended);
  }
  const std::uint64_t other = begin(2);
  for (const bool is_written : {false, true}) {
    if (!is_written) {
      REQUIRE(journal.leave_in_flight().ok());
    } else {
      REQUIRE(journal.clear("", [](const std::string&, const SourceRecord&) { return false; }).ok());
      reopen();
    }
    INFO(is_written);
    const ReceivedStreams& received = journal.received();
    CHECK_FALSE(received.used_by(ended));
    CHECK(received.used_by(other) == EntryRef{0, 2});
    CHECK(received.find_open(digest_of(1), name_of_entry(1)).has_value() != is_delivered);
    CHECK(received.find_used(digest_of(1)).has_value() == is_delivered);
  }
}

TEST_CASE("An entry that is given back after deliveries were left behind counts as given back") {
  test::TempDir temp;
  std::string damage;
  Journal journal;
  REQUIRE(journal.open(temp / "j", &damage).ok());
  const List each = list_of_north(1);
  REQUIRE(journal.note_received(journal.received().list_records(kNorth, each, digest_of(each), 5)).ok());
  const auto prepare = [&] {
    Intent intent;
    intent.id = journal.next_id();
    intent.name = intent.source = name_of_entry(1);
    intent.temporary = ".x.part";
    intent.digest = "d";
    intent.entry = EntryRef{0, 1};
    REQUIRE(journal.begin(std::span(&intent, 1)).ok());
    journal.use_entry(*intent.entry, intent.id);
    REQUIRE(journal.prepare(std::span(&intent, 1)).ok());
    return intent.id;
  };
  const std::uint64_t first[] = {prepare()};
  REQUIRE(journal.abort(first).ok());
  journal.drop(first[0]);
  const std::uint64_t seen = journal.received().releases();
  CHECK(seen > 0);
  // The journal that is read then knows nothing of the one before.
  REQUIRE(journal.clear("", [](const std::string&, const SourceRecord&) { return false; }).ok());
  const std::uint64_t second[] = {prepare()};
  REQUIRE(journal.leave_in_flight().ok());
  CHECK(journal.received().used_by(second[0]));
  REQUIRE(journal.abort(second).ok());
  CHECK_FALSE(journal.received().used_by(second[0]));
  CHECK(journal.received().releases() > seen);
}

TEST_CASE("An entry that a delivery uses which the journal does not know is open again") {
  ReceivedStreams streams;
  add_list(&streams, kNorth, list_of_north(1));
  streams.use(open_entry(streams, 1), 7);
  streams.use(open_entry(streams, 2), 8);
  JournalContents contents;
  contents.relay_token = "relay";
  contents.last_id = 8;
  contents.received = streams;
  Intent known;
  known.id = 8;
  known.entry = EntryRef{0, 2};
  known.source = known.name = "f2";
  known.digest = "d";
  known.prepared = true;
  contents.intents = {known};
  const JournalContents read = parse_journal(journal_text(contents));
  REQUIRE(read.damage.empty());
  CHECK_FALSE(read.received.used_by(7));
  open_entry(read.received, 1);
  CHECK(read.received.used_by(8) == EntryRef{0, 2});
}

TEST_CASE(
    "A delivery that ended uses its entry up, also where the journal has lost who gave it back before") {
  ReceivedStreams streams;
  add_list(&streams, kNorth, list_of_north(1));
  streams.use(open_entry(streams, 1), 7);
  JournalContents contents;
  contents.relay_token = "relay";
  contents.last_id = 8;
  contents.received = streams;
  Intent ended;
  ended.id = 8;
  ended.entry = EntryRef{0, 1};
  ended.source = ended.name = name_of_entry(1);
  ended.digest = "d";
  ended.prepared = ended.finished = true;
  contents.intents = {ended};
  const ReceivedStreams read = parse_journal(journal_text(contents)).received;
  CHECK_FALSE(read.used_by(7));
  CHECK_FALSE(read.find_open(digest_of(1), name_of_entry(1)));
  CHECK(read.find_used(digest_of(1)) == EntryRef{0, 1});
  CHECK(read.streams()[0].gone == EntryRanges{{1, 1}});
  CHECK(rewritten(read) == read);
}

}  // namespace paxect::link

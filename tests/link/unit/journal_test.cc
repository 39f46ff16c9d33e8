#include "records/journal.h"

#include "base/digest.h"
#include "records/journal_line.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

using test::TempDir;

Intent intent(Journal& journal, const std::string& source) {
  Intent result;
  result.id = journal.next_id();
  result.source = source;
  result.identity = {1, 2, 3, -4, 5};
  result.source_place = "inbox token";
  result.target_place = "outbox token";
  result.folder = "some folder";
  result.temporary = ".x.part";
  result.name = "x";
  return result;
}

void open(Journal* journal, const std::string& path) {
  std::string damage;
  REQUIRE(journal->open(path, &damage).ok());
  REQUIRE(damage.empty());
}

std::vector<Intent> reopen(const std::string& path) {
  Journal journal;
  open(&journal, path);
  return journal.left();
}

bool nothing_is_gone(const std::string&, const SourceRecord&) { return false; }

SourceRecord record(std::uint64_t number) {
  return {.identity = {0, number, number, 1, 1}, .digest = "d" + std::to_string(number)};
}

TEST_CASE("A new journal has a token, which stays") {
  TempDir temp;
  Journal journal;
  open(&journal, temp / "j");
  CHECK(journal.is_new());
  CHECK(journal.relay_token().size() == 32);
  Journal again;
  open(&again, temp / "j");
  CHECK_FALSE(again.is_new());
  CHECK(again.relay_token() == journal.relay_token());
  Journal other;
  open(&other, temp / "k");
  CHECK(other.relay_token() != journal.relay_token());
}

TEST_CASE("A file on its way to the quarantine is read again until that is over, also after clear") {
  TempDir temp;
  Journal journal;
  open(&journal, temp / "j");
  Aside aside{.id = journal.next_id(),
              .log_offset = 7,
              .place = "inbox token",
              .path = "folder/a b\n\xff.freq",
              .identity = {1, 2, 3, -4, 5},
              .target = "a b\n\xff.freq.1",
              .message = "decode_error: \"it\" is damaged",
              .sidecar = "a b\n\xff.FREQ.sha256"};
  Aside other = aside;
  other.id = journal.next_id();
  REQUIRE(journal.set_aside(aside).ok());
  REQUIRE(journal.set_aside(other).ok());
  journal.end_aside(other.id);
  for (const bool cleared : {false, true}) {
    if (cleared) REQUIRE(journal.clear("inbox token", nothing_is_gone).ok());
    Journal again;
    open(&again, temp / "j");
    REQUIRE(again.asides().size() == 1);
    const Aside& found = again.asides().front();
    CHECK(found.id == aside.id);
    CHECK(found.log_offset == aside.log_offset);
    CHECK(found.place == aside.place);
    CHECK(found.path == aside.path);
    CHECK(found.identity.same_but_device(aside.identity));
    CHECK(found.target == aside.target);
    CHECK(found.message == aside.message);
    CHECK(found.sidecar == aside.sidecar);
    CHECK(again.next_id() > other.id);
  }
  journal.end_aside(aside.id);
  Journal last;
  open(&last, temp / "j");
  CHECK(last.asides().empty());
}

TEST_CASE("What was begun is read again, any bytes in its names") {
  TempDir temp;
  Journal journal;
  open(&journal, temp / "j");
  CHECK(journal.left().empty());
  Intent made = intent(journal, "sp ace\n%41\xff");
  made.target_nested = true;
  REQUIRE(journal.begin({{made}}).ok());
  std::vector<Intent> left = reopen(temp / "j");
  REQUIRE(left.size() == 1);
  CHECK(left[0].source == made.source);
  CHECK(left[0].folder == made.folder);
  CHECK(left[0].source_place == made.source_place);
  CHECK(left[0].target_place == made.target_place);
  CHECK((left[0].target_nested && !left[0].source_nested));
  CHECK(left[0].side_temporary.empty());
  CHECK(left[0].identity.same_but_device(made.identity));
  CHECK_FALSE(left[0].prepared);
}

TEST_CASE("What a source was repaired to is read again, also after clear") {
  TempDir temp;
  Journal journal;
  open(&journal, temp / "j");
  std::vector<Intent> made = {intent(journal, "a"), intent(journal, "b"), intent(journal, "c")};
  for (Intent& item : made) item.digest = "product";
  made[0].repair = SourceRepair{.digest = "of a", .cells = 4128, .damaged = 17};
  made[2].repair = SourceRepair{.digest = "of c", .cells = 1, .damaged = 0};
  REQUIRE(journal.begin(made).ok());
  REQUIRE(journal.prepare(made).ok());
  SourceRecord kept = record(1);
  kept.original = "of d";
  journal.remember("inbox token", "d", kept);
  journal.remember("inbox token", "e", record(2));
  for (const bool cleared : {false, true}) {
    if (cleared) REQUIRE(journal.clear("inbox token", nothing_is_gone).ok());
    Journal again;
    open(&again, temp / "j");
    REQUIRE(again.left().size() == 3);
    CHECK_FALSE(again.left()[1].repair);
    const std::optional<SourceRepair>& repair = again.left()[0].repair;
    REQUIRE(repair);
    CHECK((repair->digest == "of a" && repair->cells == 4128 && repair->damaged == 17));
    CHECK(again.left()[2].repair->digest == "of c");
    CHECK(again.left()[2].prepared);
    CHECK(again.done().find("inbox token", "d")->original == "of d");
    CHECK(again.done().find("inbox token", "e")->original.empty());
  }
}

TEST_CASE("The sizes of a delivery, and that it was a duplicate, are read again, also after clear") {
  TempDir temp;
  Journal journal;
  open(&journal, temp / "j");
  std::vector<Intent> made = {intent(journal, "a"), intent(journal, "b")};
  for (Intent& item : made) item.digest = "product";
  made[0].sizes = DeliverySizes{.data = UINT64_MAX, .container = 17};
  REQUIRE(journal.begin(made).ok());
  REQUIRE(journal.prepare(made).ok());
  REQUIRE(journal.note_duplicate(made[1].id).ok());
  for (const bool cleared : {false, true}) {
    if (cleared) REQUIRE(journal.clear("inbox token", nothing_is_gone).ok());
    const std::vector<Intent> left = reopen(temp / "j");
    REQUIRE(left.size() == 2);
    REQUIRE(left[0].sizes);
    CHECK((left[0].sizes->data == UINT64_MAX && left[0].sizes->container == 17));
    CHECK_FALSE(left[1].sizes);
    CHECK((left[0].prepared && left[1].prepared));
    CHECK((!left[0].duplicate && left[1].duplicate));
  }
}

TEST_CASE("Records and words that a later version adds are passed over, and are no damage") {
  TempDir temp;
  Journal journal;
  open(&journal, temp / "j");
  const Intent made = intent(journal, "a");
  REQUIRE(journal.begin({{made}}).ok());
  std::string text = test::read_file(temp / "j");
  text += JournalLine("figures").number(made.id).text("of a later version").finish();
  text += JournalLine("aside")
              .number(journal.next_id())
              .number(7)
              .text("inbox token")
              .identity(made.identity)
              .text("b.freq")
              .text("b.freq.1")
              .text("message")
              .text("b.freq.sha256")
              .text("of a later version")
              .finish();
  test::write_file(temp / "j", text);
  Journal again;
  open(&again, temp / "j");
  REQUIRE(again.left().size() == 1);
  CHECK(again.left()[0].source == "a");
  REQUIRE(again.asides().size() == 1);
  CHECK(again.asides()[0].sidecar == "b.freq.sha256");
}

TEST_CASE("A record without the words that this version adds is read") {
  TempDir temp;
  Journal journal;
  open(&journal, temp / "j");
  std::string text = test::read_file(temp / "j");
  text += JournalLine("aside")
              .number(journal.next_id())
              .number(7)
              .text("inbox token")
              .identity({1, 2, 3, 4, 5})
              .text("b.freq")
              .text("b.freq.1")
              .text("message")
              .finish();
  test::write_file(temp / "j", text);
  Journal again;
  open(&again, temp / "j");
  REQUIRE(again.asides().size() == 1);
  CHECK(again.asides()[0].message == "message");
  CHECK(again.asides()[0].sidecar.empty());
}

TEST_CASE("Prepared, aborted and finished are told apart") {
  TempDir temp;
  Journal journal;
  open(&journal, temp / "j");
  std::vector<Intent> made = {intent(journal, "a"), intent(journal, "b"), intent(journal, "c")};
  for (Intent& item : made) {
    item.digest = "d1" + item.source;
    item.source_digest = "d2";
    item.inode = 7;
  }
  REQUIRE(journal.begin(made).ok());
  REQUIRE(journal.prepare(made).ok());
  std::vector<std::uint64_t> aborted{made[1].id};
  REQUIRE(journal.abort(aborted).ok());
  std::vector<std::uint64_t> finished{made[2].id};
  journal.finish(finished);
  // Written again as a whole, they read the same.
  for (bool whole : {false, true}) {
    INFO(whole);
    std::vector<Intent> left = reopen(temp / "j");
    REQUIRE(left.size() == 3);
    CHECK((left[0].prepared && !left[0].finished && left[0].digest == "d1a"));
    CHECK((left[0].source_digest == "d2" && left[0].inode == 7));
    CHECK_FALSE(left[1].prepared);
    CHECK(left[1].digest == "d1b");
    CHECK((left[2].prepared && left[2].finished));
    Journal again;
    open(&again, temp / "j");
    REQUIRE(again.clear("", nothing_is_gone).ok());
  }
}

TEST_CASE("A journal that is rewritten keeps the intents that are open, and drops the others") {
  TempDir temp;
  Journal journal;
  open(&journal, temp / "j");
  std::vector<Intent> made;
  for (const char* source : {"begun", "prepared", "aborted", "finished", "dropped"}) {
    made.push_back(intent(journal, source));
    made.back().digest = std::string("digest of ") + source;
  }
  REQUIRE(journal.begin(made).ok());
  REQUIRE(journal.prepare(std::span(made).subspan(1, 3)).ok());
  REQUIRE(journal.name({{made[1].id}}).ok());
  REQUIRE(journal.link({{made[1].id}}).ok());
  REQUIRE(journal.abort({{made[2].id}}).ok());
  journal.finish({{made[3].id}});
  journal.drop(made[4].id);
  REQUIRE(journal.clear("", nothing_is_gone).ok());
  CHECK(journal.grown() == 0);
  const std::vector<Intent> left = reopen(temp / "j");
  REQUIRE(left.size() == 3);
  CHECK((left[0].source == "begun" && !left[0].prepared));
  CHECK((left[1].source == "prepared" && left[1].prepared && left[1].named && left[1].linked));
  CHECK_FALSE(left[0].linked);
  CHECK(left[1].digest == "digest of prepared");
  CHECK((left[2].source == "aborted" && !left[2].prepared));
  // They go on as if nothing had happened.
  journal.finish({{made[1].id}});
  journal.drop(made[0].id);
  journal.drop(made[2].id);
  REQUIRE(journal.clear("", nothing_is_gone).ok());
  CHECK(reopen(temp / "j").empty());
}

TEST_CASE("A journal that is as it was rewritten last is not rewritten by the next process") {
  TempDir temp;
  Journal journal;
  open(&journal, temp / "j");
  journal.remember("here", "one", record(1));
  REQUIRE(journal.clear("here", nothing_is_gone).ok());
  FileIdentity before;
  REQUIRE(identity_of(temp / "j", &before));
  Journal next;
  open(&next, temp / "j");
  REQUIRE(next.clear("here", nothing_is_gone).ok());
  FileIdentity after;
  REQUIRE(identity_of(temp / "j", &after));
  CHECK(after.inode == before.inode);
  // With anything behind that it is.
  next.remember("here", "two", record(2));
  Journal last;
  open(&last, temp / "j");
  REQUIRE(last.clear("here", nothing_is_gone).ok());
  REQUIRE(identity_of(temp / "j", &after));
  CHECK(after.inode != before.inode);
}

TEST_CASE("No id is given twice, not even after the journal was cleared") {
  TempDir temp;
  std::uint64_t last = 0;
  for (int round = 0; round < 3; ++round) {
    Journal journal;
    open(&journal, temp / "j");
    CHECK(journal.last_old_id() == last);
    Intent made = intent(journal, "a");
    CHECK(made.id == last + 1);
    last = made.id;
    REQUIRE(journal.begin({{made}}).ok());
    journal.resolve([](const Intent&) { return true; });
    REQUIRE(journal.clear("", nothing_is_gone).ok());
  }
}

TEST_CASE("An incomplete last line is cut off, and writing goes on before it") {
  TempDir temp;
  {
    Journal journal;
    open(&journal, temp / "j");
    REQUIRE(journal.begin({{intent(journal, "a")}}).ok());
    REQUIRE(journal.begin({{intent(journal, "b")}}).ok());
  }
  std::string whole = test::read_file(temp / "j");
  std::size_t last_line = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t cut = last_line; cut < whole.size(); ++cut) {
    test::write_file(temp / "j", whole.substr(0, cut));
    Journal journal;
    open(&journal, temp / "j");
    REQUIRE(journal.left().size() == 1);
    REQUIRE(journal.begin({{intent(journal, "c")}}).ok());
    std::vector<Intent> left = reopen(temp / "j");
    REQUIRE(left.size() == 2);
    CHECK(left[1].source == "c");
  }
}

TEST_CASE(
    "Clearing keeps what is remembered, held or open and not proven to be gone, at its own place only") {
  TempDir temp;
  Journal journal;
  open(&journal, temp / "j");
  journal.remember("here", "kept", record(1));
  journal.remember("here", "gone", record(2));
  journal.remember("there", "gone", record(3));
  journal.hold("here", "held", record(4));
  journal.add_unseen("there", "folder");
  REQUIRE(journal.note_place({"inbox", "here", "-", "/in box", "8/2/1"}).ok());
  CHECK(journal.grown() > 0);
  REQUIRE(journal.clear("here", [](const std::string& path, const SourceRecord&) { return path == "gone"; })
              .ok());
  // What is kept is no reason to clear it again.
  CHECK(journal.grown() == 0);
  Journal again;
  open(&again, temp / "j");
  CHECK(again.left().empty());
  CHECK(again.match_done("here", "kept", {7, 1, 1, 1, 1}) == SourceMatch::kSame);
  CHECK(again.done().find("here", "kept")->digest == "d1");
  CHECK(again.match_done("here", "gone", {7, 2, 2, 1, 1}) == SourceMatch::kOther);
  CHECK(again.match_done("there", "gone", {7, 3, 3, 1, 1}) == SourceMatch::kSame);
  CHECK(again.held().find("here", "held") != nullptr);
  CHECK(again.unseen().contains({"there", "folder"}));
  CHECK(again.places() == std::vector<KnownPlace>{{"inbox", "here", "-", "/in box", "8/2/1"}});
}

TEST_CASE("Other hints leave it to the content, another size or mtime is another file") {
  TempDir temp;
  Journal journal;
  open(&journal, temp / "j");
  const SourceRecord known{.identity = {0, 10, 20, 30, 40}};
  journal.remember("p", "a", known);
  CHECK(journal.match_done("p", "a", {9, 10, 20, 30, 40}) == SourceMatch::kSame);
  CHECK(journal.match_done("p", "a", {9, 11, 20, 30, 40}) == SourceMatch::kPerhaps);
  CHECK(journal.match_done("p", "a", {9, 10, 20, 30, 41}) == SourceMatch::kPerhaps);
  CHECK(journal.match_done("p", "a", {9, 10, 21, 30, 40}) == SourceMatch::kOther);
  CHECK(journal.match_done("p", "a", {9, 10, 20, 31, 40}) == SourceMatch::kOther);
  CHECK(journal.match_done("q", "a", {9, 10, 20, 30, 40}) == SourceMatch::kOther);
  // The rename to the hidden name changes the ctime.
  journal.remember("p", ".a.paxect-leaving", known);
  CHECK(journal.match_done("p", ".a.paxect-leaving", {9, 10, 20, 30, 41}) == SourceMatch::kSame);
}

TEST_CASE("The last place noted of a role and path is the current one") {
  TempDir temp;
  Journal journal;
  open(&journal, temp / "j");
  REQUIRE(journal.note_place({"outbox", "one", "-", "/out"}).ok());
  REQUIRE(journal.note_place({"outbox", "two", "mount", "/out"}).ok());
  REQUIRE(journal.note_place({"outbox", "three", "-", "/elsewhere"}).ok());
  CHECK(current_place(journal.places(), "outbox", "/out")->token == "two");
  REQUIRE(journal.note_place({"outbox", "one", "mount", "/out"}).ok());
  JournalContents contents;
  REQUIRE(read_journal(temp / "j", &contents).ok());
  CHECK(contents.places.size() == 3);
  CHECK(current_place(contents.places, "outbox", "/out")->token == "one");
  CHECK(current_place(contents.places, "outbox", "/out")->mount == "mount");
  CHECK(current_place(contents.places, "inbox", "/out") == nullptr);
}

TEST_CASE("Intents that are not over are open towards their place") {
  TempDir temp;
  Journal journal;
  open(&journal, temp / "j");
  std::vector<Intent> made = {intent(journal, "a"), intent(journal, "b"), intent(journal, "c")};
  REQUIRE(journal.begin(made).ok());
  CHECK(journal.open_towards("outbox token") == 3);
  CHECK(journal.open_towards("another") == 0);
  REQUIRE(journal.abort({{made[0].id}}).ok());
  journal.finish({{made[1].id}});
  CHECK(journal.open_towards("outbox token") == 2);  // what the aborted one wrote may still exist
  journal.drop(made[0].id);
  CHECK(journal.open_towards("outbox token") == 1);
  journal.drop(made[2].id);
  CHECK(journal.open_towards("outbox token") == 0);
  REQUIRE(journal.begin(std::vector{intent(journal, "d")}).ok());
  Journal again;
  open(&again, temp / "j");
  CHECK(again.open_towards("outbox token") == 3);  // a, c and d: neither is over as far as is recorded
}

// ---- damage --------------------------------------------------------------------------------------------

// A journal that was cleared with two sources remembered, and has an intent in each state behind that.
std::string full_journal(const std::string& path) {
  Journal journal;
  open(&journal, path);
  REQUIRE(journal.note_place({"inbox", "here", "-", "/in"}).ok());
  journal.remember("here", "one", record(1));
  journal.remember("here", "two", record(2));
  REQUIRE(journal.clear("here", nothing_is_gone).ok());
  std::vector<Intent> made = {intent(journal, "a"), intent(journal, "b"), intent(journal, "c")};
  for (Intent& item : made) item.digest = "d";
  REQUIRE(journal.begin(made).ok());
  REQUIRE(journal.prepare(made).ok());
  REQUIRE(journal.abort({{made[0].id}}).ok());
  journal.finish({{made[1].id}});
  journal.remember("here", "b", record(3));
  return test::read_file(path);
}

TEST_CASE("A byte changed in any line is damage, and costs no other line") {
  TempDir temp;
  const std::string whole = full_journal(temp / "j");
  const JournalContents good = parse_journal(whole);
  REQUIRE(good.damage.empty());
  std::size_t line = 0;
  for (std::size_t begin = 0; begin < whole.size(); begin = whole.find('\n', begin) + 1) {
    INFO("line " << ++line);
    std::string text = whole;
    text[begin + 2] = static_cast<char>(text[begin + 2] ^ 4);
    const JournalContents contents = parse_journal(text);
    CHECK_FALSE(contents.damage.empty());
    const std::size_t lost = (good.places.size() - contents.places.size()) +
                             (good.done.size() - contents.done.size()) +
                             (good.intents.size() - contents.intents.size());
    CHECK(lost <= 1);
    if (line > 1) CHECK(contents.relay_token == good.relay_token);
  }
  CHECK(line == 11);
}

TEST_CASE("A journal cut anywhere in what was written together, or to nothing, is damaged") {
  TempDir temp;
  const std::string whole = full_journal(temp / "j");
  CHECK_FALSE(parse_journal("").damage.empty());
  std::size_t end = 0;
  for (int line = 1; line <= 4; ++line) {
    INFO("cut after line " << line);
    const std::string damage = parse_journal(whole.substr(0, end = whole.find('\n', end) + 1)).damage;
    CHECK((line == 4) == damage.empty());
    if (line == 2) CHECK(damage == "2 of its lines are missing");
    if (line == 3) CHECK(damage == "one of its lines is missing");
  }
}

TEST_CASE("A journal that is not trusted is kept aside, its intents are doubtful and its inboxes unseen") {
  TempDir temp;
  std::string damaged = full_journal(temp / "j");
  damaged[damaged.find("done") + 9] ^= 1;
  test::write_file(temp / "j", damaged);
  Journal journal;
  std::string damage;
  REQUIRE(journal.open(temp / "j", &damage).ok());
  CHECK(damage == "line 3 is damaged");
  const std::uint64_t last = journal.last_old_id();
  std::string kept;
  REQUIRE(journal.distrust({}, last + 5, 1'767'323'045'000'000'000, &kept).ok());
  CHECK(kept == temp / "j.damaged-20260102T030405Z");
  CHECK(test::read_file(kept) == damaged);
  CHECK(journal.next_id() == last + 6);
  // All of it is durable: a crash right now changes nothing.
  Journal again;
  open(&again, temp / "j");
  CHECK(again.relay_token() == journal.relay_token());
  REQUIRE(again.left().size() == 3);
  for (const Intent& left : again.left()) CHECK(left.doubtful);
  CHECK(again.left()[1].finished);
  CHECK(again.unseen().contains({"here", ""}));
  CHECK(again.done().size() == 2);
}

TEST_CASE("A journal of a later format is refused, and one of an earlier format is damaged") {
  TempDir temp;
  const std::string later = "journal 4";
  test::write_file(temp / "j", later + " " + sha256_hex(later).substr(0, 8) + "\n");
  Journal journal;
  std::string damage;
  CHECK(journal.open(temp / "j", &damage).fault == Fault::kRefused);
  const std::string earlier = "finish 1";
  test::write_file(temp / "j", earlier + " " + sha256_hex(earlier).substr(0, 8) + "\n");
  CHECK(journal.open(temp / "j", &damage).ok());
  CHECK(damage == "it has no header that can be read");
}

TEST_CASE("A journal of format 2 is rewritten when it is opened, so that an earlier version refuses it") {
  TempDir temp;
  std::string token;
  {
    Journal journal;
    open(&journal, temp / "j");
    token = journal.relay_token();
    REQUIRE(journal.note_keys().ok());
  }
  std::string text = test::read_file(temp / "j");
  REQUIRE(text.starts_with("journal 3 "));
  const std::size_t end = text.find('\n');
  const std::string header = "journal 2" + text.substr(9, text.rfind(' ', end) - 9);
  test::write_file(temp / "j", header + " " + sha256_hex(header).substr(0, 8) + text.substr(end));
  Journal journal;
  open(&journal, temp / "j");
  CHECK(journal.relay_token() == token);
  CHECK(journal.had_keys());
  CHECK(test::read_file(temp / "j").starts_with("journal 3 "));
}

}  // namespace
}  // namespace paxect::link

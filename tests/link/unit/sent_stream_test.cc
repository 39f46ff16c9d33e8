#include "records/sent_stream.h"

#include <algorithm>

#include "base/digest.h"
#include "records/journal_format.h"
#include "support/catch.h"

namespace paxect::link {
namespace {

SentEntry entry(std::uint64_t id) {
  return {.id = id,
          .digest = sha256_hex(std::to_string(id)),
          .name = "a b/" + std::to_string(id) + ".freq",
          .place = "",
          .source = ""};
}

// One whose source stays.
SentEntry kept_entry(std::uint64_t id, const std::string& source) {
  SentEntry kept = entry(id);
  kept.place = "place";
  kept.source = source;
  return kept;
}

// The next list, with the first entries of those that are not listed.
SentList next_list(const SentStream& stream, std::size_t entries) {
  SentList list;
  list.number = stream.next;
  list.first = stream.next_entry;
  list.previous = stream.previous;
  list.made = 1'767'323'045;
  list.within = 600;
  list.to = {"south", "west"};
  list.log = {7, sha256_hex("line")};
  for (std::size_t i = 0; i < entries; ++i) list.entries.push_back(stream.unlisted()[i]);
  list.digest = sha256_hex(stream.text_of(list));
  list.is_durable = true;
  return list;
}

SentStream read_again(const SentStream& stream) {
  JournalContents contents;
  contents.relay_token = std::string(32, 'a');
  contents.sent = stream;
  const JournalContents read = parse_journal(journal_text(contents));
  CHECK(read.damage.empty());
  return read.sent;
}

SentStream three_sent() {
  SentStream stream;
  stream.begin("0123456789abcdef", "key", "north", Continued{"fedcba9876543210", 8});
  for (std::uint64_t id = 1; id <= 3; ++id) stream.add(entry(id));
  return stream;
}

}  // namespace

TEST_CASE("What repeats an entry without a list repeats it in the stream that lists it") {
  SentStream stream = three_sent();
  SentEntry of_listed = entry(4);
  of_listed.again = EarlierEntry{"0123456789abcdef", 2};
  SentEntry of_unlisted = entry(5);
  of_unlisted.again = EarlierEntry{"0123456789abcdef", 3};
  stream.add(of_listed);
  stream.add(of_unlisted);
  stream.decide(next_list(stream, 2));
  const bool is_named = GENERATE(false, true);
  INFO(is_named);
  if (is_named) stream.note_named(1);
  stream.begin("00000000000000aa", "key", "north", std::nullopt);
  REQUIRE(stream.unlisted().size() == (is_named ? 3 : 5));
  const auto& left = stream.unlisted();
  CHECK(left[left.size() - 2].again == (is_named ? of_listed.again : EarlierEntry{"00000000000000aa", 2}));
  CHECK(left.back().again == EarlierEntry{"00000000000000aa", is_named ? 1u : 3u});
  CHECK(read_again(stream).unlisted() == stream.unlisted());
}

TEST_CASE(
    "An entry whose source was replaced is not kept any more, and the source is that of the later one") {
  SentStream stream;
  stream.begin("0123456789abcdef", "key", "north", {});
  stream.add(kept_entry(1, "a"));
  stream.add(kept_entry(2, "b"));
  stream.decide(next_list(stream, 2));
  stream.note_named(1);
  stream.add(kept_entry(3, "a"));
  for (const SentStream& each : {stream, read_again(stream)}) {
    CHECK_FALSE(each.kept().contains({each.name, 1}));
    CHECK(each.kept().contains({each.name, 2}));
    CHECK(each.keeps("place", "a"));
    CHECK(each.unlisted().size() == 1);
  }
  stream.decide(next_list(stream, 1));
  CHECK(stream.kept().contains({stream.name, 3}));
  stream.release({stream.name, 3});
  CHECK_FALSE(stream.keeps("place", "a"));
}

// The number of kept entries of the path, and of those that no list has.
std::pair<std::size_t, std::size_t> at_path(const SentStream& stream, const std::string& path) {
  const auto kept = std::count_if(stream.kept().begin(), stream.kept().end(),
                                  [&](const auto& each) { return each.second.entry.source == path; });
  const auto unlisted = std::count_if(stream.unlisted().begin(), stream.unlisted().end(),
                                      [&](const SentEntry& each) { return each.source == path; });
  return {static_cast<std::size_t>(kept), static_cast<std::size_t>(unlisted)};
}

TEST_CASE("An entry whose source was replaced before it was listed is listed without one") {
  SentStream stream;
  stream.begin("0123456789abcdef", "key", "north", {});
  stream.add(kept_entry(1, "a"));
  stream.add(kept_entry(2, "b"));
  const SentList made_before = next_list(stream, 2);
  stream.add(kept_entry(3, "a"));
  CHECK(at_path(stream, "a") == std::pair<std::size_t, std::size_t>{0, 1});
  CHECK(read_again(stream) == stream);
  SECTION("in one list") { stream.decide(next_list(stream, 3)); }
  SECTION("in a list that was made before") {
    stream.decide(made_before);
    CHECK(read_again(stream) == stream);
    stream.decide(next_list(stream, 1));
  }
  CHECK(at_path(stream, "a") == std::pair<std::size_t, std::size_t>{1, 0});
  CHECK(stream.kept().contains({stream.name, 3}));
  CHECK(stream.kept().contains({stream.name, 2}));
  CHECK(read_again(stream) == stream);
  // Nor has it one in the next stream.
  stream.begin("1123456789abcdef", "key", "north", {});
  CHECK(stream.unlisted().size() == 3);
  CHECK(at_path(stream, "a") == std::pair<std::size_t, std::size_t>{0, 1});
  CHECK(read_again(stream) == stream);
}

TEST_CASE("A source that is that of a listed container again is in the place of the one between") {
  SentStream stream;
  stream.begin("0123456789abcdef", "key", "north", {});
  const bool is_listed = GENERATE(true, false);
  const SentEntry first = kept_entry(1, "a");
  stream.add(first);
  stream.decide(next_list(stream, 1));
  stream.release({stream.name, 1});
  stream.add(kept_entry(2, "a"));
  if (is_listed) stream.decide(next_list(stream, 1));
  SentEntry now = first;
  now.id = 3;
  stream.keep({stream.name, 1}, {now, 1'767'323'045});
  CHECK(at_path(stream, "a") == std::pair<std::size_t, std::size_t>{1, 0});
  CHECK(stream.kept().contains({stream.name, 1}));
  CHECK(read_again(stream) == stream);
}

TEST_CASE("An entry that is listed again does not take the source of a later one in a journal of before") {
  SentStream stream;
  stream.begin("0123456789abcdef", "key", "north", {});
  stream.add(kept_entry(2, "a"));
  stream.decide(next_list(stream, 1));
  SentEntry again = kept_entry(1, "a");
  again.again = EarlierEntry{"fedcba9876543210", 1};
  stream.add(again);
  CHECK(at_path(stream, "a") == std::pair<std::size_t, std::size_t>{1, 0});
  CHECK(stream.unlisted().size() == 1);
  CHECK(read_again(stream) == stream);
}

TEST_CASE("Entries that others replaced, or that are given up, are known until nobody waits for the stream") {
  SentStream stream;
  stream.begin("0123456789abcdef", "key", "north", {});
  for (std::uint64_t id = 1; id <= 3; ++id) {
    stream.add(kept_entry(id, "source " + std::to_string(id)));
  }
  stream.decide(next_list(stream, 3));
  stream.note_named(1);
  const std::string old = stream.name;
  stream.note_ended(old, stream.named());
  stream.begin("1123456789abcdef", "other key", "north", Continued{old, 1});
  stream.relist({old, 2});
  stream.relist({old, 2});
  stream.forgo(old, 3, 3);
  stream.forgo("2123456789abcdef", 1, 1);
  CHECK(stream.replaced(old) == EntryRanges{{2, 2}});
  CHECK(stream.forgone(old) == EntryRanges{{3, 3}});
  CHECK(stream.forgone("2123456789abcdef").empty());
  REQUIRE(stream.unlisted().size() == 1);
  CHECK(stream.unlisted()[0].again == EarlierEntry{old, 2});
  stream.forget_ids();
  CHECK(read_again(stream) == stream);
  stream.settle(old);
  CHECK(stream.replaced(old).empty());
  CHECK(stream.forgone(old).empty());
  CHECK(read_again(stream) == stream);
}

TEST_CASE("What is listed again while its first list is not written yet is so in a later journal") {
  SentStream stream;
  stream.begin("0123456789abcdef", "key", "north", {});
  stream.add(kept_entry(1, "source"));
  stream.decide(next_list(stream, 1));
  stream.relist({stream.name, 1});
  REQUIRE(stream.unlisted().size() == 1);
  const SentStream read = read_again(stream);
  REQUIRE(read.unlisted().size() == 1);
  CHECK(read.unlisted()[0].again == EarlierEntry{stream.name, 1});
  CHECK(read.unlisted()[0].source == "source");
  CHECK(read_again(read) == read);
}

TEST_CASE("Of a stream whose end a damaged journal has lost nothing is known that is over") {
  SentStream stream;
  stream.begin("0123456789abcdef", "key", "north", {});
  stream.add(kept_entry(1, "source"));
  stream.decide(next_list(stream, 1));
  stream.note_named(1);
  const std::string old = stream.name;
  stream.relist({old, 1});
  stream.forgo(old, 1, 1);
  REQUIRE_FALSE(stream.replaced(old).empty());
  stream.begin("1123456789abcdef", "other key", "north", Continued{old, 1});
  CHECK(stream.replaced(old).empty());
  CHECK(stream.forgone(old).empty());
  stream.forget_ids();
  CHECK(read_again(stream) == stream);
}

TEST_CASE("An entry that is listed again names the first one of its container, however often it was") {
  SentStream stream;
  stream.begin("0123456789abcdef", "key", "north", {});
  stream.add(kept_entry(1, "source"));
  const std::string first = stream.name;
  for (const char* name : {"1123456789abcdef", "2123456789abcdef", "3123456789abcdef"}) {
    const SentList list = next_list(stream, 1);
    const std::string before = stream.name;
    stream.decide(list);
    stream.note_named(1);
    stream.note_ended(before, stream.named());
    stream.begin(name, "key", "north", Continued{before, 1});
    stream.relist({before, 1});
    CHECK(read_again(stream) == stream);
    REQUIRE(stream.unlisted().size() == 1);
    CHECK(stream.unlisted()[0].again == EarlierEntry{first, 1});
  }
}

TEST_CASE("What another list names that is not listed stays under that number, once") {
  SentStream stream;
  stream.begin("0123456789abcdef", "key", "north", {});
  for (std::uint64_t id = 1; id <= 2; ++id) {
    SentEntry each = entry(id);
    if (id == 1) each.place = "place";
    if (id == 1) each.source = "source";
    stream.add(each);
  }
  const SentEntry kept = stream.unlisted()[0];
  const std::pair<std::string, std::uint64_t> number = {"1123456789abcdef", 7};
  for (int i = 0; i < 2; ++i) {
    stream.note_shown({.id = 1, .number = number, .made = 100, .to = "south"});
    stream.note_shown({.id = 2, .number = {"1123456789abcdef", 8}, .made = 100, .to = "south"});
    CHECK(stream.unlisted().empty());
    REQUIRE(stream.kept().size() == 1);
    CHECK(stream.kept().at(number) == KeptSource{kept, 100, "south"});
    CHECK(stream.keeps("place", "source"));
    stream.add(kept);  // its record is read again
  }
  stream.forget_ids();
  CHECK(read_again(stream) == stream);
}

TEST_CASE("Digests of lists with gaps between them are known, also in a later journal") {
  SentStream stream = three_sent();
  stream.decide(next_list(stream, 1));
  stream.note_named(1);
  const std::string old = stream.name;
  stream.note_ended(old, stream.named());
  for (const std::uint64_t number : {3U, 4U, 7U}) {
    const std::string line = digest_record(old, number, number * 10, "digest " + std::to_string(number));
    JournalWords words(checked_line(std::string_view(line).substr(0, line.size() - 1)));
    const std::string_view kind = words.next();
    CHECK(stream.take(kind, words));
  }
  stream.begin("1123456789abcdef", "key", "north", Continued{old, 7});
  stream.forget_ids();
  const SentStream again = read_again(stream);
  CHECK(again == stream);
  CHECK(again.digest_of(old, 7) == "digest 7");
  CHECK(again.digest_of(old, 2).empty());
  CHECK_FALSE(again.digest_of(old, 1).empty());
  CHECK(again.entries_of(old, 3) == std::pair<std::uint64_t, std::uint64_t>(30, 40));
  CHECK_FALSE(again.entries_of(old, 4));
}

TEST_CASE("Lists that the journal did not know become its own, and their entries are found once") {
  SentStream stream = three_sent();
  stream.decide(next_list(stream, 1));
  SentStream known = stream;
  stream.decide(next_list(stream, 2));
  SentList unknown = stream.lists().back();
  unknown.entries[1].id = 0;  // this one was sent after the backup
  known.note_named(1);
  known.adopt(unknown);
  CHECK(known.is_doubtful);
  CHECK(known.next == stream.next);
  CHECK(known.next_entry == stream.next_entry);
  CHECK(known.previous == stream.previous);
  CHECK(known.digest_of(stream.name, 2) == stream.digest_of(stream.name, 2));
  CHECK(known.unlisted().size() == 1);
  known.forget_ids();
  CHECK(read_again(known) == known);
  const LostEntries::key_type key{entry(3).digest, entry(3).name};
  const LostEntry lost{.number = {stream.name, 3}, .made = 5, .noted_ns = 7, .to = "south west"};
  known.note_lost({{key, lost}});
  known.note_lost({{key, {.number = {stream.name, 9}}}});
  CHECK(known.lost() == LostEntries{{key, lost}});
  CHECK(read_again(known) == known);
  const std::string record = found_record(key);
  JournalWords words(checked_line(std::string_view(record).substr(0, record.size() - 1)));
  const std::string_view kind = words.next();
  CHECK(known.take(kind, words));
  CHECK(known.lost().empty());
}

TEST_CASE("What a sender lists is read as it was written, at every stage") {
  SentStream stream = three_sent();
  CHECK(read_again(stream) == stream);
  stream.decide(next_list(stream, 2));
  const std::string text = stream.text_of(stream.lists().front());
  const SentStream again = read_again(stream);
  CHECK(again == stream);
  CHECK(again.text_of(again.lists().front()) == text);
  stream.decide(next_list(stream, 1));
  CHECK(read_again(stream) == stream);
  stream.forget_lists(1);
  stream.forget_ids();
  CHECK(read_again(stream) == stream);
  CHECK(stream.next == 3);
  CHECK(stream.next_entry == 4);
  stream.is_doubtful = true;
  CHECK(read_again(stream).is_doubtful);
}

TEST_CASE("An entry counts once, and a list once, however often their records are there") {
  SentStream stream = three_sent();
  stream.add(entry(2));
  CHECK(stream.unlisted().size() == 3);
  const SentList list = next_list(stream, 3);
  stream.decide(list);
  stream.decide(list);
  CHECK(stream.lists().size() == 1);
  CHECK(stream.next == 2);
  // Recovery finds the intent of one that is listed.
  stream.add(entry(3));
  CHECK(stream.unlisted().empty());
}

TEST_CASE("Another stream lists what has no name in the outbox yet, in the order in which it was sent") {
  SentStream stream = three_sent();
  stream.decide(next_list(stream, 1));
  stream.note_named(1);
  stream.decide(next_list(stream, 1));
  stream.begin("00000000000000ff", "other", "north", Continued{"0123456789abcdef", 2});
  REQUIRE(stream.unlisted().size() == 2);
  CHECK(stream.unlisted()[0] == entry(2));
  CHECK(stream.unlisted()[1] == entry(3));
  CHECK(stream.next == 1);
  CHECK(stream.next_entry == 1);
  CHECK(stream.previous.empty());
}

TEST_CASE("A source stays until its entry is released, whatever stream its list is in") {
  SentStream stream = three_sent();
  stream.add(kept_entry(9, "in box/9.txt"));
  CHECK(stream.keeps("place", "in box/9.txt"));
  stream.decide(next_list(stream, 4));
  CHECK(read_again(stream) == stream);
  stream.forget_lists(1);
  stream.forget_ids();
  stream.begin("00000000000000ff", "other", "north", {});
  CHECK(stream.keeps("place", "in box/9.txt"));
  REQUIRE(stream.kept().size() == 1);
  CHECK(read_again(stream) == stream);
  stream.release(stream.kept().begin()->first);
  CHECK_FALSE(stream.keeps("place", "in box/9.txt"));
  CHECK(read_again(stream) == stream);
}

TEST_CASE("A source that was released is not kept again by the record of its list") {
  SentStream stream = three_sent();
  stream.add(kept_entry(9, "9.txt"));
  stream.decide(next_list(stream, 4));
  stream.release({stream.name, 4});
  CHECK_FALSE(read_again(stream).keeps("place", "9.txt"));
  CHECK(read_again(stream).kept().empty());
}

TEST_CASE("When an entry was listed is known for the oldest that is not confirmed, also in a long stream") {
  SentStream stream;
  stream.begin("0123456789abcdef", "key", "north", std::nullopt);
  constexpr std::uint64_t kLists = 3 * SentStream::kMaxTimes;
  for (std::uint64_t i = 1; i <= kLists; ++i) {
    stream.add(entry(2 * i));
    stream.add(entry(2 * i + 1));
    SentList list = next_list(stream, 2);
    list.made = static_cast<std::int64_t>(1000 + i);
    stream.decide(list);
  }
  CHECK(stream.made_of(1) == 1001);
  CHECK(stream.made_of(2) == 1001);
  CHECK(stream.made_of(2 * kLists) == std::int64_t{1000 + kLists});
  stream.forget_lists(kLists);
  stream.confirm(2 * kLists - 1);
  CHECK(stream.made_of(2 * kLists) == std::int64_t{1000 + kLists});
  CHECK(stream.made_of(1) == 0);
  CHECK(read_again(stream).made_of(2 * kLists) == std::int64_t{1000 + kLists});
  // A time that is not exact is never too late.
  for (std::uint64_t i = 1; i <= 2 * SentStream::kMaxTimes; ++i) {
    stream.add(entry(2 * kLists + 1 + i));
    SentList list = next_list(stream, 1);
    list.made = static_cast<std::int64_t>(9000 + i);
    stream.decide(list);
    REQUIRE(stream.made_of(2 * kLists + i) == static_cast<std::int64_t>(9000 + i));
  }
  for (std::uint64_t i = 1; i <= 2 * SentStream::kMaxTimes; ++i)
    REQUIRE(stream.made_of(2 * kLists + i) <= static_cast<std::int64_t>(9000 + i));
  CHECK(stream.made_of(2 * kLists) == std::int64_t{1000 + kLists});
}

TEST_CASE("A source that waits for a receipt takes as many bytes of the journal however many wait") {
  const auto size_of = [](std::uint64_t sources) {
    SentStream stream;
    stream.begin("0123456789abcdef", "key", "north", std::nullopt);
    for (std::uint64_t id = 1; id <= sources; ++id) {
      SentEntry kept = entry(id);
      kept.place = std::string(32, 'a');
      kept.source = std::to_string(id) + ".txt";
      stream.add(kept);
      if (id % kMaxListEntries == 0 || id == sources)
        stream.decide(next_list(stream, stream.unlisted().size()));
    }
    stream.forget_lists(stream.next - 1);
    std::size_t size = 0;
    for (const std::string& line : stream.records()) size += line.size();
    return size;
  };
  constexpr std::uint64_t kFew = 4 * kMaxListEntries;
  const std::size_t few = size_of(kFew);
  CHECK(few / kFew < 600);
  CHECK((size_of(3 * kFew) - few) / (2 * kFew) < 600);
}

}  // namespace paxect::link

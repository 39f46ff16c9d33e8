// One container with several entries: what a sender lists again, and what somebody else signs about it.
#include "base/digest.h"
#include "received_rig.h"
#include "records/journal.h"
#include "records/journal_line.h"
#include "records/received_streams.h"
#include "support/catch.h"

namespace paxect::link {
namespace {

// A key of the node that somebody has stolen.
const std::string kStolen(80, 'e');

// Its first entries are of these containers.
List list_of(const StreamAddress& address, std::vector<ListEntry> entries) {
  List made = list_of_north(1, 0);
  made.head.stream = address.stream;
  made.entries = std::move(entries);
  return made;
}

ListEntry relisted(std::uint64_t entry, const EarlierEntry& again) {
  return {digest_of(entry), name_of_entry(entry), again};
}

void deliver(ReceivedStreams* streams, const EntryRef& ref) {
  streams->use(ref, 7);
  REQUIRE(streams->used_by(7) == ref);
  streams->settle(7);
}

bool is_open(const ReceivedStreams& streams, const EntryRef& ref) {
  CHECK((rewritten(streams).entry(ref) != nullptr) == (streams.entry(ref) != nullptr));
  return streams.entry(ref) != nullptr;
}

}  // namespace

TEST_CASE("Entries of one container are good for one delivery, whatever the order") {
  // Entry 3 of the old stream, entry 1 of the next one, and entry 1 of the one after that.
  const StreamAddress next{"north", std::string(80, 'b'), "4f9a6c2e11d04b77"};
  const StreamAddress last{"north", std::string(80, 'c'), "5f9a6c2e11d04b77"};
  List second = list_of_north(1, 1);
  second.head.stream = next.stream;
  second.entries[0] = {digest_of(3), name_of_entry(3), EarlierEntry{kNorth.stream, 3}};
  List third = second;
  third.head.stream = last.stream;
  const std::vector<std::pair<StreamAddress, List>> lists = {
      {kNorth, list_of_north(1)}, {kNorth, list_of_north(2)}, {next, second}, {last, third}};
  const auto before = GENERATE(as<std::size_t>{}, 0, 1, 2, 3, 4);  // lists that come before the delivery
  const auto first = GENERATE(as<std::size_t>{}, 0, 1, 2, 3);
  const bool is_in_use = GENERATE(false, true);  // while the others come
  INFO(before << " lists before the delivery, from list " << first << " on, in use: " << is_in_use);
  ReceivedStreams streams;
  std::size_t taken = 0;
  const auto take_next = [&] {
    const auto& [address, each] = lists[(first + taken++) % lists.size()];
    add_list(&streams, address, each);
    CHECK(rewritten(streams) == streams);
  };
  while (taken < before) take_next();
  const auto open = [&] { return streams.find_open(digest_of(3), name_of_entry(3)); };
  const auto used = open();
  if (used) {
    streams.use(*used, 7);
    CHECK_FALSE(open());
    CHECK(rewritten(streams) == streams);
    if (!is_in_use) streams.settle(7);
  }
  while (taken < lists.size()) take_next();
  if (used) {
    CHECK_FALSE(open());
    streams.settle(7);
  }
  REQUIRE(open().has_value() == !used);
  if (!used) {
    streams.use(*open(), 8);
    CHECK_FALSE(open());
    streams.release(8);
    streams.use(*open(), 9);
    streams.settle(9);
  }
  CHECK_FALSE(open());
  CHECK(streams.find_used(digest_of(3)));
  for (const ReceivedStream& each : streams.streams())
    for (const OutcomeRange& range : each.outcomes(2060, 0))
      CHECK((range.outcome == Outcome::kDelivered) ==
            (each.address.stream != kNorth.stream || range.first == 3));
  CHECK(rewritten(streams) == streams);
}

TEST_CASE("Equal entries that are listed again are good for one delivery each, with what names them") {
  // Two containers of one content and name, each with an entry in the old stream and one in the next.
  const StreamAddress next{"north", std::string(80, 'b'), "4f9a6c2e11d04b77"};
  List first = list_of_north(1);
  first.entries.assign(2, {digest_of(1), name_of_entry(1)});
  List second = first;
  second.head.stream = next.stream;
  for (std::uint64_t i = 0; i < 2; ++i) second.entries[i].again = EarlierEntry{kNorth.stream, i + 1};
  ReceivedStreams streams;
  const auto take_both = [&](bool is_old_first) {
    for (const bool is_old : {is_old_first, !is_old_first}) {
      const List& each = is_old ? first : second;
      change(&streams, streams.list_records(is_old ? kNorth : next, each, digest_of(each), 2000));
    }
  };
  take_both(GENERATE(true, false));
  const auto open = [&] { return streams.find_open(digest_of(1), name_of_entry(1)); };
  const auto number_open = [&] { return streams.open_with_name(name_of_entry(1)).size(); };
  REQUIRE(number_open() == 4);
  const auto used = open();
  REQUIRE(used);
  streams.use(*used, 7);
  // By any name it is an entry of the other container.
  const auto other = open();
  REQUIRE(other);
  CHECK(other->number == 3 - used->number);
  CHECK(streams.find_open(digest_of(1), "other.freq") == other);
  CHECK(streams.find_used(digest_of(1)) == used);
  CHECK(rewritten(streams) == streams);
  SECTION("both in use") {
    streams.use(*other, 8);
    CHECK_FALSE(open());
    CHECK(number_open() == 2);
    streams.release(7);
    CHECK(open() == used);
    streams.settle(8);
    CHECK(number_open() == 2);
    CHECK(open() == used);
  }
  SECTION("one delivered by the entry that names the first") {
    streams.use({1 - used->stream, used->number}, 7);
    streams.settle(7);
    CHECK(number_open() == 2);
    CHECK(open() == other);
    CHECK_FALSE(streams.used_by(7));
  }
  SECTION("one given back whose other entry was delivered in the meantime") {
    streams.use({1 - used->stream, used->number}, 8);
    streams.settle(8);
    CHECK(streams.used_by(7) == used);
    streams.release(7);
    CHECK(number_open() == 2);
    CHECK(streams.entry(*used) == nullptr);
    CHECK(open() == other);
  }
  SECTION("a delivery takes another entry, and the one it gives back is delivered with that") {
    const EntryRef twin{1 - used->stream, used->number};
    const std::uint64_t number = twin.number;
    change(&streams, JournalLine("gone").number(twin.stream).number(number).number(number).finish());
    streams.use(*other, 7);
    CHECK(streams.entry(*used) == nullptr);
    CHECK(streams.used_by(7) == other);
    CHECK(number_open() == 1);
    CHECK_FALSE(open());
  }
  CHECK(rewritten(streams) == streams);
  while (const auto left = open()) {
    streams.use(*left, 9);
    streams.settle(9);
  }
  streams.settle(7);
  streams.settle(8);
  CHECK_FALSE(open());
  CHECK(number_open() == 0);
  for (const ReceivedStream& each : streams.streams()) {
    CHECK(each.entries.empty());
    CHECK(each.gone == std::map<std::uint64_t, std::uint64_t>{{1, 2}});
  }
  CHECK(rewritten(streams) == streams);
}

TEST_CASE("An entry that names one with another digest or name, or of another node, is one of its own") {
  const StreamAddress next{"north", std::string(80, 'b'), "4f9a6c2e11d04b77"};
  ReceivedStreams streams;
  add_list(&streams, kNorth, list_of_north(1));
  List second = list_of_north(1, 1);
  second.head.stream = next.stream;
  StreamAddress from = next;
  std::uint64_t entry = 1;
  SECTION("another digest") { entry = 2; }
  SECTION("another name") { second.entries[0].name = "other.freq"; }
  SECTION("another node") { from.node = "west"; }
  second.entries[0].again = EarlierEntry{kNorth.stream, entry};
  const bool is_before = GENERATE(true, false);  // the delivery
  INFO(is_before);
  if (is_before) deliver(&streams, {0, 1});
  if (is_before && GENERATE(true, false)) streams = rewritten(streams);
  change(&streams, streams.list_records(from, second, digest_of(second), 2000));
  if (!is_before) streams.use({0, 1}, 7);
  const auto other = streams.find_open(digest_of(1), name_of_entry(1));
  REQUIRE(other);
  CHECK(other->stream == 1);
  if (!is_before) streams.settle(7);
  CHECK(streams.find_open(digest_of(1), name_of_entry(1)) == other);
  CHECK(streams.entry({0, 2}) != nullptr);
}

TEST_CASE("Whoever has another key of a node ends no entry of its streams without a delivery") {
  // Entries 5 and 90 are of one container under one name: the sender has sent it twice.
  List sent = list_of_north(1, 100);
  sent.entries[89] = {digest_of(5), name_of_entry(5)};
  const StreamAddress same{"north", kStolen, kNorth.stream};
  const StreamAddress other{"north", kStolen, "7f9a6c2e11d04b77"};
  List shadow = list_of_north(1, 100);
  shadow.entries[89] = relisted(5, {kNorth.stream, 5});
  const List thief = list_of(other, {relisted(5, {kNorth.stream, 90}), relisted(5, {kNorth.stream, 5})});
  const bool is_sender_first = GENERATE(true, false);
  const bool has_shadow = GENERATE(true, false);
  INFO(is_sender_first << has_shadow);
  ReceivedStreams streams;
  const auto forge = [&] {
    if (has_shadow) add_list(&streams, same, shadow);
    add_list(&streams, other, thief);
  };
  if (!is_sender_first) forge();
  add_list(&streams, kNorth, sent);
  const std::size_t index = *streams.find(kNorth);
  deliver(&streams, {index, 5});
  if (is_sender_first) forge();
  CHECK(is_open(streams, {index, 90}));
  CHECK(streams.find_open(digest_of(5), name_of_entry(5)));
  CHECK(streams.streams()[index].gone == EntryRanges{{5, 5}});
  CHECK(rewritten(streams) == streams);
  // A list of the stream that the thief signs with the name of the sender's one joins nothing, either.
  if (!has_shadow) return;
  deliver(&streams, {*streams.find(other), 1});
  CHECK(is_open(streams, {index, 90}));
}

TEST_CASE("Whoever has a retired key of a node keeps nothing open that its sender lists again") {
  // The thief has signed a stream with the name of the sender's, before the key was retired.
  const StreamAddress shadow{"north", kStolen, kNorth.stream};
  const StreamAddress next{"north", std::string(80, 'b'), "4f9a6c2e11d04b77"};
  const std::string order =
      GENERATE(as<std::string>(), "SDRA", "SRDA", "SRAD", "SDAR", "SADR", "ASDR", "ADSR");
  INFO(order);
  ReceivedStreams streams;
  add_list(&streams, kNorth, list_of_north(1));
  for (const char what : order) {
    if (what == 'S') add_list(&streams, shadow, list_of(shadow, {{digest_of(9), name_of_entry(9)}}));
    if (what == 'D') deliver(&streams, {*streams.find(kNorth), 1});
    if (what == 'R') change(&streams, ReceivedStreams::until_record(*streams.find(shadow), 0));
    if (what == 'A') add_list(&streams, next, list_of(next, {relisted(1, {kNorth.stream, 1})}));
    CHECK(rewritten(streams) == streams);
  }
  CHECK_FALSE(is_open(streams, {*streams.find(next), 1}));
  CHECK_FALSE(streams.find_open(digest_of(1), name_of_entry(1)));
}

TEST_CASE("However many entries name one, it is delivered, and what its sender lists again counts") {
  ReceivedStreams streams;
  add_list(&streams, kNorth, list_of_north(1));
  const StreamAddress thief{"north", kStolen, "7f9a6c2e11d04b77"};
  std::vector<ListEntry> entries(256, relisted(1, {kNorth.stream, 1}));
  for (const std::uint64_t number : {1U, 2U}) {
    List forged = list_of(thief, entries);
    forged.head.number = number;
    forged.first = (number - 1) * 256 + 1;
    add_list(&streams, thief, forged);
  }
  const StreamAddress next{"north", std::string(80, 'b'), "4f9a6c2e11d04b77"};
  add_list(&streams, next, list_of(next, {relisted(1, {kNorth.stream, 1})}));
  CHECK(rewritten(streams) == streams);
  const auto found = streams.find_open(digest_of(1), name_of_entry(1));
  REQUIRE(found == EntryRef{0, 1});
  deliver(&streams, *found);
  CHECK_FALSE(is_open(streams, {2, 1}));
  // Those that are too many are entries of their own.
  CHECK(streams.streams()[1].entries.size() == 512 - ReceivedStreams::kMaxAgain);
  CHECK(rewritten(streams) == streams);
}

TEST_CASE("What is listed again is used up where a receipt called the first entry delivered") {
  const StreamAddress next{"north", kNorth.key, "4f9a6c2e11d04b77"};
  const List again = list_of(next, {relisted(1, {kNorth.stream, 1})});
  const std::string order = GENERATE(as<std::string>(), "LRA", "LAR", "RLA", "ALR", "RAL", "ARL");
  INFO(order);
  ReceivedStreams streams;
  for (const char what : order) {
    if (what == 'L') add_list(&streams, kNorth, list_of_north(1));
    if (what == 'R') change(&streams, streams.gone_records("north", kNorth.stream, {{1, 1}}));
    if (what == 'A') add_list(&streams, next, again);
    CHECK(rewritten(streams) == streams);
  }
  CHECK_FALSE(is_open(streams, {*streams.find(next), 1}));
  CHECK(is_open(streams, {*streams.find(kNorth), 2}));
  CHECK_FALSE(streams.find_open(digest_of(1), name_of_entry(1)));
}

TEST_CASE("All that is open of what is listed again stays joined, however much it is") {
  const StreamAddress next{"north", kNorth.key, "4f9a6c2e11d04b77"};
  ReceivedStreams streams;
  constexpr std::uint64_t kLists = ReceivedStreams::kSpent / kMaxListEntries + 1;
  for (std::uint64_t number = 1; number <= kLists; ++number) {
    List each = list_of_north(number, kMaxListEntries);
    add_list(&streams, kNorth, each);
    each.head.stream = next.stream;
    for (std::size_t i = 0; i < each.entries.size(); ++i)
      each.entries[i].again = EarlierEntry{kNorth.stream, each.first + i};
    add_list(&streams, next, each);
  }
  for (const std::uint64_t entry : {std::uint64_t{1}, kLists * kMaxListEntries}) {
    deliver(&streams, {0, entry});
    CHECK(streams.entry({1, entry}) == nullptr);
  }
  CHECK(rewritten(streams) == streams);
}

TEST_CASE("What an entry delivered that names another one is known in each later journal") {
  const StreamAddress next{"north", std::string(80, 'b'), "4f9a6c2e11d04b77"};
  ReceivedStreams streams;
  add_list(&streams, next, list_of(next, {relisted(1, {kNorth.stream, 1})}));
  deliver(&streams, {0, 1});
  JournalContents contents;
  contents.relay_token = "relay";
  contents.received = streams;
  ReceivedStreams read = parse_journal(journal_text(contents)).received;
  CHECK(read == streams);
  // The list of the first entry was late.
  add_list(&read, kNorth, list_of_north(1));
  CHECK_FALSE(is_open(read, {1, 1}));
  CHECK(is_open(read, {1, 2}));
}

TEST_CASE("A journal that ends anywhere knows no list without the earlier entries that it names") {
  const StreamAddress next{"north", std::string(80, 'b'), "4f9a6c2e11d04b77"};
  const List again = list_of(next, {relisted(1, {kNorth.stream, 1}), relisted(2, {kNorth.stream, 2})});
  ReceivedStreams whole;
  add_list(&whole, kNorth, list_of_north(1));
  const std::string records = whole.list_records(next, again, digest_of(again), 2000);
  for (std::size_t end = records.find('\n'); end != std::string::npos; end = records.find('\n', end + 1)) {
    ReceivedStreams streams = whole;
    change(&streams, records.substr(0, end + 1));
    std::string why;
    if (streams.judge(next, again, digest_of(again), 1, &why) == ReceivedStreams::Verdict::kNew)
      add_list(&streams, next, again);
    deliver(&streams, {0, 1});
    CHECK_FALSE(is_open(streams, {1, 1}));
    CHECK(is_open(streams, {1, 2}));
  }
}

TEST_CASE("An entry that does not count is the first one of no container until it counts") {
  const StreamAddress next{"north", std::string(80, 'b'), "4f9a6c2e11d04b77"};
  const List again = list_of(next, {relisted(1, {kNorth.stream, 1})});
  const bool is_first_delivered = GENERATE(true, false);
  const bool is_forked = GENERATE(true, false);
  INFO(is_first_delivered << is_forked);
  ReceivedStreams streams;
  add_list(&streams, kNorth, list_of_north(1));
  if (is_first_delivered) deliver(&streams, {0, 1});
  change(&streams, is_forked ? streams.fork_record(0) : ReceivedStreams::until_record(0, 0));
  add_list(&streams, next, again);
  CHECK(is_open(streams, {1, 1}));
  if (!is_first_delivered) deliver(&streams, {1, 1});
  CHECK(is_open(streams, {0, 1}) == !is_first_delivered);
  CHECK(rewritten(streams) == streams);
  if (is_forked) return;
  change(&streams, ReceivedStreams::until_record(0, 1));
  CHECK_FALSE(is_open(streams, {0, 1}));
  CHECK_FALSE(is_open(streams, {1, 1}));
  CHECK(rewritten(streams) == streams);
}

TEST_CASE("A container that was delivered before its lists uses up each entry that it has") {
  const StreamAddress next{"north", std::string(80, 'b'), "4f9a6c2e11d04b77"};
  const List again = list_of(next, {relisted(1, {kNorth.stream, 1})});
  const bool is_first_first = GENERATE(true, false);
  ReceivedStreams streams;
  change(&streams, ReceivedStreams::early_record(digest_of(1), name_of_entry(1)));
  if (is_first_first) add_list(&streams, kNorth, list_of_north(1));
  add_list(&streams, next, again);
  if (!is_first_first) add_list(&streams, kNorth, list_of_north(1));
  CHECK_FALSE(streams.find_open(digest_of(1), name_of_entry(1)));
  CHECK(streams.find_open(digest_of(2), name_of_entry(2)));
  CHECK(rewritten(streams) == streams);
}

TEST_CASE("A container that was delivered before its list uses up no entry of another name") {
  List each = list_of_north(1, 3);
  for (ListEntry& entry : each.entries) entry.digest = digest_of(1);
  ReceivedStreams streams;
  change(&streams, ReceivedStreams::early_record(digest_of(1), name_of_entry(2)));
  if (GENERATE(true, false)) streams = rewritten(streams);
  add_list(&streams, kNorth, each);
  CHECK(is_open(streams, {0, 1}));
  CHECK_FALSE(is_open(streams, {0, 2}));
  CHECK(is_open(streams, {0, 3}));
  CHECK(streams.streams()[0].gone == EntryRanges{{2, 2}});
}

TEST_CASE("What an older relay noted without a name is compared by its digest") {
  ReceivedStreams streams;
  change(&streams, JournalLine("early").text(digest_of(1)).finish());
  add_list(&streams, kNorth, list_of_north(1));
  change(&streams, JournalLine("gone").number(0).number(3).number(3).finish());
  change(&streams, JournalLine("spent").number(0).number(3).text(digest_of(3)).finish());
  CHECK_FALSE(is_open(streams, {0, 1}));
  CHECK(streams.find_used(digest_of(3)) == EntryRef{0, 3});
  CHECK(rewritten(streams) == streams);
  // What is listed again of it was delivered, and another content was not.
  const StreamAddress next{"north", std::string(80, 'b'), "4f9a6c2e11d04b77"};
  const ListEntry other{digest_of(9), name_of_entry(3), EarlierEntry{kNorth.stream, 3}};
  add_list(&streams, next, list_of(next, {relisted(3, {kNorth.stream, 3}), other}));
  CHECK_FALSE(is_open(streams, {1, 1}));
  CHECK(is_open(streams, {1, 2}));
}

}  // namespace paxect::link

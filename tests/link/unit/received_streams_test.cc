#include "records/received_streams.h"

#include <algorithm>

#include "base/digest.h"
#include "received_rig.h"
#include "records/stream_state.h"
#include "support/catch.h"

namespace paxect::link {
namespace {

using Verdict = ReceivedStreams::Verdict;

Verdict judge(const ReceivedStreams& streams, const List& each, std::uint64_t max_jump = kMaxJump) {
  std::string why;
  const Verdict verdict = streams.judge(kNorth, each, digest_of(each), max_jump, &why);
  CHECK(why.empty() == (verdict == Verdict::kNew || verdict == Verdict::kKnown));
  return verdict;
}

void take(ReceivedStreams* streams, const List& each, std::int64_t now = 2000) {
  REQUIRE(judge(*streams, each) == Verdict::kNew);
  change(streams, streams->list_records(kNorth, each, digest_of(each), now));
  CHECK(judge(*streams, each) == Verdict::kKnown);
}

}  // namespace

TEST_CASE("What a receipt of ours calls delivered is used up, before its list came and after") {
  ReceivedStreams streams;
  const bool is_known = GENERATE(false, true);
  INFO(is_known);
  if (is_known) take(&streams, list_of_north(1));
  CHECK(streams.gone_records("north", kNorth.stream, {}).empty());
  const std::string records = streams.gone_records("north", kNorth.stream, {{2, 3}});
  CHECK_FALSE(records.empty());
  change(&streams, records);
  CHECK(streams.gone_records("north", kNorth.stream, {{2, 3}}).empty());
  CHECK(streams.gone_records("north", kNorth.stream, {{3, 3}}).empty());
  CHECK_FALSE(streams.gone_records("north", kNorth.stream, {{2, 4}}).empty());
  CHECK(rewritten(streams) == streams);
  if (!is_known) take(&streams, list_of_north(1));
  take(&streams, list_of_north(2));
  CHECK_FALSE(streams.find_open(digest_of(2), name_of_entry(2)));
  CHECK_FALSE(streams.find_open(digest_of(3), name_of_entry(3)));
  open_entry(streams, 1);
  open_entry(streams, 4);
  CHECK(rewritten(streams) == streams);
}

TEST_CASE("A receipt of ours counts for the sender, whoever has signed a stream of that name before") {
  const StreamAddress shadow{"north", std::string(80, 'e'), kNorth.stream};
  List forged = list_of_north(1);
  for (ListEntry& entry : forged.entries) entry = {digest_of(9), name_of_entry(9)};
  const bool is_known = GENERATE(false, true);  // when the receipt is read
  INFO(is_known);
  ReceivedStreams streams;
  if (is_known) add_list(&streams, shadow, forged);
  change(&streams, streams.gone_records("north", kNorth.stream, {{1, 1}}));
  CHECK(streams.gone_records("north", kNorth.stream, {{1, 1}}).empty());
  if (!is_known) add_list(&streams, shadow, forged);
  if (GENERATE(false, true)) streams = rewritten(streams);
  take(&streams, list_of_north(1));
  CHECK_FALSE(streams.find_open(digest_of(1), name_of_entry(1)));
  open_entry(streams, 2);
  CHECK(rewritten(streams) == streams);
}

TEST_CASE(
    "Names of containers that are not delivered take a bounded amount of memory, with a share for each") {
  const auto list_of = [](const std::string& node, std::uint64_t number) {
    List each = list_of_north(number, kMaxListEntries);
    each.head.from = node;
    for (ListEntry& entry : each.entries) {
      entry.name.insert(0, std::string(4095 - entry.name.size(), 'x'));
      entry.name[200] = '/';
    }
    return each;
  };
  ReceivedStreams streams;
  std::string why;
  const auto take_as = [&](const StreamAddress& address, std::uint64_t number) {
    const List each = list_of(address.node, number);
    // As if the list before it had this digest: what is tested is the room alone.
    const Verdict verdict = streams.judge(address, each, digest_of(each), kMaxJump, &why);
    if (verdict == Verdict::kNew) add_list(&streams, address, each);
    return verdict;
  };
  std::uint64_t number = 0;
  Verdict verdict = Verdict::kNew;
  // Every second one: with a gap before it none is compared with its neighbour.
  while (verdict == Verdict::kNew && number < 1000) verdict = take_as(kNorth, number += 2);
  CHECK(verdict == Verdict::kFull);
  INFO(why);
  CHECK(why.find(
            "16384 containers are listed and not delivered, with names of 63 MiB, 16384 of them of north") !=
        std::string::npos);
  const std::size_t taken = streams.streams()[0].name_bytes;
  CHECK(taken <= ReceivedStreams::kMaxNameBytes);
  CHECK(taken + kMaxListEntries * 4095 > ReceivedStreams::kMaxNameBytes);
  // Another sender has its share.
  const StreamAddress west{"west", std::string(80, 'f'), "5f9a6c2e11d04b77"};
  CHECK(take_as(west, 2) == Verdict::kNew);
  CHECK(rewritten(streams) == streams);
  // What is delivered makes room.
  const std::map<std::uint64_t, ReceivedEntry> open = streams.streams()[0].entries;
  std::size_t delivered = 0;
  for (const auto& [entry, ignored] : open)
    if (++delivered <= 2 * kMaxListEntries) streams.note_gone({0, entry});
  CHECK(streams.streams()[0].name_bytes == taken - 2 * kMaxListEntries * 4095);
  CHECK(take_as(kNorth, number) == Verdict::kNew);
}

TEST_CASE("A container in the quarantine is that of one entry, by its digest or its name") {
  ReceivedStreams streams;
  const std::string what = GENERATE(as<std::string>(), digest_of(1), "f1.freq");
  change(&streams, streams.put_away_record(what));
  CHECK(streams.put_away_record(what).empty());
  CHECK(rewritten(streams) == streams);
  take(&streams, list_of_north(1));
  CHECK(streams.entry(open_entry(streams, 1))->reason == kPutAway);
  CHECK(streams.entry(open_entry(streams, 2))->reason.empty());
  CHECK(rewritten(streams) == streams);
  CHECK(streams.open_with_name("f1.freq") == std::vector<EntryRef>{open_entry(streams, 1)});
  CHECK_FALSE(streams.put_away_record(what).empty());
}

TEST_CASE("A list opens its entries, and each of them is good for one delivery") {
  ReceivedStreams streams;
  CHECK_FALSE(streams.find_open(digest_of(1), "f1.freq"));
  take(&streams, list_of_north(1));
  const EntryRef entry = open_entry(streams, 1);
  streams.use(entry, 7);
  CHECK_FALSE(streams.find_open(digest_of(1), "f1.freq"));
  CHECK(streams.find_used(digest_of(1)) == entry);
  SECTION("A delivery that is given up gives it back") {
    streams.release(7);
    CHECK(open_entry(streams, 1) == entry);
    CHECK_FALSE(streams.find_used(digest_of(1)));
    streams.settle(7);
    CHECK(streams.find_open(digest_of(1), ""));
  }
  SECTION("A delivery uses it up for good") {
    streams.settle(7);
    streams.release(7);
    CHECK_FALSE(streams.find_open(digest_of(1), "f1.freq"));
    CHECK(streams.find_used(digest_of(1)) == entry);
    CHECK(streams.streams()[0].gone == std::map<std::uint64_t, std::uint64_t>{{1, 1}});
  }
  SECTION("A delivery uses one entry") {
    streams.use(open_entry(streams, 2), 7);
    CHECK(open_entry(streams, 1) == entry);
    CHECK(streams.used_by(7) == EntryRef{0, 2});
  }
  SECTION("Another delivery cannot take or end it") {
    streams.use(entry, 8);
    streams.settle(8);
    streams.release(8);
    CHECK(streams.used_by(7) == entry);
  }
  CHECK(rewritten(streams) == streams);
}

TEST_CASE("Of several entries with one digest the one with the name of the file is used, else the first") {
  ReceivedStreams streams;
  List both = list_of_north(1);
  both.entries[1].digest = both.entries[0].digest;
  take(&streams, both);
  CHECK(streams.find_open(digest_of(1), "f2.freq")->number == 2);
  CHECK(streams.find_open(digest_of(1), "f1.freq")->number == 1);
  CHECK(streams.find_open(digest_of(1), "other.freq")->number == 1);
  streams.use({0, 1}, 5);
  CHECK(streams.find_open(digest_of(1), "f1.freq")->number == 2);
}

TEST_CASE("Lists that come in any order open their entries at once and end as one run") {
  std::vector<std::uint64_t> order = {1, 2, 3, 4, 5};
  do {
    ReceivedStreams streams;
    for (const std::uint64_t number : order) take(&streams, list_of_north(number));
    const ReceivedStream& stream = streams.streams()[0];
    REQUIRE(stream.runs.size() == 1);
    CHECK(stream.runs[0] == ListRun{.first_list = 1,
                                    .last_list = 5,
                                    .first_entry = 1,
                                    .next_entry = 11,
                                    .digest = digest_of(list_of_north(5))});
    CHECK(stream.entries.size() == 10);
    CHECK(stream.gaps().empty());
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("A list that is missing leaves a gap of numbers until it comes") {
  ReceivedStreams streams;
  take(&streams, list_of_north(1));
  take(&streams, list_of_north(4));
  using Gaps = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  CHECK(streams.streams()[0].gaps() == Gaps{{3, 6}});
  open_entry(streams, 7);
  CHECK(rewritten(streams) == streams);
  take(&streams, list_of_north(3));
  CHECK(streams.streams()[0].gaps() == Gaps{{3, 4}});
  take(&streams, list_of_north(2));
  CHECK(streams.streams()[0].gaps().empty());
}

TEST_CASE("A second text for a number is a fork, also where only its neighbours show it") {
  ReceivedStreams streams;
  for (const std::uint64_t number : {1U, 2U, 5U}) take(&streams, list_of_north(number));
  const auto other = [](std::uint64_t number) {
    List changed = list_of_north(number);
    changed.head.made += 1;
    return changed;
  };
  CHECK(judge(streams, other(1)) == Verdict::kForked);
  CHECK(judge(streams, other(2)) == Verdict::kForked);
  CHECK(judge(streams, other(4)) == Verdict::kForked);  // not the `previous` of list 5
  List changed = list_of_north(3);
  changed.head.previous = digest_of(other(2));
  CHECK(judge(streams, changed) == Verdict::kForked);
  changed = list_of_north(3);
  changed.first += 1;
  CHECK(judge(streams, changed) == Verdict::kForked);
  changed = list_of_north(6);
  changed.first -= 1;
  CHECK(judge(streams, changed) == Verdict::kForked);
  changed = list_of_north(3);
  changed.head.continues = Continued{"00000000000000aa", 3};
  CHECK(judge(streams, changed) == Verdict::kForked);
  changed = list_of_north(8);
  changed.first += 1000;  // more than the two lists between can have
  CHECK(judge(streams, changed) == Verdict::kForked);
  CHECK(judge(streams, list_of_north(3)) == Verdict::kNew);
}

TEST_CASE("A stream that is forked delivers nothing more, also after a restart") {
  ReceivedStreams streams;
  take(&streams, list_of_north(1));
  change(&streams, streams.fork_record(0));
  CHECK_FALSE(streams.find_open(digest_of(1), "f1.freq"));
  CHECK_FALSE(rewritten(streams).find_open(digest_of(1), "f1.freq"));
}

TEST_CASE("A list further ahead than allowed waits") {
  ReceivedStreams streams;
  CHECK(judge(streams, list_of_north(12), 10) == Verdict::kJumped);
  CHECK(judge(streams, list_of_north(11), 10) == Verdict::kNew);
  take(&streams, list_of_north(3));
  CHECK(judge(streams, list_of_north(15), 10) == Verdict::kJumped);
  CHECK(judge(streams, list_of_north(14), 10) == Verdict::kNew);
}

TEST_CASE("The outcomes of a stream cover each entry once") {
  ReceivedStreams streams;
  for (const std::uint64_t number : {2U, 3U, 5U})
    take(&streams, list_of_north(number), number == 5 ? 2050 : 2000);
  for (const std::uint64_t entry : {3U, 4U, 6U}) {
    streams.use(open_entry(streams, entry), entry);
    if (entry != 6) streams.settle(entry);
  }
  change(&streams, ReceivedStreams::refuse_record({0, 9}, "decode_error"));
  const std::vector<OutcomeRange> expected = {
      {Outcome::kMissing, 1, 2},   {Outcome::kDelivered, 3, 4}, {Outcome::kMissing, 5, 5},
      {Outcome::kExpected, 6, 6},  {Outcome::kMissing, 7, 8},   {Outcome::kRefused, 9, 9, "decode_error"},
      {Outcome::kExpected, 10, 10}};
  CHECK(streams.streams()[0].outcomes(2060, 60) == expected);
  CHECK(rewritten(streams) == streams);
}

TEST_CASE("What is written off is refused, but for what is expected or delivered, also in a later journal") {
  ReceivedStreams streams;
  for (const std::uint64_t number : {2U, 3U, 5U})
    take(&streams, list_of_north(number), number == 5 ? 2050 : 2000);
  streams.use(open_entry(streams, 4), 4);
  streams.settle(4);
  change(&streams, ReceivedStreams::refuse_record({0, 9}, "decode_error"));
  const auto overdue = [&](std::int64_t now) {
    return awaited_of(streams, streams.streams()[0], now, 60).entries;
  };
  CHECK(overdue(2060) == EntryRanges{{1, 3}, {5, 9}});
  CHECK_FALSE(is_written_off(streams, streams.streams()[0], 1));
  change(&streams, ReceivedStreams::write_off_records(0, overdue(2060), 0));
  CHECK(overdue(2060).empty());
  CHECK(is_written_off(streams, streams.streams()[0], 1));
  CHECK_FALSE(is_written_off(streams, streams.streams()[0], 2));
  CHECK(is_written_off(streams, streams.streams()[0], 4));
  CHECK_FALSE(is_written_off(streams, streams.streams()[0], 6));
  const std::vector<OutcomeRange> expected = {{Outcome::kRefused, 1, 3, kWrittenOff},
                                              {Outcome::kDelivered, 4, 4},
                                              {Outcome::kRefused, 5, 9, kWrittenOff},
                                              {Outcome::kExpected, 10, 10}};
  CHECK(streams.streams()[0].outcomes(2060, 60) == expected);
  CHECK(rewritten(streams) == streams);
  // What comes late is delivered, and what was expected at that time may be missing.
  streams.use(open_entry(streams, 3), 5);
  streams.settle(5);
  take(&streams, list_of_north(1), 2055);
  const std::vector<OutcomeRange> later = {{Outcome::kRefused, 1, 2, kWrittenOff},
                                           {Outcome::kDelivered, 3, 4},
                                           {Outcome::kRefused, 5, 9, kWrittenOff},
                                           {Outcome::kMissing, 10, 10}};
  CHECK(streams.streams()[0].outcomes(2200, 60) == later);
  CHECK(overdue(2200) == EntryRanges{{10, 10}});
}

TEST_CASE("Lists that a thief invented and the operator wrote off hide none that are missing") {
  ReceivedStreams streams;
  take(&streams, list_of_north(1));
  const auto add = [&](const StreamAddress& address, std::uint64_t after) {
    List each = list_of_north(1);
    each.head.stream = address.stream;
    each.head.continues = Continued{kNorth.stream, after};
    add_list(&streams, address, each);
  };
  const auto missing = [&] { return streams.lists_missing(streams.streams()[0]); };
  const auto awaited = [&] { return awaited_of(streams, streams.streams()[0], 2000, 0); };
  add({"north", std::string(80, 'b'), "4f9a6c2e11d04b77"}, 1000);
  CHECK(awaited().lists == 999);
  CHECK(awaited().last_list == 1000);
  change(&streams, ReceivedStreams::write_off_records(0, {}, 1000));
  CHECK(missing() == 0);
  CHECK(is_written_off(streams, streams.streams()[0], 5));
  add({"north", std::string(80, 'c'), "5f9a6c2e11d04b77"}, 8);
  CHECK(missing() == 0);
  // The key is retired, and nothing that the thief has signed counts.
  change(&streams, ReceivedStreams::until_record(1, 0));
  CHECK(missing() == 7);
  CHECK(awaited().last_list == 8);
  CHECK_FALSE(is_written_off(streams, streams.streams()[0], 5));
  change(&streams, ReceivedStreams::write_off_records(0, {}, 8));
  CHECK(missing() == 0);
  CHECK(awaited().last_list == 0);
  CHECK(rewritten(streams) == streams);
}

TEST_CASE("A stream that lost any record has each outcome once, and its lists open what is lost") {
  ReceivedStreams whole;
  for (const std::uint64_t number : {1U, 2U, 3U, 5U}) take(&whole, list_of_north(number));
  for (const std::uint64_t entry : {2U, 3U, 5U}) {
    whole.use(open_entry(whole, entry), entry);
    whole.settle(entry);
  }
  const std::vector<std::string> lines = whole.records();
  std::size_t mended = 0;
  for (std::size_t lost = 1; lost < lines.size(); ++lost) {
    ReceivedStreams streams;
    for (std::size_t i = 0; i < lines.size(); ++i)
      if (i != lost) change(&streams, lines[i]);
    INFO(lines[lost]);
    std::uint64_t next = 1;
    for (const OutcomeRange& range : streams.streams()[0].outcomes(2060, 60)) {
      CHECK(range.first == next);
      next = range.last + 1;
    }
    CHECK(next >= streams.streams()[0].next_entry());
    const bool is_whole = streams.streams()[0].is_whole();
    CHECK(is_whole ==
          (lines[lost].starts_with("gone") == false && lines[lost].starts_with("entry") == false));
    if (is_whole) continue;
    ++mended;
    for (const std::uint64_t number : {1U, 2U, 3U, 5U})
      if (judge(streams, list_of_north(number)) == Verdict::kNew)
        change(&streams,
               streams.list_records(kNorth, list_of_north(number), digest_of(list_of_north(number)), 2000));
    CHECK(streams.streams()[0].is_whole());
    CHECK(streams.streams()[0].gaps() == whole.streams()[0].gaps());
  }
  CHECK(mended == 2);
}

TEST_CASE("A refused entry can still be delivered") {
  ReceivedStreams streams;
  take(&streams, list_of_north(1));
  change(&streams, ReceivedStreams::refuse_record({0, 1}, "decode_error"));
  streams.use(open_entry(streams, 1), 3);
  streams.settle(3);
  CHECK(streams.streams()[0].outcomes(2060, 60)[0].outcome == Outcome::kDelivered);
}

TEST_CASE("A stream of many lists takes little memory and a short journal") {
  ReceivedStreams streams;
  constexpr std::uint64_t kLists = 3000;
  List each = list_of_north(1);
  for (std::uint64_t number = 1; number <= kLists; ++number) {
    change(&streams, streams.list_records(kNorth, each, digest_of(each), 2000));
    for (std::uint64_t i = 0; i < each.entries.size(); ++i) {
      streams.use({0, each.first + i}, each.first + i);
      streams.settle(each.first + i);
    }
    const std::string previous = digest_of(each);
    each.head.number = number + 1;
    each.head.previous = previous;
    each.first += each.entries.size();
    for (std::size_t i = 0; i < each.entries.size(); ++i) each.entries[i].digest = digest_of(each.first + i);
  }
  const ReceivedStream& stream = streams.streams()[0];
  CHECK(stream.runs.size() == 1);
  CHECK(stream.gone == std::map<std::uint64_t, std::uint64_t>{{1, 2 * kLists}});
  CHECK(stream.known.size() == ReceivedStreams::kKnownLists);
  CHECK(stream.spent.size() == ReceivedStreams::kSpent);
  CHECK(streams.find_used(digest_of(2 * kLists)));
  std::size_t size = 0;
  for (const std::string& line : streams.records()) size += line.size();
  CHECK(size < 500'000);
  CHECK(rewritten(streams) == streams);
}

TEST_CASE("Entries of a list for other nodes are not open, whatever else a damaged journal says of them") {
  const bool is_first = GENERATE(true, false);
  const List each = list_of_north(1);
  ReceivedStreams streams;
  std::vector<std::string> lists = {streams.other_records(kNorth, each, digest_of(each), 2000),
                                    streams.list_records(kNorth, each, digest_of(each), 2000)};
  if (!is_first) std::swap(lists[0], lists[1]);
  for (const std::string& records : lists) change(&streams, records);
  CHECK(streams.streams()[0].entries.empty());
  CHECK_FALSE(streams.find_open(digest_of(1), name_of_entry(1)));
  CHECK(rewritten(streams) == streams);
}

}  // namespace paxect::link

// The indexes of the entries that a receiver knows, and the share of the room that each sender has.
#include <functional>

#include "received_rig.h"
#include "support/catch.h"

namespace paxect::link {
namespace {

using Verdict = ReceivedStreams::Verdict;

// Lists of one stream after another, as large as they can be.
class Lister {
 public:
  explicit Lister(StreamAddress address) : address_(std::move(address)) { list_.first = 1; }
  List next(const std::function<ListEntry(std::uint64_t)>& entry) {
    list_.head.from = address_.node;
    list_.head.stream = address_.stream;
    ++list_.head.number;
    list_.head.previous = previous_;
    list_.head.made = 1000;
    list_.within = 600;
    list_.first += list_.entries.size();
    list_.entries.clear();
    for (std::uint64_t i = 0; i < kMaxListEntries; ++i) list_.entries.push_back(entry(list_.first + i));
    previous_ = digest_of(list_);
    return list_;
  }
  Verdict give(ReceivedStreams* streams, const std::function<ListEntry(std::uint64_t)>& entry,
               std::string* why) {
    const List list = next(entry);
    const Verdict verdict = streams->judge(address_, list, digest_of(list), kMaxJump, why);
    if (verdict == Verdict::kNew)
      change(streams, streams->list_records(address_, list, digest_of(list), 2000));
    return verdict;
  }
  void give(ReceivedStreams* streams, std::size_t lists,
            const std::function<ListEntry(std::uint64_t)>& entry) {
    std::string why;
    for (std::size_t i = 0; i < lists; ++i) REQUIRE(give(streams, entry, &why) == Verdict::kNew);
  }

 private:
  StreamAddress address_;
  List list_;
  std::string previous_;
};

StreamAddress address_of(const std::string& node, std::size_t stream = 1) {
  std::string text = std::to_string(stream);
  return {node, std::string(80, 'a'), std::string(16 - text.size(), '0') + text};
}

// Entries of one content, as often as it was sent.
ListEntry same_entry(std::uint64_t) { return {digest_of(1), name_of_entry(1)}; }

}  // namespace

TEST_CASE("However often one content is listed, each of its entries is found and used up at once") {
  constexpr std::size_t kLists = 16;
  constexpr std::uint64_t kEntries = kLists * kMaxListEntries;
  ReceivedStreams streams;
  const bool has_names = GENERATE(false, true);
  INFO(has_names);
  const auto entry = [&](std::uint64_t number) {
    return has_names ? ListEntry{digest_of(1), name_of_entry(number)} : same_entry(number);
  };
  Lister(address_of("north")).give(&streams, kLists, entry);
  // Backwards, so that it is not always the first one.
  for (std::uint64_t number = kEntries; number > 0; --number) {
    const auto found = streams.find_open(digest_of(1), name_of_entry(number));
    REQUIRE(found);
    if (has_names) CHECK(found->number == number);
    streams.use(*found, number);
    if (number % 2 == 0) {
      streams.release(number);
      streams.use(*found, number);
    }
    streams.settle(number);
  }
  CHECK_FALSE(streams.find_open(digest_of(1), name_of_entry(1)));
  CHECK(streams.find_used(digest_of(1)));
  CHECK(streams.streams()[0].gone == std::map<std::uint64_t, std::uint64_t>{{1, kEntries}});
  CHECK(streams.reads() <= 4 * kEntries);
}

TEST_CASE("Entries that do not count are passed over a stream at a time") {
  constexpr std::size_t kLists = 16;
  ReceivedStreams streams;
  for (std::size_t stream = 1; stream <= 3; ++stream)
    Lister(address_of("north", stream)).give(&streams, kLists, same_entry);
  change(&streams, streams.fork_record(0));
  change(&streams, ReceivedStreams::until_record(1, 0));
  const std::uint64_t before = streams.reads();
  const auto found = streams.find_open(digest_of(1), name_of_entry(1));
  CHECK(found == EntryRef{2, 1});
  CHECK(streams.find_open(digest_of(1), "other.freq") == EntryRef{2, 1});
  CHECK(streams.reads() - before <= 2 * 4);
  // Within a stream up to the list that counts.
  change(&streams, ReceivedStreams::until_record(1, 2));
  CHECK(streams.find_open(digest_of(1), name_of_entry(1)) == EntryRef{1, 1});
  for (std::uint64_t number = 1; number <= 2 * kMaxListEntries; ++number) {
    streams.use({1, number}, number);
    streams.settle(number);
  }
  CHECK(streams.find_open(digest_of(1), name_of_entry(1)) == EntryRef{2, 1});
}

TEST_CASE("Entries of a name are found without reading the others") {
  ReceivedStreams streams;
  Lister(address_of("north")).give(&streams, 4, [](std::uint64_t number) {
    return ListEntry{digest_of(number), number % 100 == 7 ? "seven.freq" : name_of_entry(number)};
  });
  const std::uint64_t before = streams.reads();
  CHECK(streams.open_with_name("seven.freq").size() == 11);
  CHECK(streams.open_with_name("seven").empty());
  CHECK(streams.reads() - before == 11);
}

TEST_CASE("A sender whose containers do not come stops no other one") {
  ReceivedStreams streams;
  const auto entry = [](std::uint64_t number) { return ListEntry{digest_of(number), name_of_entry(number)}; };
  Lister north(address_of("north"));
  north.give(&streams, ReceivedStreams::kMaxEntries / kMaxListEntries, entry);
  std::string why;
  CHECK(north.give(&streams, entry, &why) == Verdict::kFull);
  CHECK(
      why ==
      "there is no room for list 1025: 262144 containers are listed and not delivered, with names of 2 MiB, "
      "262144 of them of north, with names of 2 MiB: it waits until some of these come (paxect link "
      "missing)");
  // Its share is the sender's, not the stream's.
  CHECK(Lister(address_of("north", 2)).give(&streams, entry, &why) == Verdict::kFull);
  Lister west(address_of("west"));
  west.give(&streams, ReceivedStreams::kEntryShare / kMaxListEntries, entry);
  CHECK(west.give(&streams, entry, &why) == Verdict::kFull);
  Lister(address_of("east")).give(&streams, 1, entry);
  CHECK(rewritten(streams) == streams);
  // Some come.
  for (std::uint64_t number = 1; number <= 2 * ReceivedStreams::kEntryShare; ++number) {
    streams.use({0, number}, number);
    streams.settle(number);
  }
  west.give(&streams, 1, entry);
}

TEST_CASE("A sender that begins one stream after another stops no other one") {
  ReceivedStreams streams;
  const auto begin = [&](const std::string& node, std::size_t stream, std::string* why) {
    List first;
    first.head.from = node;
    first.head.stream = address_of(node, stream).stream;
    first.head.number = 1;
    first.head.made = 1000;
    first.first = 1;
    first.within = 600;
    const Verdict verdict = streams.judge(address_of(node, stream), first, digest_of(first), kMaxJump, why);
    if (verdict == Verdict::kNew)
      change(&streams, streams.list_records(address_of(node, stream), first, digest_of(first), 2000));
    return verdict;
  };
  std::string why;
  for (std::size_t i = 1; i <= ReceivedStreams::kMaxStreams; ++i)
    REQUIRE(begin("north", i, &why) == Verdict::kNew);
  CHECK(begin("north", ReceivedStreams::kMaxStreams + 1, &why) == Verdict::kFull);
  CHECK(why ==
        "this receiver knows 1024 streams, 1024 of them of north, and takes no further one of it: find out "
        "why a sender begins so many (paxect link peers)");
  for (std::size_t i = 1; i <= ReceivedStreams::kStreamShare; ++i)
    REQUIRE(begin("west", i, &why) == Verdict::kNew);
  CHECK(begin("west", ReceivedStreams::kStreamShare + 1, &why) == Verdict::kFull);
  CHECK(begin("east", 1, &why) == Verdict::kNew);
  CHECK(rewritten(streams) == streams);
}

}  // namespace paxect::link

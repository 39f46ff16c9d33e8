#include "known_receivers.h"

#include "support/catch.h"

namespace paxect::carrier {
namespace {

constexpr std::int64_t kDay = std::int64_t{86'400} * 1'000'000'000;
constexpr std::uint64_t kMonotonicDay = std::uint64_t{86'400} * 1'000'000'000;
constexpr std::uint64_t kStart = 1'000'000'000;
const std::string kId = "0123456789abcdef";
const std::string kOther = "fedcba9876543210";

struct Known {
  KnownReceivers receivers;
  std::int64_t realtime = 20'000 * kDay;
  std::uint64_t monotonic = kStart;
  std::vector<std::string> records;

  void sign(const std::string& id) {
    std::string record;
    receivers.note_sign(id, realtime, monotonic, &record);
    if (!record.empty()) records.push_back(record);
  }
  void days(int count) {
    for (int i = 0; i < count; ++i) {
      realtime += kDay;
      monotonic += kMonotonicDay;
      receivers.count_day(realtime, monotonic, &records);
    }
  }
  // What a process has that starts with the records.
  KnownReceivers restarted() const {
    KnownReceivers next;
    for (const std::string& record : records) CHECK(next.take_record(record));
    return next;
  }
};

using Ids = std::vector<std::string>;

Ids others(const KnownReceivers& receivers, const std::set<std::string>& ids = {}) {
  Ids found;
  for (std::string id = receivers.next_other(ids, ""); !id.empty(); id = receivers.next_other(ids, id))
    found.push_back(id);
  CHECK(receivers.count_others(ids) == found.size());
  return found;
}

Ids all(const KnownReceivers& receivers) {
  Ids found;
  receivers.for_each([&](const KnownReceivers::Known& one) { found.push_back(one.id); });
  return found;
}

TEST_CASE("A receiver is waited for until it was absent for 35 days of the sender") {
  Known known;
  known.sign(kId);
  known.days(34);
  CHECK(others(known.receivers) == Ids{kId});
  SECTION("one that comes back begins again") {
    known.sign(kId);
    known.days(34);
    CHECK(others(known.receivers) == Ids{kId});
    CHECK(others(known.restarted()) == Ids{kId});
  }
  known.days(1);
  CHECK(others(known.receivers).empty());
  CHECK(others(known.restarted()).empty());
  known.sign(kId);
  CHECK(others(known.receivers) == Ids{kId});
  CHECK(others(known.restarted()) == Ids{kId});
}

TEST_CASE("A clock that jumps makes no receiver absent") {
  Known known;
  known.sign(kId);
  known.realtime += 400 * kDay;
  known.receivers.count_day(known.realtime, known.monotonic, &known.records);
  CHECK(others(known.receivers) == Ids{kId});
  // Nor one that is set again and again, nor processes that start often.
  for (int i = 0; i < 100; ++i) {
    known.realtime += kDay;
    known.receivers.count_day(known.realtime, known.monotonic += kStart, &known.records);
  }
  CHECK(others(known.receivers) == Ids{kId});
  for (int i = 0; i < 100; ++i) {
    KnownReceivers next = known.restarted();
    next.count_day(known.realtime, kStart, &known.records);
    CHECK(others(next) == Ids{kId});
  }
}

TEST_CASE("A receiver whose consumer was removed is forgotten, and one whose store was lost is not") {
  Known known;
  known.sign(kId);
  known.receivers.take_consumers({kId, kOther}, "one", known.realtime, &known.records);
  for (int i = 0; i < 10; ++i)
    known.receivers.take_consumers({kOther}, "two", known.realtime, &known.records);
  CHECK(all(known.receivers) == Ids{kId, kOther});
  known.receivers.take_consumers({kId, kOther}, "two", known.realtime, &known.records);
  for (int i = 0; i < 3; ++i) known.receivers.take_consumers({kId}, "two", known.realtime, &known.records);
  CHECK(all(known.receivers) == Ids{kId});
  CHECK(all(known.restarted()) == Ids{kId});
}

TEST_CASE("A receiver that an operator gives up comes back by its next sign alone") {
  Known known;
  known.sign(kId);
  std::string record;
  CHECK_FALSE(known.receivers.forget(kId, known.monotonic, &record));  // it is there
  CHECK_FALSE(known.receivers.forget(kOther, known.monotonic, &record));
  known.days(1);
  REQUIRE(known.receivers.forget(kId, known.monotonic, &record));
  known.records.push_back(record);
  CHECK(all(known.receivers).empty());
  CHECK(known.receivers.is_forgotten(kId));
  // Its receipts are removed with those of the others.
  CHECK(known.receivers.next("") == kId);
  CHECK(known.receivers.next(kId).empty());
  known.sign(kOther);
  CHECK(known.receivers.next("") == kId);
  CHECK(known.receivers.next(kId) == kOther);
  known.days(1);
  REQUIRE(known.receivers.forget(kOther, known.monotonic, &record));
  known.records.push_back(record);
  known.receivers.take_consumers({kId}, "one", known.realtime, &known.records);
  CHECK(all(known.receivers).empty());
  KnownReceivers restarted = known.restarted();
  CHECK(restarted.is_forgotten(kId));
  restarted.take_consumers({kId}, "one", known.realtime, &known.records);
  CHECK(all(restarted).empty());
  KnownReceivers rewritten;
  for (const std::string& one : restarted.records()) CHECK(rewritten.take_record(one));
  CHECK(rewritten.is_forgotten(kId));
  known.sign(kId);
  CHECK(all(known.receivers) == Ids{kId});
  CHECK_FALSE(known.receivers.is_forgotten(kId));
  CHECK(all(known.restarted()) == Ids{kId});
}

TEST_CASE("The place of a receiver is recorded when it changes") {
  Known known;
  CHECK(known.receivers.note_place(kId, "host [carrier]").empty());
  known.sign(kId);
  known.records.push_back(known.receivers.note_place(kId, "host [carrier]"));
  CHECK(known.receivers.note_place(kId, "host [carrier]").empty());
  std::string place;
  known.restarted().for_each([&](const KnownReceivers::Known& one) { place = one.place; });
  CHECK(place == "host [carrier]");
}

TEST_CASE("A receiver that is absent goes from the records when its consumer is gone too") {
  Known known;
  known.sign(kId);
  known.receivers.take_consumers({kId}, "one", known.realtime, &known.records);
  known.days(35);
  known.receivers.take_consumers({kId}, "one", known.realtime, &known.records);
  CHECK(all(known.receivers) == Ids{kId});
  known.receivers.take_consumers({}, "two", known.realtime, &known.records);
  CHECK(all(known.receivers).empty());
  CHECK(all(known.restarted()).empty());
}

}  // namespace
}  // namespace paxect::carrier

#include "relay/unlisted_files.h"

#include <vector>

#include "base/clock.h"
#include "support/catch.h"

namespace paxect::link {
namespace {

constexpr std::uint64_t kNow = 1'000 * kSecond;

struct UnlistedRig {
  Ledger ledger{{}};
  UnlistedFiles files{ledger, 4};

  static FileIdentity identity(std::uint64_t i) { return {1, 100 + i, 10, 20, 30}; }
  static std::string name(std::uint64_t i) { return "f" + std::to_string(i) + ".freq"; }
  // As the relay does for one that no list names.
  void note(std::uint64_t i, std::uint64_t now_ns = kNow, const std::string& event = "unlisted") {
    files.note(name(i), identity(i), "digest " + std::to_string(i), Status::integrity(event, "why"), now_ns);
    ledger.note(name(i), identity(i), FileState::kBlocked, false, event, "why", now_ns, 0);
  }
  // Those that wait, as digits.
  std::string waiting() const {
    std::string found;
    for (const Wait& wait : ledger.waits()) found += wait.file->first.substr(1, 1);
    return found;
  }
  bool end_waits(std::uint64_t now_ns = kNow, const std::string& passes = "") {
    return files.end_waits(
        [&](const std::string& path, const UnlistedFiles::File&) { return path == passes; }, now_ns);
  }
  static List list(const std::vector<std::uint64_t>& entries) {
    List made;
    for (const std::uint64_t i : entries) made.entries.push_back({"digest " + std::to_string(i), name(i)});
    return made;
  }
};

}  // namespace

TEST_CASE("A list ends the waits of the files that it names, and of no other one") {
  UnlistedRig rig;
  for (std::uint64_t i = 1; i <= 8; ++i) rig.note(i);
  CHECK(rig.files.files().size() == 4);
  for (int lists = 0; lists < 3; ++lists) CHECK_FALSE(rig.end_waits());
  CHECK(rig.waiting() == "12345678");
  // One whose digest is known, and one of which there is the name alone.
  rig.files.note_listed(UnlistedRig::list({2, 7, 99}));
  CHECK(rig.waiting() == "1234568");
  CHECK(rig.end_waits(kNow, UnlistedRig::name(2)));
  CHECK(rig.waiting() == "134568");
  CHECK(rig.files.files().size() == 3);
  CHECK_FALSE(rig.end_waits());
}

TEST_CASE("What waits for something else than a list waits on") {
  UnlistedRig rig;
  for (std::uint64_t i = 1; i <= 5; ++i) rig.note(i);
  rig.ledger.note("f6.freq", UnlistedRig::identity(6), FileState::kBlocked, false, "policy", "why", kNow, 0);
  rig.ledger.note("f7.freq", UnlistedRig::identity(7), FileState::kHeld, false, "held", "why", kNow, 0);
  rig.files.note_listed(UnlistedRig::list({6, 7}));
  rig.files.forget_all();
  CHECK(rig.end_waits());
  CHECK(rig.waiting() == "67");
}

TEST_CASE("Files that did not fit are read again when there is room, and else once in a while") {
  UnlistedRig rig;
  for (std::uint64_t i = 1; i <= 6; ++i) rig.note(i);
  SECTION("room") {
    rig.files.forget(UnlistedRig::name(1));
    CHECK_FALSE(rig.end_waits());
    rig.files.forget(UnlistedRig::name(2));
    CHECK(rig.end_waits());
    CHECK(rig.waiting() == "34");  // 1 and 2 are not known here any more, either
  }
  SECTION("time") {
    CHECK_FALSE(rig.end_waits(kNow + 599 * kSecond));
    CHECK(rig.end_waits(kNow + 600 * kSecond));
    CHECK(rig.waiting() == "1234");
    CHECK_FALSE(rig.end_waits(kNow + 2000 * kSecond));
    // They are found again, and still do not fit.
    rig.note(5, kNow + 2000 * kSecond);
    CHECK_FALSE(rig.end_waits(kNow + 2001 * kSecond));
  }
}

TEST_CASE("Another file under the name of one that waits is another one") {
  UnlistedRig rig;
  rig.note(1);
  rig.files.note("f1.freq", UnlistedRig::identity(9), "other", Status::integrity("replayed", "why"), 5);
  const UnlistedFiles::File& file = rig.files.files().at("f1.freq");
  CHECK(file.digest == "other");
  CHECK(file.since_ns == 5);
  rig.files.note("f1.freq", UnlistedRig::identity(9), "other", Status::integrity("foreign", "why"), 6);
  CHECK(file.since_ns == 5);
  CHECK(file.why.event == "foreign");
}

}  // namespace paxect::link

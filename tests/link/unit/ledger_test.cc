#include "records/ledger.h"

#include "support/catch.h"

namespace paxect::link {
namespace {

constexpr FileIdentity kOne{.inode = 1, .size = 1};
constexpr FileIdentity kOther{.inode = 2, .size = 1};

// A ledger without jitter.
struct LedgerRig : Ledger {
  LedgerRig() : Ledger({.backoff_ns = 8}) {}

  LedgerEntry* see(const std::string& path, const FileIdentity& identity, std::uint64_t now_ns = 1) {
    bool is_new = false;
    return observe(path, identity, now_ns, &is_new);
  }
  Noted fail(const std::string& path, const FileIdentity& identity, const std::string& reason = "r",
             std::uint64_t now_ns = 1) {
    return note(path, identity, FileState::kPending, true, "decode_error", reason, now_ns, 1);
  }
  Noted block(const std::string& path, const FileIdentity& identity) {
    return note(path, identity, FileState::kBlocked, false, "policy_block", "r", 1, 1);
  }
};

TEST_CASE("Only a complete scan forgets, and only what it did not see") {
  LedgerRig ledger;
  ledger.begin_scan();
  ledger.see("a", kOne);
  ledger.see("b", kOne);
  ledger.end_scan();
  ledger.begin_scan();
  ledger.see("b", kOne);
  CHECK(ledger.files().size() == 2);  // the scan failed
  ledger.begin_scan();
  ledger.see("b", kOne);
  ledger.end_scan();
  CHECK(ledger.find("a") == nullptr);
  CHECK(ledger.find("b") != nullptr);
}

TEST_CASE("A wait is forgotten together with its file") {
  LedgerRig ledger;
  ledger.begin_scan();
  ledger.see("a", kOne);
  ledger.fail("a", kOne);
  CHECK(ledger.waits().size() == 1);
  ledger.begin_scan();
  ledger.end_scan();
  CHECK(ledger.waits().empty());
  CHECK(ledger.files().empty());
}

TEST_CASE("A file in hand is not forgotten, whatever scans see") {
  LedgerRig ledger;
  ledger.begin_scan();
  ledger.see("a", kOne);
  ledger.mark_working("a");
  ledger.begin_scan();
  ledger.end_scan();
  REQUIRE(ledger.find("a") != nullptr);
  CHECK(ledger.find("a")->state() == FileState::kWorking);
  CHECK_FALSE(ledger.unmark_working("a"));
  ledger.begin_scan();
  ledger.end_scan();
  CHECK(ledger.find("a") == nullptr);
  CHECK_FALSE(ledger.unmark_working("a"));
}

TEST_CASE("A file that changes while it is in hand stays in hand, and the change is reported at the end") {
  LedgerRig ledger;
  ledger.see("a", kOne)->complete = true;
  ledger.mark_working("a");
  ledger.restart("a", kOther, 2)->complete = true;
  CHECK(ledger.find("a")->state() == FileState::kWorking);
  CHECK(ledger.unmark_working("a"));
  ledger.mark_working("a");
  ledger.see("a", kOther);
  CHECK_FALSE(ledger.unmark_working("a"));
}

TEST_CASE("A file that changes begins again, without its wait") {
  LedgerRig ledger;
  ledger.see("f", kOne, 10)->complete = true;
  ledger.fail("f", kOne);
  const LedgerEntry* entry = ledger.see("f", kOther, 20);
  CHECK(entry->since_ns == 20);
  CHECK(entry->restless);
  CHECK_FALSE(entry->complete);
  CHECK(ledger.find_wait("f", kOther) == nullptr);
  CHECK(ledger.waits().empty());
  CHECK(ledger.fail("f", kOther).is_news);
  CHECK(ledger.find_wait("f", kOther)->attempts == 1);
}

TEST_CASE("A failure of a state of a file that is over is not noted") {
  LedgerRig ledger;
  ledger.see("f", kOther)->complete = true;
  const Ledger::Noted noted = ledger.fail("f", kOne);
  CHECK(noted.wait == nullptr);
  CHECK(noted.is_news);
  CHECK(ledger.find("f")->complete);
  ledger.note_done("f", kOne);
  CHECK(ledger.find("f")->state() == FileState::kSettling);
  ledger.note_done("f", kOther);
  CHECK(ledger.find("f")->state() == FileState::kDone);
}

TEST_CASE("A failure is news once, and counts its attempts") {
  LedgerRig ledger;
  CHECK(ledger.fail("f", kOne, "bad", 100).is_news);
  CHECK_FALSE(ledger.fail("f", kOne, "bad", 200).is_news);
  CHECK(ledger.note("f", kOne, FileState::kPending, false, "deferred", "no space", 300, 3).is_news);
  const Wait* wait = ledger.find_wait("f", kOne);
  REQUIRE(wait != nullptr);
  CHECK(wait->attempts == 2);
  CHECK(wait->first_utc_ns == 1);
  CHECK(wait->last_utc_ns == 3);
  CHECK(ledger.next_try_ns(300) == 300 + 16);
  CHECK(ledger.next_try_ns(300 + 16) == UINT64_MAX);
}

TEST_CASE("A block waits for no time, and may pass under another policy") {
  LedgerRig ledger;
  ledger.block("f", kOne);
  ledger.fail("g", kOne, "r", 100);
  CHECK(ledger.find_wait("f", kOne)->next_try_ns == UINT64_MAX);
  CHECK(ledger.find("f")->state() == FileState::kBlocked);
  ledger.end_blocks();
  CHECK(ledger.find_wait("f", kOne) == nullptr);
  CHECK(ledger.find_wait("g", kOne) != nullptr);
}

TEST_CASE("Attempts of an earlier relay count on, and are no observation") {
  LedgerRig ledger;
  ledger.recall("f", kOne, 2, 7);
  bool is_new = false;
  ledger.observe("f", kOne, 100, &is_new);
  CHECK(is_new);
  CHECK(ledger.find("f")->since_ns == 100);
  CHECK(ledger.find_wait("f", kOne)->next_try_ns == 0);
  CHECK(ledger.fail("f", kOne).is_news);
  CHECK(ledger.find_wait("f", kOne)->attempts == 3);
  CHECK(ledger.find_wait("f", kOne)->first_utc_ns == 7);
  ledger.recall("g", kOne, 2, 7);
  ledger.observe("g", kOther, 100, &is_new);
  CHECK(ledger.find_wait("g", kOther) == nullptr);
}

TEST_CASE("What is owed to the quarantine is owed for this state of the file") {
  LedgerRig ledger;
  ledger.see("a", kOne);
  ledger.see("b", kOne);
  ledger.set_owes_quarantine("a", true);  // it does not wait
  CHECK(ledger.first_owed() == nullptr);
  ledger.fail("a", kOne);
  ledger.fail("b", kOne);
  ledger.set_owes_quarantine("b", true);
  ledger.set_owes_quarantine("a", true);
  CHECK(ledger.first_owed()->file->first == "a");
  ledger.see("a", kOther);
  CHECK(ledger.first_owed()->file->first == "b");
  ledger.set_owes_quarantine("b", false);
  CHECK(ledger.first_owed() == nullptr);
}

TEST_CASE("A returned file stays one until it changes") {
  LedgerRig ledger;
  ledger.begin_scan();
  ledger.note_returned("f", kOne, 1);
  CHECK(ledger.has_returned());
  CHECK(ledger.is_returned("f", kOne));
  ledger.begin_scan();
  ledger.see("f", kOne);
  CHECK_FALSE(ledger.has_returned());
  CHECK(ledger.is_returned("f", kOne));
  CHECK_FALSE(ledger.find("f")->restless);
  ledger.see("f", kOther);
  CHECK_FALSE(ledger.is_returned("f", kOther));
}

TEST_CASE("What is no file is news once, and a file of its name begins again") {
  LedgerRig ledger;
  ledger.see("f", kOne)->complete = true;
  CHECK(ledger.note_unexpected("f"));
  CHECK_FALSE(ledger.note_unexpected("f"));
  bool is_new = false;
  CHECK_FALSE(ledger.observe("f", kOne, 5, &is_new)->complete);
  CHECK(is_new);
  CHECK(ledger.note_unexpected("f"));
}

TEST_CASE("A file comes when it is first seen, whatever its mtime, and stays the same file when it changes") {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  constexpr std::int64_t kWall = std::int64_t{1'700'000'000} * 1'000'000'000;
  Ledger ledger({.realtime_ns = [] { return kWall; }});
  bool is_new = false;
  auto arrived = [&](const std::string& path, const FileIdentity& identity, std::uint64_t second) {
    return ledger.observe(path, identity, second * kSecond, &is_new)->arrived_s;
  };
  ledger.begin_scan();
  // There before the relay: only its ctime says since when. One in the future is by another clock.
  CHECK(arrived("before", {.inode = 1, .ctime_ns = kWall - 300'000'000'000}, 100) == -200);
  CHECK(arrived("future", {.inode = 2, .ctime_ns = kWall + 300'000'000'000}, 100) == 100);
  ledger.end_scan();
  CHECK(arrived("later", {.inode = 3, .mtime_ns = 1, .ctime_ns = 1}, 200) == 200);
  CHECK(arrived("later", {.inode = 3, .mtime_ns = 2, .ctime_ns = 2}, 300) == 200);
  CHECK(arrived("later", {.inode = 4, .mtime_ns = 2, .ctime_ns = 2}, 400) == 400);
}

TEST_CASE("The tally counts each file once, by its state, and knows when the oldest on its way came") {
  LedgerRig ledger;
  CHECK_FALSE(ledger.tally().oldest_s);
  constexpr std::uint64_t kSecond = 1'000'000'000;
  for (const char* path : {"settling", "ready", "working", "pending", "blocked", "held", "done"})
    ledger.see(path, kOne, 9 * kSecond);
  ledger.see("settling", kOther, 3 * kSecond);
  ledger.set_ready("ready", kOne);
  ledger.mark_working("working");
  ledger.fail("pending", kOne);
  ledger.block("blocked", kOne);
  ledger.note("held", kOne, FileState::kHeld, false, "held", "r", 1, 1);
  ledger.note_done("done", kOne);
  ledger.note_unexpected("link");
  LedgerTally tally = ledger.tally();
  for (FileState state : {FileState::kSettling, FileState::kReady, FileState::kWorking, FileState::kPending,
                          FileState::kBlocked, FileState::kHeld, FileState::kDone, FileState::kUnexpected})
    CHECK(tally.of(state) == 1);
  CHECK(tally.oldest_s == 9);
  // A policy decides nothing about what is held.
  ledger.end_blocks();
  tally = ledger.tally();
  CHECK(tally.of(FileState::kBlocked) == 0);
  CHECK(tally.of(FileState::kHeld) == 1);
}

TEST_CASE("Beyond its maximum a ledger takes no more files, and those that it has go on") {
  Ledger ledger({.max_entries = 1});
  bool is_new = false;
  CHECK(ledger.observe("a", kOne, 1, &is_new) != nullptr);
  CHECK(ledger.observe("b", kOne, 1, &is_new) == nullptr);
  CHECK(ledger.observe("a", kOther, 1, &is_new) != nullptr);
}

}  // namespace
}  // namespace paxect::link

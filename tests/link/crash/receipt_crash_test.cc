// A receiver, or the sender of what it gets, dies at every call between the reading of a list and the removal
// of a source by its receipt; and `resend` does, which brings back what was lost on the way.
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>

#include "base/digest.h"
#include "base/relay_paths.h"
#include "link/relay_site.h"
#include "link/sent_lists.h"
#include "proof/receipt.h"
#include "proof/signature.h"
#include "proof/statement_name.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"

namespace paxect::test {
namespace {

namespace fs = std::filesystem;
using link::Outcome;
using Outcomes = std::vector<link::OutcomeRange>;

// Between two calls that change something on a disk a kill leaves the same as at the second of them.
struct Point {
  const char* calls;
  int step;  // between the points that the short run takes
};
constexpr int kMaxCalls = 5000;  // of a kind, and there have to be fewer

constexpr Point kPoints[] = {{"renameat2,renameat,rename", 2},
                             {"unlinkat,unlink", 2},
                             {"fsync,fdatasync,syncfs", 2},
                             {"mkdirat,mkdir", 2},
                             {"write,pwrite64", 9},
                             {"openat,open", 31},
                             {"linkat,link,ftruncate,fchmod,fchmodat,fchown,fchownat,utimensat,fallocate,"
                              "copy_file_range,fsetxattr,rmdir",
                              3}};

const std::map<std::string, std::string> kFiles = {
    {"one", "the first"}, {"two", "the second one"}, {"three", std::string(30'000, 'x')}};

link::SigningKey read_key(const std::string& path) {
  link::SigningKey key;
  REQUIRE(link::SigningKey::parse(read_file(path), &key).ok());
  return key;
}

// A relay with a key, in a directory of its own, as its settings are in the environment.
class Node {
 public:
  explicit Node(std::string name, std::vector<std::string> settings)
      : name_(std::move(name)), settings_(std::move(settings)) {}

  std::string path(const std::string& file) const { return site_.path(file); }
  std::string proof_folder(const std::string& box) const { return path(box + "/" + link::kProofFolder); }
  RelaySite& site() { return site_; }

  Result relay(const std::vector<std::string>& wrap = {}) const {
    return run(with_settings(site_.command({"--once"}, wrap)));
  }
  Result command(const std::vector<std::string>& words, const std::vector<std::string>& wrap = {}) const {
    Command command{.argv = wrap, .directory = site_.directory()};
    command.argv.insert(command.argv.end(), {PAXECT_TEST_BIN "/paxect", "link"});
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    if (!wrap.empty()) command.environment = {"ASAN_OPTIONS=detect_leaks=0"};
    return run(with_settings(command));
  }
  // So many times that everything is done, as a service is started again.
  void finish(const std::function<void()>& after_each) const {
    Result result{};
    for (int attempt = 0; attempt < 6; ++attempt) {
      result = relay();
      after_each();
      if (result.status == 0) break;
    }
    INFO(result.error);
    CHECK(result.status == 0);
  }
  std::vector<std::string> killed_at(const std::string& calls, int when) const {
    return injected(calls, "signal=KILL", when);
  }
  bool was_killed() const { return read_file(path("trace")).find("SIGKILL") != std::string::npos; }
  // This call fails, and no other one.
  std::vector<std::string> failing_at(const std::string& calls, const std::string& error, int when) const {
    return injected(calls, "error=" + error, when);
  }
  bool has_failed() const { return read_file(path("trace")).find("(INJECTED)") != std::string::npos; }

 private:
  std::vector<std::string> injected(const std::string& calls, const std::string& what, int when) const {
    return {"strace",
            "-f",
            "-q",
            "-o",
            path("trace"),
            "-e",
            "trace=" + calls,
            "-e",
            "inject=" + calls + ":" + what + ":when=" + std::to_string(when)};
  }
  Command with_settings(Command command) const {
    command.environment.insert(command.environment.end(),
                               {"PAXECT_LINK_NODE=" + name_, "PAXECT_LINK_SIGN_KEY=file:" + path("key")});
    command.environment.insert(command.environment.end(), settings_.begin(), settings_.end());
    return command;
  }

  RelaySite site_;
  std::string name_;
  std::vector<std::string> settings_;
};

// North has sent three containers, and keeps their sources until the receipt.
class Sender : public Node {
 public:
  Sender()
      : Node("north", {"PAXECT_LINK_MODE=send", "PAXECT_LINK_TO=south", "PAXECT_LINK_KEEP=receipt",
                       "PAXECT_LINK_RECEIPTS_IN=receipts"}),
        lists(make_sign_key(path("key"))) {
    fs::create_directories(path("receipts"));
    fs::create_directories(path("peers"));
    make_sign_key(path("south"));
    fs::copy(path("south.pub"), path("peers/south.pub"));
    south = read_key(path("south"));
    for (const auto& [stem, contents] : kFiles) write_file(path("inbox/" + stem + ".txt"), contents);
    REQUIRE(relay().status == 0);
    read_lists();
    REQUIRE(lists.texts().size() == 1);
  }

  void read_lists() { lists.read(path("outbox")); }
  const std::pair<std::string, std::uint64_t>& first_list() const { return lists.texts().begin()->first; }

  // A receipt about the first list; the path of it.
  std::string write_receipt(const Outcomes& outcomes, std::uint64_t number) {
    link::Receipt receipt;
    receipt.head.from = "south";
    receipt.head.to = {"north"};
    receipt.head.stream = "00000000000000ab";
    receipt.head.number = number;
    receipt.head.previous = number == 1 ? "" : link::sha256_hex("receipt before");
    receipt.head.made = 1'767'323'045;
    receipt.about = first_list().first;
    receipt.list = first_list().second;
    receipt.list_digest = link::sha256_hex(lists.texts().at(first_list()));
    receipt.outcomes = outcomes;
    const std::string name = link::receipt_of("south", receipt.head.stream, number);
    const std::string text = link::receipt_text(receipt);
    write_file(path("receipts/" + link::signature_of(name)), link::sign_file(south, text, name));
    write_file(path("receipts/" + name), text);
    return path("receipts/" + name);
  }
  std::string source_of(std::uint64_t entry) const {
    const std::string name = lists.lists().front().entries[entry - 1].name;
    return name.substr(0, name.find('.')) + ".txt";
  }
  std::string container_of(std::uint64_t entry) const {
    return lists.lists().front().entries[entry - 1].name;
  }

  SentLists lists;
  link::SigningKey south;
};

// South gets what a sender has sent, in an inbox of its own.
class Receiver : public Node {
 public:
  explicit Receiver(const Sender& sender)
      : Node("south", {"PAXECT_LINK_MODE=receive", "PAXECT_LINK_PROOF=require"}) {
    fs::copy(sender.path("south"), path("key"));
    fs::create_directories(path("peers"));
    fs::copy(sender.path("key.pub"), path("peers/north.pub"));
    fs::copy(sender.path("outbox"), path("inbox"),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    key_ = sender.south;
  }

  // Every receipt is signed, and one that was seen before has the same text. Whoever takes the outputs away
  // does so between any two runs.
  void look(bool takes) {
    for (const auto& [name, contents] : kFiles) {
      if (!exists(path("outbox/" + name))) continue;
      INFO(name);
      REQUIRE(read_file(path("outbox/" + name)) == contents);
      if (takes) fs::remove(path("outbox/" + name));
      if (takes) ++taken_[name];
    }
    if (!exists(proof_folder("inbox"))) return;
    for (const std::string& name : list(proof_folder("inbox"))) {
      link::StatementName parsed;
      if (!link::parse_statement_name(name, &parsed) || parsed.is_signature ||
          parsed.kind != link::StatementKind::kReceipt)
        continue;
      INFO(name);
      const std::string file = proof_folder("inbox") + "/" + name;
      const std::string text = read_file(file);
      REQUIRE(exists(link::signature_of(file)));
      REQUIRE(link::verify_file(text, read_file(link::signature_of(file)), name, {key_.public_key()}).ok());
      const auto [known, is_new] = receipts_.try_emplace({parsed.stream, parsed.number}, text);
      REQUIRE(known->second == text);
    }
  }

  void converges(bool takes) {
    finish([&] { look(takes); });
    for (const auto& [name, contents] : kFiles) {
      INFO(name);
      CHECK(taken_[name] == (takes ? 1 : 0));
      CHECK(exists(path("outbox/" + name)) != takes);
    }
    CHECK(list(path("outbox")).size() == (takes ? 0 : kFiles.size()));
    CHECK(list(path("inbox")) == Names{std::string(link::kProofFolder)});
    const Names statements = list(proof_folder("inbox"));
    CHECK(std::none_of(statements.begin(), statements.end(),
                       [](const std::string& name) { return name.front() == '.'; }));
    std::string previous;
    std::uint64_t next = 1;
    link::Receipt receipt;
    for (const auto& [number, text] : receipts_) {
      CHECK(number.first == receipts_.begin()->first.first);
      CHECK(number.second == next++);
      REQUIRE(link::parse_receipt(text, &receipt).ok());
      CHECK(receipt.head.previous == previous);
      previous = link::sha256_hex(text);
    }
    CHECK(receipt.outcomes == Outcomes{{Outcome::kDelivered, 1, kFiles.size()}});
    CHECK(site().log().find("\"journal_damaged\"") == std::string::npos);
  }

 private:
  std::map<std::string, int> taken_;
  std::map<std::pair<std::string, std::uint64_t>, std::string> receipts_;
  link::SigningKey key_;
};

// Calls `at_point` with each point, until it says that there was none.
template <class AtPoint>
void at_every_call(int factor, const AtPoint& at_point) {
  if (!has_strace()) return;
  int all = 0;
  for (const Point& point : kPoints) {
    for (int when = 1;; when += is_long() ? 1 : factor * point.step) {
      INFO("at call " << when << " of " << point.calls);
      REQUIRE(when < kMaxCalls);
      if (!at_point(point.calls, when)) break;
      ++all;
    }
  }
  CHECK(all > 10);
}

void kill_receiver(int factor, bool takes) {
  if (!has_strace()) return;
  const Sender sender;
  at_every_call(factor, [&](const std::string& calls, int when) {
    Receiver receiver(sender);
    receiver.relay(receiver.killed_at(calls, when));
    const bool was_killed = receiver.was_killed();
    receiver.look(takes);
    receiver.converges(takes);
    return was_killed;
  });
}

// Writes are left out: those that wake another thread, by an eventfd, cannot fail, and would be counted too.
void fail_receiver(int factor, const std::string& error) {
  if (!has_strace()) return;
  const Sender sender;
  at_every_call(factor, [&](const std::string& calls, int when) {
    if (calls.starts_with("write")) return false;
    Receiver receiver(sender);
    receiver.relay(receiver.failing_at(calls, error, when));
    const bool has_failed = receiver.has_failed();
    receiver.look(true);
    receiver.converges(true);
    return has_failed;
  });
}

// The medium keeps nothing of the first list, and not the container of its second entry.
void lose(const Sender& sender) {
  const std::string name = link::list_of("north", sender.first_list().first, sender.first_list().second);
  fs::remove(sender.proof_folder("outbox") + "/" + name);
  fs::remove(sender.proof_folder("outbox") + "/" + link::signature_of(name));
  fs::remove(sender.path("outbox/" + sender.container_of(2)));
  fs::remove(sender.path("outbox/" + sender.container_of(2) + ".sha256"));
}

// What was lost is there again, as it was, and no source has gone.
void check_resent(Sender& sender) {
  const std::string name = link::list_of("north", sender.first_list().first, sender.first_list().second);
  const std::string file = sender.proof_folder("outbox") + "/" + name;
  REQUIRE(exists(file));
  CHECK(read_file(file) == sender.lists.texts().at(sender.first_list()));
  sender.read_lists();
  CHECK(sender.lists.texts().size() == 1);
  sender.lists.check_covers(sender.path("outbox"));
  CHECK(list(sender.path("outbox")).size() == 2 * kFiles.size() + 1);
  CHECK(list(sender.path("inbox")).size() == kFiles.size());
  CHECK_FALSE(exists(link::resend_of(sender.path(".paxect_link.lock"))));
}

}  // namespace

TEST_CASE(
    "Killed at any call, a receiver delivers each listed container once and its receipts have one text") {
  kill_receiver(1, false);
}

TEST_CASE("Killed at any call, a receiver whose outputs are taken at once delivers nothing twice") {
  kill_receiver(3, true);
}

TEST_CASE(
    "A receiver of which any call fails delivers each listed container once, and its receipts have one "
    "text") {
  fail_receiver(2, GENERATE(as<std::string>(), "EIO", "ENOSPC"));
}

TEST_CASE("Where a name cannot be taken without replacing, lists and receipts are as they are elsewhere") {
  constexpr FailingCall kNoReplace = {SYS_renameat2, EINVAL};
  Sender sender;
  Receiver receiver(sender);
  receiver.site().failing = sender.site().failing = {kNoReplace};
  receiver.converges(true);
  write_file(sender.path("inbox/later.txt"), "listed there");
  CHECK(sender.relay().status == 0);
  sender.read_lists();
  sender.lists.check_chains();
  CHECK(sender.lists.texts().size() == 2);
  sender.write_receipt({{Outcome::kDelivered, 1, kFiles.size()}}, 1);
  CHECK(sender.relay().status == 0);
  CHECK(list(sender.path("inbox")) == Names{"later.txt"});
}

TEST_CASE("A folder of lists that is on FUSE is read, and takes receipts") {
  if (!has_bindfs()) return;
  const Sender sender;
  Receiver receiver(sender);
  const std::string lists = receiver.proof_folder("inbox");
  fs::rename(lists, receiver.path("lists"));
  fs::create_directory(lists);
  REQUIRE(run({.argv = {"bindfs", receiver.path("lists"), lists}}).status == 0);
  receiver.converges(true);
  CHECK(run({.argv = {"fusermount", "-u", lists}}).status == 0);
  const Names there = list(receiver.path("lists"));
  CHECK(std::any_of(there.begin(), there.end(),
                    [](const std::string& name) { return name.ends_with(".receipt"); }));
}

TEST_CASE("Killed at any call while it reads a receipt, a sender removes what was delivered and no more") {
  at_every_call(2, [](const std::string& calls, int when) {
    Sender sender;
    sender.write_receipt({{Outcome::kDelivered, 1, 2}, {Outcome::kExpected, 3, 3}}, 1);
    write_file(sender.path("inbox/new.txt"), "sent in the same run");
    sender.relay(sender.killed_at(calls, when));
    const bool was_killed = sender.was_killed();
    sender.read_lists();
    CHECK(exists(sender.path("inbox/" + sender.source_of(3))));
    sender.finish([&] { sender.read_lists(); });
    Names left = {sender.source_of(3), "new.txt"};
    std::sort(left.begin(), left.end());
    CHECK(list(sender.path("inbox")) == left);
    sender.lists.check_chains();
    sender.lists.check_covers(sender.path("outbox"));
    CHECK(sender.lists.streams().size() == 1);
    CHECK(sender.lists.texts().size() == 2);
    sender.write_receipt({{Outcome::kDelivered, 1, 3}}, 2);
    sender.finish([&] { sender.read_lists(); });
    CHECK(list(sender.path("inbox")) == Names{"new.txt"});
    return was_killed;
  });
}

TEST_CASE("Killed at any call of resend or of the relay that does it, a sender brings back what was lost") {
  at_every_call(1, [](const std::string& calls, int when) {
    bool was_killed = false;
    for (const bool is_relay : {false, true}) {
      INFO((is_relay ? "the relay" : "the command"));
      Sender sender;
      lose(sender);
      const std::string request = sender.write_receipt({{Outcome::kMissing, 1, 3}}, 1);
      if (is_relay) {
        REQUIRE(sender.command({"resend", request}).status == 0);
        sender.relay(sender.killed_at(calls, when));
      } else {
        sender.command({"resend", request}, sender.killed_at(calls, when));
      }
      const bool was_hit = sender.was_killed();
      was_killed = was_killed || was_hit;
      // Whoever sees a command fail gives it again. The relay needs no further request.
      if (!is_relay) CHECK(sender.command({"resend", request}).status == 0);
      sender.finish([] {});
      check_resent(sender);
      if (!was_hit) continue;
      sender.write_receipt({{Outcome::kDelivered, 1, 3}}, 2);
      sender.finish([&] { sender.read_lists(); });
      CHECK(list(sender.path("inbox")).empty());
    }
    return was_killed;
  });
}

TEST_CASE("A list that the medium lost or damaged comes again by a request, and both sides converge") {
  const std::string damage = GENERATE("list and signature", "list", "signature", "bytes", "end");
  // The entry whose receipt came is part of the text all the same.
  const bool has_receipt = GENERATE(false, true);
  INFO(damage << ", one entry receipted " << has_receipt);
  Sender sender;
  const std::string name = link::list_of("north", sender.first_list().first, sender.first_list().second);
  const std::string file = sender.proof_folder("outbox") + "/" + name;
  const std::string text = read_file(file);
  const std::string signature = read_file(link::signature_of(file));
  if (has_receipt) sender.write_receipt({{Outcome::kDelivered, 1, 1}}, 1);
  if (has_receipt) sender.finish([] {});
  if (damage.starts_with("list")) fs::remove(file);
  if (damage.ends_with("signature")) fs::remove(link::signature_of(file));
  if (damage == "bytes") write_file(file, text.substr(0, text.size() / 2));
  if (damage == "end") write_file(link::signature_of(file), signature + "\n");
  // By a list that follows the receiver learns of the gap.
  write_file(sender.path("inbox/new.txt"), "a later one");
  sender.finish([] {});
  Receiver receiver(sender);
  receiver.relay();
  CHECK(list(receiver.path("outbox")) == Names{"new"});
  REQUIRE(receiver.command({"missing", "--request", receiver.path("request")}).status == 1);
  for (const char* end : {"", ".minisig"})
    fs::copy(receiver.path("request") + end, sender.path("request") + end);
  const Result result = sender.command({"resend", sender.path("request")});
  INFO(result.output << result.error);
  CHECK(result.status == (has_receipt ? 1 : 0));
  sender.finish([] {});
  CHECK(read_file(file) == text);
  CHECK(read_file(link::signature_of(file)) == signature);
  fs::copy(sender.proof_folder("outbox"), receiver.proof_folder("inbox"),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  receiver.finish([] {});
  CHECK(list(receiver.path("outbox")).size() == kFiles.size() + 1);
  CHECK(list(receiver.path("inbox")) == Names{std::string(link::kProofFolder)});
  CHECK(receiver.command({"missing"}).status == 0);
  for (const std::string& each : list(receiver.proof_folder("inbox")))
    if (each.find(".receipt") != std::string::npos)
      fs::copy_file(receiver.proof_folder("inbox") + "/" + each, sender.path("receipts/" + each));
  sender.finish([&] { sender.read_lists(); });
  CHECK(list(sender.path("inbox")).empty());
  CHECK(sender.lists.texts().size() == 2);
}

TEST_CASE("Resend replaces no list that has another text signed by the same key") {
  Sender sender;
  const std::string name = link::list_of("north", sender.first_list().first, sender.first_list().second);
  const std::string file = sender.proof_folder("outbox") + "/" + name;
  std::string text = read_file(file);
  text.replace(text.find("# within "), 9, "# within 7");
  write_file(file, text);
  write_file(link::signature_of(file), link::sign_file(read_key(sender.path("key")), text, name));
  CHECK(sender.command({"resend", sender.write_receipt({{Outcome::kMissing, 1, 1}}, 1)}).status == 0);
  sender.relay();
  CHECK(read_file(file) == text);
  CHECK(sender.site().log().find("this list has another text") != std::string::npos);
}

}  // namespace paxect::test

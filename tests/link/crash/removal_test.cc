// A producer that puts another file under the name of a source at the very moment when that source is
// removed.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <regex>

#include "base/digest.h"
#include "base/move_file.h"
#include "base/relay_paths.h"
#include "base/removal.h"
#include "link/relay_site.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::test {
namespace {

// Where there is no rename without replacing.
constexpr FailingCall kNoReplace = {SYS_renameat2, EINVAL};

// Until strace tells that a call begins which is to take the name away.
void wait_until_taken_away(const RelaySite& site, const std::string& name) {
  const std::regex taken_away("(unlinkat|renameat2?)\\([0-9]+, \"" + name + "\"");
  REQUIRE(eventually([&] {
    return exists(site.path("trace")) && std::regex_search(read_file(site.path("trace")), taken_away);
  }));
}

// Runs the relay once and calls `meanwhile` after its last look at NAME, right before the call that takes it
// away: each call that could be it is held up for a moment, which strace tells when it begins.
Result run_and_replace(const RelaySite& site, const std::string& name,
                       const std::function<void()>& meanwhile) {
  const std::string calls = "unlinkat,renameat,renameat2";
  Background relay(
      site.command({"--once"}, {"strace", "-f", "-q", "-o", site.path("trace"), "-e", "trace=" + calls, "-e",
                                "inject=" + calls + ":delay_enter=200ms"}));
  wait_until_taken_away(site, name);
  meanwhile();
  return relay.wait();
}

// What the producer does at that moment.
void replace(RelaySite& site, const std::string& name, const std::string& contents) {
  write_file(site.path("made"), contents);
  std::filesystem::rename(site.path("made"), site.path("inbox/" + name));
}

std::string container_of(const std::string& data) {
  RelaySite sender;
  sender.put("x", data);
  REQUIRE(run(sender.command({"--once", "--set", "link.mode=send"})).status == 0);
  return read_file(sender.path("outbox/x.freq"));
}

TEST_CASE("A file renamed over a source between the last look and its removal is delivered too") {
  if (!has_strace()) return;
  for (bool no_replace : {true, false}) {
    RelaySite site;
    if (no_replace) site.failing = {kNoReplace};
    site.put("a", "the first");
    run_and_replace(site, "a.txt", [&] { site.put("a", "another, right then"); });
    site.converges(false);
  }
}

TEST_CASE("A container renamed over one that is removed right then is delivered too") {
  if (!has_strace()) return;
  const std::string first = container_of("the first");
  const std::string second = container_of("another, right then");
  RelaySite site;
  write_file(site.path("inbox/a.freq"), first);
  site.expect("a", "the first");
  site.expect("a", "another, right then");
  run_and_replace(site, "a.freq", [&] { replace(site, "a.freq", second); });
  site.converges(false);
}

TEST_CASE("A sidecar renamed over one that is removed right then is held against the container it is for") {
  if (!has_strace()) return;
  for (bool good : {true, false}) {
    const std::string first = container_of("the first");
    const std::string second = container_of("another, right then");
    RelaySite site;
    write_file(site.path("inbox/a.freq"), first);
    write_file(site.path("inbox/a.freq.sha256"), link::sha256_hex(first) + "\n");
    run_and_replace(site, "a.freq.sha256", [&] {
      replace(site, "a.freq.sha256", (good ? link::sha256_hex(second) : std::string(64, '0')) + "\n");
    });
    REQUIRE(exists(site.path("inbox/a.freq.sha256")));
    write_file(site.path("inbox/a.freq"), second);
    run(site.command({"--once"}));
    CHECK(list(site.path("outbox")).size() == (good ? 2 : 1));
    CHECK(exists(site.path("inbox/.quarantine/a.freq")) == !good);
    CHECK_FALSE(exists(site.path("inbox/a.freq.sha256")));
  }
}

TEST_CASE("A file begun under the name of a source that is removed right then is not taken before its end") {
  if (!has_strace()) return;
  RelaySite site;
  const std::string calls = "unlinkat,renameat2";
  Background relay(site.command({"--set", "link.settle_ms=3600000"},
                                {"strace", "-D", "-f", "-q", "-o", site.path("trace"), "-e", "trace=" + calls,
                                 "-e", "inject=" + calls + ":delay_enter=200ms"}));
  REQUIRE(eventually([&] {
    return exists(site.path("paxect_link_log.jsonl")) && site.log().find("startup") != std::string::npos;
  }));
  site.put("a", "the first");
  wait_until_taken_away(site, "a.txt");
  std::filesystem::remove(site.path("inbox/a.txt"));
  std::ofstream writer(site.path("inbox/a.txt"), std::ios::binary);
  writer << "the beginning" << std::flush;
  site.put("b", "what comes after it");
  REQUIRE(eventually([&] { return exists(site.path("outbox/b")); }));
  CHECK(list(site.path("outbox")) == std::vector<std::string>{"a", "b"});
  writer << " and the end";
  writer.close();
  site.expect("a", "the beginning and the end");
  REQUIRE(eventually([&] { return list(site.path("outbox")).size() == 3; }));
  REQUIRE(eventually([&] { return list(site.path("inbox")).empty(); }));
  relay.signal(SIGTERM);
  relay.wait();  // its status is the sanitizers', which look for leaks and cannot below strace
  site.converges(false);
}

const link::Stop kNeverStop = [] { return false; };

// ---- one step of it at a time --------------------------------------------------------------------------

struct Folder {
  TempDir temp;
  link::Directory directory;

  Folder() { REQUIRE(link::Directory::open(temp.path(), &directory).ok()); }
  void put(const std::string& name, const std::string& contents) const { write_file(temp / name, contents); }
  std::string read(const std::string& name) const { return read_file(temp / name); }
  link::FileIdentity identity(const std::string& name) const { return directory.stat_of(name).identity; }
};

link::IsMeant answer(bool meant) {
  return [meant](const std::string&, const link::FileStat&, bool* out) {
    *out = meant;
    return link::Status::success();
  };
}

TEST_CASE("What is meant is removed, and anything else has its name afterwards") {
  Folder folder;
  Names returned;
  folder.put("a", "one");
  CHECK(link::remove_if(folder.directory, "a", answer(false), &returned).ok());
  CHECK(returned == Names{"a"});
  CHECK(folder.read("a") == "one");
  CHECK(link::remove_if(folder.directory, "a", answer(true), &returned).ok());
  CHECK(list(folder.temp.path()).empty());
  CHECK(link::remove_if(folder.directory, "a", answer(true), &returned).ok());
  CHECK(returned.size() == 1);
}

TEST_CASE("Where a third file has the name by then, the one that comes back gets a name of its own") {
  for (const auto& [name, suffix] : {std::pair<std::string, std::string>("a.txt", ".txt"),
                                     {"a.freq", ".freq"},
                                     {"a.freq.sha256", ".freq.sha256"},
                                     {std::string(255, 'x'), ""}}) {
    Folder folder;
    Names returned;
    folder.put(name, "two");
    auto replaced = [&folder, &taken = name](const std::string&, const link::FileStat&, bool* meant) {
      folder.put(taken, "three");
      *meant = false;
      return link::Status::success();
    };
    CHECK(link::remove_if(folder.directory, name, replaced, &returned).ok());
    REQUIRE(returned.size() == 1);
    CHECK(folder.read(name) == "three");
    CHECK(folder.read(returned[0]) == "two");
    CHECK(returned[0].ends_with(suffix));
    CHECK_FALSE(link::is_never_taken(returned[0]));
    CHECK(list(folder.temp.path()).size() == 2);
  }
}

TEST_CASE("A file is removed by its identity alone") {
  Folder folder;
  Names returned;
  folder.put("a", "one");
  link::FileIdentity identity = folder.identity("a");
  folder.put("b", "two");
  std::filesystem::rename(folder.temp / "b", folder.temp / "a");
  CHECK(link::remove_same(folder.directory, "a", identity, &returned).ok());
  CHECK(folder.read("a") == "two");
  CHECK(link::remove_same(folder.directory, "a", folder.identity("a"), &returned).ok());
  CHECK(list(folder.temp.path()).empty());
  CHECK(returned.empty());
}

TEST_CASE("A removal that was broken off is in nobody's way and loses nothing") {
  Folder folder;
  Names returned;
  folder.put(".a.paxect-leaving", "one");
  folder.put("a", "two");
  CHECK_FALSE(link::remove_if(folder.directory, "a", answer(true), &returned).ok());
  CHECK(folder.read(".a.paxect-leaving") == "one");
  CHECK(folder.read("a") == "two");
  std::filesystem::remove(folder.temp / "a");
  CHECK(link::remove_if(folder.directory, "a", answer(true), &returned).ok());
  CHECK(list(folder.temp.path()).empty());
}

TEST_CASE("A hard link that stood in for the way back is not a second file") {
  Folder folder;
  Names returned;
  folder.put("a", "one");
  std::filesystem::create_hard_link(folder.temp / "a", folder.temp / ".a.paxect-leaving");
  CHECK(link::put_back(folder.directory, ".a.paxect-leaving", folder.directory, "a", &returned).ok());
  CHECK(list(folder.temp.path()) == Names{"a"});
}

TEST_CASE("Where each name of a file has an inode of its own, the content shows that it is back already") {
  for (const bool is_other : {false, true}) {
    Folder folder;
    Names returned;
    folder.put("a", "one");
    folder.put(".a.paxect-leaving", is_other ? "two" : "one");
    std::filesystem::last_write_time(folder.temp / ".a.paxect-leaving",
                                     std::filesystem::last_write_time(folder.temp / "a"));
    CHECK(link::put_back(folder.directory, ".a.paxect-leaving", folder.directory, "a", &returned).ok());
    CHECK(returned.size() == (is_other ? 1 : 0));
    CHECK(list(folder.temp.path()).size() == (is_other ? 2 : 1));
    CHECK(folder.read("a") == "one");
    if (!is_other) continue;
    // The name apart was given by a link, and the old one could not be removed.
    std::filesystem::create_hard_link(folder.temp / returned[0], folder.temp / ".a.paxect-leaving");
    CHECK(link::put_back(folder.directory, ".a.paxect-leaving", folder.directory, "a", &returned).ok());
    CHECK(list(folder.temp.path()).size() == 2);
  }
}

TEST_CASE("A file moves away by its identity alone, on one file system and across two") {
  for (const char* root : {"/tmp", "/dev/shm"}) {
    if (!exists(root)) continue;
    Folder folder;
    Folder target;
    std::string elsewhere = std::string(root) + "/paxect-removal-" + std::to_string(getpid());
    std::filesystem::create_directories(elsewhere);
    link::Directory to;
    REQUIRE(link::Directory::open(elsewhere, &to).ok());
    Names returned;
    bool taken = false;
    folder.put("a", "one");
    link::FileIdentity identity = folder.identity("a");
    folder.put("b", "two");
    std::filesystem::rename(folder.temp / "b", folder.temp / "a");
    link::Status status =
        link::move_file(folder.directory, "a", identity, to, "a", kNeverStop, &taken, &returned);
    CHECK(status.fault == link::Fault::kChanged);
    CHECK(folder.read("a") == "two");
    CHECK(list(elsewhere).empty());
    if (to.device() != folder.directory.device()) {
      // A copy whose source cannot be removed does not stay: the next try would leave another one.
      std::filesystem::create_directory(folder.temp / ".a.paxect-leaving");
      status = link::move_file(folder.directory, "a", folder.identity("a"), to, "a", kNeverStop, &taken,
                               &returned);
      CHECK(status.fault == link::Fault::kEnvironment);
      CHECK(folder.read("a") == "two");
      CHECK(list(elsewhere).empty());
      std::filesystem::remove(folder.temp / ".a.paxect-leaving");
    }
    CHECK(link::move_file(folder.directory, "a", folder.identity("a"), to, "a", kNeverStop, &taken, &returned)
              .ok());
    CHECK(list(folder.temp.path()).empty());
    CHECK(read_file(elsewhere + "/a") == "two");
    std::filesystem::remove_all(elsewhere);
  }
}

TEST_CASE("A folder that a source has left is flushed before the journal forgets the source") {
  if (!has_strace()) return;
  RelaySite site;
  std::filesystem::create_directories(site.path("inbox/sub"));
  write_file(site.path("inbox/sub/a.txt"), "a");
  bool restarted = GENERATE(false, true);
  // The second time the removal is that of a relay that did not come to its end.
  std::vector<std::string> strace = {
      "strace", "-f", "-q", "-y", "-o", site.path("trace"), "-e", "trace=unlinkat,fsync"};
  if (restarted) {
    run(site.command({"--once", "--set", "link.recursive=true"},
                     {"strace", "-f", "-q", "-o", site.path("first"), "-e", "trace=unlinkat", "-e",
                      "inject=unlinkat:signal=KILL:when=3"}));
  }
  CHECK(run(site.command({"--once", "--set", "link.recursive=true"}, strace)).status == 0);
  CHECK(read_file(site.path("outbox/sub/a")) == "a");
  const std::string trace = read_file(site.path("trace"));
  INFO(trace);
  std::size_t left = 0;
  std::size_t flushed = 0;
  const std::regex call("(unlinkat|fsync)\\([0-9]+<[^>]*/inbox/sub>");
  for (std::sregex_iterator it(trace.begin(), trace.end(), call), end; it != end; ++it)
    ((*it)[1] == "fsync" ? flushed : left) = static_cast<std::size_t>(it->position());
  CHECK((restarted || left > 0));
  CHECK(flushed > left);
}

// An error is not "gone": what was delivered is remembered though nobody can look at its source any more.
TEST_CASE("A source that was delivered and cannot be looked at is not delivered again") {
  if (!has_strace()) return;
  int deliveries = 0;
  for (const char* error : {"EIO", "ESTALE"}) {
    for (int when = 1; when <= 6; ++when) {
      INFO(error << " from look " << when);
      RelaySite site;
      site.put("a", "contents");
      const std::vector<std::string> send = {"--once", "--set", "link.mode=send"};
      run(site.command(
          send, {"strace", "-f", "-q", "-o", site.path("trace"), "-P", site.path("inbox/a.txt"), "-P",
                 site.path("inbox/.a.txt.paxect-leaving"), "-e", "trace=newfstatat,fcntl", "-e",
                 "inject=newfstatat:error=" + std::string(error) + ":when=" + std::to_string(when) + "+"}));
      if (!std::filesystem::remove(site.path("outbox/a.freq"))) continue;
      ++deliveries;
      std::filesystem::remove(site.path("outbox/a.freq.sha256"));
      run(site.command(send));
      CHECK_FALSE(exists(site.path("outbox/a.freq")));
    }
  }
  CHECK(deliveries > 0);
}

}  // namespace
}  // namespace paxect::test

// Lists and receipts on disks that are full, by any number of blocks or inodes, and in directories of other
// users.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "base/relay_paths.h"
#include "link/link_rig.h"
#include "link/proof_sender.h"
#include "link/relay_site.h"
#include "link/scratch_mount.h"
#include "link/sent_lists.h"
#include "proof/statement_name.h"
#include "support/catch.h"
#include "support/files.h"

namespace paxect::test {
namespace {

constexpr int kFiles = 5;

// A relay with a key, of which one folder is a small file system.
struct SmallDisk {
  // `limit` such as "nr_inodes=7".
  bool mount(const std::string& folder, const std::string& limit) {
    path_ = site.path(folder);
    disk_.emplace(Words{"-t", "tmpfs", "-o", limit, "none"});
    const bool is_mounted = disk_->mount(path_);
    if (!is_mounted) WARN("skipped: no tmpfs mounts here");
    return is_mounted;
  }
  void make_room() { REQUIRE(ran({"mount", "-o", "remount,size=16M,nr_inodes=4000", path_})); }

  // A run that may fail in any way, but not hang or die.
  void run_full(const std::vector<std::string>& settings) {
    const Result result = run(site.command(with(settings), {"timeout", "-s", "KILL", "120"}));
    INFO(result.error);
    CHECK((result.status == 0 || result.status == 1 || result.status == 78 || result.status == 75));
  }
  void finish(const std::vector<std::string>& settings) {
    Result result{};
    for (int attempt = 0; attempt < 6; ++attempt)
      if (result = run(site.command(with(settings))); result.status == 0) break;
    INFO(result.error);
    CHECK(result.status == 0);
  }

  RelaySite site;

 private:
  static std::vector<std::string> with(const std::vector<std::string>& settings) {
    std::vector<std::string> all = {"--once"};
    for (const std::string& each : settings) all.insert(all.end(), {"--set", "link." + each});
    return all;
  }
  std::string path_;
  std::optional<ScratchMount> disk_;
};

// Every third number, or each of them.
int step() { return is_long() ? 1 : 3; }

std::vector<std::string> limits(int min_inodes, int max_inodes, int max_pages) {
  std::vector<std::string> all;
  for (int inodes = min_inodes; inodes <= max_inodes; inodes += step())
    all.push_back("size=16M,nr_inodes=" + std::to_string(inodes));
  for (int pages = 1; pages <= max_pages; pages += step())
    all.push_back("size=" + std::to_string(4 * pages) + "k");
  return all;
}

std::string stem(int i) { return "f" + std::to_string(i); }

// As what a sender listed comes to a receiver.
void give(ProofSender* north, const std::string& inbox) {
  for (int i = 0; i < kFiles; ++i) {
    const std::string data = container_of("contents of " + stem(i));
    north->send(stem(i) + ".freq", data);
    write_file(inbox + "/" + stem(i) + ".freq", data);
    if (i % 2 == 0) north->write_next(inbox);
  }
}

std::string own_key(const RelaySite& site) {
  make_sign_key(site.path("key"));
  return "sign_key=file:" + site.path("key");
}

}  // namespace

TEST_CASE(
    "A sender whose outbox is full, by any number of blocks or inodes, lists everything once there is room") {
  for (const std::string& limit : limits(1, 19, 16)) {
    INFO(limit);
    SmallDisk disk;
    if (!disk.mount("outbox", limit)) return;
    SentLists lists(make_sign_key(disk.site.path("key")));
    const std::vector<std::string> settings = {"mode=send", "node=north",
                                               "sign_key=file:" + disk.site.path("key")};
    for (int i = 0; i < kFiles; ++i)
      write_file(disk.site.path("inbox/" + stem(i) + ".txt"), "contents of " + stem(i));
    disk.run_full(settings);
    lists.read(disk.site.path("outbox"));
    disk.make_room();
    disk.finish(settings);
    lists.read(disk.site.path("outbox"));
    CHECK(list(disk.site.path("inbox")).empty());
    CHECK(list(disk.site.path("outbox")).size() == 2 * kFiles + 1);
    CHECK(lists.streams().size() == 1);
    lists.check_chains();
    lists.check_covers(disk.site.path("outbox"));
  }
}

TEST_CASE("A second folder of lists that is full holds up nothing, and gets each list once there is room") {
  for (const std::string& limit : limits(1, 7, 4)) {
    INFO(limit);
    SmallDisk disk;
    if (!disk.mount("second", limit)) return;
    SentLists lists(make_sign_key(disk.site.path("key")));
    const std::vector<std::string> settings = {"mode=send", "node=north",
                                               "proof_also=" + disk.site.path("second"),
                                               "sign_key=file:" + disk.site.path("key")};
    for (int i = 0; i < 3; ++i) {
      write_file(disk.site.path("inbox/" + stem(i) + ".txt"), "contents of " + stem(i));
      disk.run_full(settings);
    }
    lists.read(disk.site.path("outbox"));
    lists.check_covers(disk.site.path("outbox"));
    CHECK(lists.texts().size() == 3);
    disk.make_room();
    disk.finish(settings);
    const std::string proof = disk.site.path("outbox/paxect.proof");
    CHECK(list(disk.site.path("second")) == list(proof));
    for (const std::string& name : list(proof))
      CHECK(read_file(disk.site.path("second/" + name)) == read_file(proof + "/" + name));
  }
}

TEST_CASE("A receiver whose state is on a full disk delivers what is listed once, when there is room") {
  for (const std::string& limit : limits(1, 10, 10)) {
    INFO(limit);
    SmallDisk disk;
    if (!disk.mount("state", limit)) return;
    ProofSender north;
    north.pin(disk.site.path("peers"));
    give(&north, disk.site.path("inbox"));
    const std::vector<std::string> settings = {"mode=receive",      "node=south",      own_key(disk.site),
                                               "peers=peers",       "lock=state/lock", "log=state/log",
                                               "policy=policy.json"};
    disk.run_full(settings);
    std::set<std::string> taken;
    if (exists(disk.site.path("outbox")))
      for (const std::string& name : list(disk.site.path("outbox"))) {
        taken.insert(name);
        std::filesystem::remove(disk.site.path("outbox/" + name));
      }
    disk.make_room();
    disk.finish(settings);
    for (const std::string& name : list(disk.site.path("outbox"))) CHECK(taken.insert(name).second);
    std::set<std::string> all;
    for (int i = 0; i < kFiles; ++i) all.insert(stem(i));
    CHECK(taken == all);
  }
}

TEST_CASE("Receipts that a full disk has no room for are written when it has, in one stream") {
  for (const std::string& limit : limits(1, 4, 2)) {
    INFO(limit);
    SmallDisk disk;
    if (!disk.mount("receipts", limit)) return;
    ProofSender north;
    north.pin(disk.site.path("peers"));
    give(&north, disk.site.path("inbox"));
    const std::vector<std::string> settings = {"mode=receive", "node=south", own_key(disk.site),
                                               "peers=peers", "receipts=receipts"};
    disk.run_full(settings);
    CHECK(list(disk.site.path("outbox")).size() == kFiles);
    disk.make_room();
    disk.finish(settings);
    std::set<std::string> streams;
    for (const std::string& name : list(disk.site.path("receipts"))) {
      link::StatementName parsed;
      INFO(name);
      REQUIRE(link::parse_statement_name(name, &parsed));
      streams.insert(parsed.stream);
    }
    CHECK(streams.size() == 1);
  }
}

TEST_CASE("A receiver takes lists from the directory of another user, and keeps its receipts itself") {
  if (!can_be_nobody()) return;
  RelaySite site;
  ProofSender north;
  north.pin(site.path("peers"));
  give(&north, site.path("inbox"));
  std::filesystem::create_directory(site.path("state"));
  std::filesystem::create_directory(site.path("outbox"));
  std::filesystem::permissions(site.directory(), std::filesystem::perms(0755));
  const std::string key = own_key(site);
  for (const char* name : {"state", "outbox", "key"})
    REQUIRE(chown(site.path(name).c_str(), 65534, 65534) == 0);
  std::vector<std::string> settings = {"--once"};
  for (const std::string& each :
       {std::string("mode=receive"), std::string("node=south"), key, std::string("peers=peers"),
        std::string("lock=state/lock"), std::string("log=state/log"), std::string("policy=state/policy.json"),
        std::string("manifest=state/manifest.json")})
    settings.insert(settings.end(), {"--set", "link." + each});
  // A list that only its owner may read, and the folder that may not be listed.
  const std::string proof = site.path("inbox/paxect.proof");
  const std::string first = proof + "/" + link::list_of("north", north.stream(), 1);
  REQUIRE(chmod(first.c_str(), 0) == 0);
  Result result = run(site.command(settings, kAsNobody));
  INFO(result.error);
  CHECK(read_file(site.path("state/log")).find(first) != std::string::npos);
  CHECK(list(site.path("outbox")) == Names{"f1", "f2", "f3", "f4"});
  REQUIRE(chmod(first.c_str(), 0644) == 0);
  REQUIRE(chmod(proof.c_str(), 0700) == 0);
  result = run(site.command(settings, kAsNobody));
  CHECK(read_file(site.path("state/log")).find("Permission denied") != std::string::npos);
  CHECK(list(site.path("outbox")).size() == kFiles - 1);
  REQUIRE(chmod(proof.c_str(), 0755) == 0);
  result = run(site.command(settings, kAsNobody));
  CHECK(list(site.path("outbox")).size() == kFiles);
  // It made nothing in the directory of the other user, and removed nothing there.
  for (int i = 0; i < kFiles; ++i) CHECK(exists(site.path("inbox/" + stem(i) + ".freq")));
  for (const std::string& name : list(proof)) CHECK(name.find(".receipt") == std::string::npos);
  bool has_receipt = false;
  for (const std::string& name : list(site.path("state/lock.receipts")))
    has_receipt = has_receipt || name.ends_with(".receipt");
  CHECK(has_receipt);
}

}  // namespace paxect::test

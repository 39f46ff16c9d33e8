// Traps in the inbox and in the outbox: links, FIFOs and directories that are not what they were a moment
// ago. Nothing from outside the inbox is ever read, nothing outside the outbox is ever written.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>
#include <tuple>

#include "link/link_rig.h"
#include "link/relay_site.h"
#include "support/catch.h"
#include "support/process.h"

namespace paxect::test {
namespace {

// Swaps the two names, in one step each time, as fast as it can until the end of the scope. An odd count of
// swaps is made even.
class Swapper {
 public:
  Swapper(const std::string& one, const std::string& other)
      : thread_([this, one, other] {
          while (!stop_ || swaps_ % 2 != 0) {
            if (renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0)
              ++swaps_;
            else if (stop_)
              break;
          }
        }) {}
  ~Swapper() { stop(); }
  Swapper(const Swapper&) = delete;
  Swapper& operator=(const Swapper&) = delete;

  long stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return swaps_;
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<long> swaps_{0};
  std::thread thread_;
};

// Everything below a directory, as one text.
std::string all_below(const std::string& directory) {
  std::string text;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
    if (entry.is_regular_file() && !entry.is_symlink()) text += read_file(entry.path().string()) + "\n";
  return text;
}

bool can_swap(const std::string& directory) {
  write_file(directory + "/one", "");
  write_file(directory + "/two", "");
  bool works = renameat2(AT_FDCWD, (directory + "/one").c_str(), AT_FDCWD, (directory + "/two").c_str(),
                         RENAME_EXCHANGE) == 0;
  std::filesystem::remove(directory + "/one");
  std::filesystem::remove(directory + "/two");
  if (!works) WARN("skipped: no exchange of two names on this file system");
  return works;
}

void let_run(RelaySite& site, const std::function<void()>& meanwhile) {
  Background relay(site.command({"--set", "link.recursive=true"}));
  auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(is_long() ? 20'000 : 1'000);
  while (std::chrono::steady_clock::now() < end) meanwhile();
  relay.signal(SIGTERM);
  CHECK(relay.wait().status == 0);
}

TEST_CASE("A folder of the inbox that is a symbolic link every other moment leads nowhere") {
  RelaySite site;
  if (!can_swap(site.directory())) return;
  std::filesystem::create_directories(site.path("inbox/folder"));
  std::filesystem::create_directories(site.path("secret"));
  std::filesystem::create_directory_symlink(site.path("secret"), site.path("trap"));
  for (const char* name : {"plain.txt", "wanted.txt", "0.txt"})
    write_file(site.path("secret/") + name, "secret of " + std::string(name));
  int made = 0;
  Swapper swapper(site.path("inbox/folder"), site.path("trap"));
  let_run(site, [&] {
    // In whichever of the two has the name now.
    std::string name = "f" + std::to_string(++made) + ".txt";
    write_file(site.path(".made"), "fine " + name);
    rename(site.path(".made").c_str(), site.path("inbox/folder/" + name).c_str());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  CHECK(swapper.stop() > 10);
  // What landed in the directory outside is not the relay's: it is there still.
  std::size_t outside = list(site.path("secret")).size() - 3;
  run(site.command({"--once", "--set", "link.recursive=true"}));
  std::string delivered = all_below(site.path("outbox"));
  CHECK(delivered.find("secret") == std::string::npos);
  for (const char* name : {"plain.txt", "wanted.txt", "0.txt"}) CHECK(exists(site.path("secret/") + name));
  CHECK(list(site.path("secret")).size() == outside + 3);
  CHECK(list(site.path("inbox/folder")).empty());
  CHECK(outside + list(site.path("outbox/folder")).size() == static_cast<std::size_t>(made));
}

TEST_CASE("A file that is a symbolic link, or a FIFO, every other moment gives nothing but itself") {
  for (bool fifo : {false, true}) {
    INFO((fifo ? "FIFO" : "symbolic link"));
    RelaySite site;
    if (!can_swap(site.directory())) return;
    write_file(site.path("secret.txt"), "secret");
    const std::string one = site.path("inbox/a.txt");
    const std::string other = site.path("other");
    int made = 0;
    let_run(site, [&] {
      // The relay may take the file away at any moment.
      for (const std::string& name : {one, other}) std::ignore = unlink(name.c_str());
      REQUIRE((fifo ? mkfifo(one.c_str(), 0600) : symlink(site.path("secret.txt").c_str(), one.c_str())) ==
              0);
      write_file(other, "fine " + std::to_string(++made));
      Swapper swapper(one, other);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    });
    CHECK(made > 5);
    CHECK(read_file(site.path("secret.txt")) == "secret");
    for (const std::string& name : list(site.path("outbox"))) {
      std::string contents = read_file(site.path("outbox/" + name));
      CHECK((name.front() == '.' || contents.starts_with("fine ")));
    }
  }
}

TEST_CASE("A folder of the outbox that is a symbolic link gets nothing, and all when it is none any more") {
  LinkRig rig;
  rig.host.set("recursive", "true");
  std::filesystem::create_directories(rig.inbox("sub"));
  std::filesystem::create_directories(rig.outbox());
  std::filesystem::create_directories(rig.directory / "elsewhere");
  std::filesystem::create_directory_symlink(rig.directory / "elsewhere", rig.outbox("sub"));
  rig.put("sub/a.txt", "a");
  rig.put("b.txt", "b");
  rig.start();
  rig.settle(20'000'000'000);
  CHECK(list(rig.directory / "elsewhere").empty());
  CHECK(read_file(rig.outbox("b")) == "b");
  CHECK_FALSE(rig.events("deferred").empty());
  std::filesystem::remove(rig.outbox("sub"));
  rig.settle(40'000'000'000);
  CHECK(read_file(rig.outbox("sub/a")) == "a");
}

TEST_CASE("An inbox swapped for a symbolic link is not followed, and is read again when it is back") {
  LinkRig rig;
  rig.start();
  rig.settle();
  std::filesystem::create_directory(rig.directory / "secrets");
  write_file(rig.directory / "secrets/s.txt", "secret");
  std::filesystem::rename(rig.directory / "inbox", rig.directory / "away");
  std::filesystem::create_directory_symlink(rig.directory / "secrets", rig.directory / "inbox");
  rig.settle(20'000'000'000);
  CHECK(rig.delivered().empty());
  CHECK(exists(rig.directory / "secrets/s.txt"));
  std::filesystem::remove(rig.directory / "inbox");
  std::filesystem::rename(rig.directory / "away", rig.directory / "inbox");
  rig.put("a.txt", "a");
  rig.settle(20'000'000'000);
  CHECK(rig.delivered() == Names{"a"});
}

TEST_CASE("Names of ours that are taken by links or FIFOs are neither followed nor waited for") {
  LinkRig rig;
  std::filesystem::create_directories(rig.outbox());
  write_file(rig.directory / "victim", "untouched");
  rig.start();
  rig.stop();
  // Where the first temporary files and the results of a.txt are to go.
  for (std::uint64_t id = 1; id <= 6; id += 2)
    for (const std::string& place : {rig.inbox(), rig.outbox()}) {
      std::filesystem::create_symlink(rig.directory / "victim", rig.temporary(place, id));
      REQUIRE(mkfifo(rig.temporary(place, id + 1).c_str(), 0600) == 0);
    }
  std::filesystem::create_symlink(rig.directory / "victim", rig.outbox("a"));
  REQUIRE(mkfifo(rig.outbox("b").c_str(), 0600) == 0);
  std::filesystem::create_directory(rig.outbox("c"));
  for (const char* name : {"a.txt", "b.txt", "c.txt", "d.txt"}) rig.put(name, std::string("from ") + name);
  rig.start();
  rig.settle(5'000'000'000);
  CHECK(read_file(rig.directory / "victim") == "untouched");
  // The next tries have names of their own.
  rig.settle(40'000'000'000);
  for (std::uint64_t id = 1; id <= 6; id += 2)
    CHECK(std::filesystem::is_symlink(std::filesystem::symlink_status(rig.temporary(rig.inbox(), id))));
  CHECK(read_file(rig.outbox("d")) == "from d.txt");
  for (const char* name : {"a.txt", "b.txt", "c.txt"})
    CHECK(all_below(rig.outbox()).find(std::string("from ") + name) != std::string::npos);
  CHECK(std::filesystem::is_symlink(std::filesystem::symlink_status(rig.outbox("a"))));
  CHECK(rig.waiting().empty());
}

}  // namespace
}  // namespace paxect::test

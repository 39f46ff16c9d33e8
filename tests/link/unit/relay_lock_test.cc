#include "records/relay_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

using test::TempDir;

long dead_process() {
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  waitpid(pid, nullptr, 0);
  return pid;
}

TEST_CASE("A lock is held once and gone after its release") {
  TempDir temp;
  std::string stale;
  RelayLock first;
  REQUIRE(first.acquire(temp / "lock", &stale).ok());
  CHECK(stale.empty());
  CHECK(test::read_file(temp / "lock").starts_with(std::to_string(getpid()) + "\n"));
  RelayLock second;
  CHECK(second.acquire(temp / "lock", &stale).fault == Fault::kWait);
  CHECK(RelayLock::holder(temp / "lock") == getpid());
  first.release();
  CHECK_FALSE(test::exists(temp / "lock"));
  CHECK(RelayLock::holder(temp / "lock") == 0);
  CHECK(second.acquire(temp / "lock", &stale).ok());
}

TEST_CASE("A relay whose lock file was removed leaves the one that another has made since") {
  TempDir temp;
  std::string stale;
  RelayLock first;
  REQUIRE(first.acquire(temp / "lock", &stale).ok());
  unlink((temp / "lock").c_str());
  RelayLock second;
  REQUIRE(second.acquire(temp / "lock", &stale).ok());
  first.release();
  CHECK(RelayLock::holder(temp / "lock") == getpid());
  RelayLock third;
  CHECK(third.acquire(temp / "lock", &stale).fault == Fault::kWait);
}

TEST_CASE("A lock of another process is respected while it lives") {
  TempDir temp;
  test::Background holder(
      {.argv = {"flock", "--no-fork", temp / "lock", "sh", "-c", "echo 1 > held; exec sleep 100"},
       .directory = temp.path()});
  REQUIRE(test::eventually([&] { return test::exists(temp / "held"); }));
  RelayLock lock;
  std::string stale;
  CHECK(lock.acquire(temp / "lock", &stale).fault == Fault::kWait);
}

TEST_CASE("A lock file of a dead process is taken over") {
  TempDir temp;
  test::write_file(temp / "lock", std::to_string(dead_process()) + "\n");
  RelayLock lock;
  std::string stale;
  CHECK(lock.acquire(temp / "lock", &stale).ok());
  CHECK_FALSE(stale.empty());
}

TEST_CASE("A process id without an OS lock is respected while that process lives, unless it is our mark") {
  TempDir temp;
  std::string parent = std::to_string(getppid()) + "\n";
  test::write_file(temp / "lock", parent);
  RelayLock lock;
  std::string stale;
  Status status = lock.acquire(temp / "lock", &stale);
  CHECK(status.fault == Fault::kWait);
  CHECK(status.message.find(std::to_string(getppid())) != std::string::npos);
  // One of ours always holds the OS lock while it lives: this id was given to another process since.
  test::write_file(temp / "lock", parent + "paxect link\n");
  CHECK(lock.acquire(temp / "lock", &stale).ok());
}

TEST_CASE("A lock file with anything else in it is taken") {
  TempDir temp;
  test::write_file(temp / "lock", "not a number");
  RelayLock lock;
  std::string stale;
  CHECK(lock.acquire(temp / "lock", &stale).ok());
  CHECK(stale.empty());
}

}  // namespace
}  // namespace paxect::link

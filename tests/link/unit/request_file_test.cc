#include "records/request_file.h"

#include <fcntl.h>
#include <sys/file.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "support/catch.h"
#include "support/file_size_limit.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

using Lines = std::vector<std::string>;

Lines taken(const std::string& path) {
  Lines lines;
  REQUIRE(take_requests(path, &lines).ok());
  return lines;
}

}  // namespace

TEST_CASE("What is asked for is taken until it is done, and what is asked for in between is taken next") {
  test::TempDir temp;
  const std::string path = temp / "lock.resend";
  CHECK(taken(path).empty());
  REQUIRE(finish_requests(path).ok());
  REQUIRE(add_requests(path, "a 1\nb 2\n").ok());
  CHECK(taken(path) == Lines{"a 1", "b 2"});
  REQUIRE(add_requests(path, "c 3\n").ok());
  // As after a crash.
  CHECK(taken(path) == Lines{"a 1", "b 2"});
  REQUIRE(finish_requests(path).ok());
  CHECK(taken(path) == Lines{"c 3"});
  REQUIRE(finish_requests(path).ok());
  CHECK(taken(path).empty());
  CHECK(test::list(temp.path()).empty());
}

TEST_CASE("A part of a line, which a process left that was killed, is none, also before the next one") {
  test::TempDir temp;
  const std::string path = temp / "lock.resend";
  test::write_file(path, "a 1\nb 2");
  const bool is_added = GENERATE(false, true);
  if (is_added) REQUIRE(add_requests(path, "c 3\n").ok());
  CHECK(taken(path) == (is_added ? Lines{"a 1", "c 3"} : Lines{"a 1"}));
}

TEST_CASE("A file without a whole line keeps no later request from being taken") {
  test::TempDir temp;
  const std::string path = temp / "lock.resend";
  const std::string taken_path = path + ".taken";
  SECTION("made and not written") {
    test::write_file(path, "");
    CHECK(taken(path).empty());
  }
  SECTION("and taken") { test::write_file(taken_path, ""); }
  SECTION("a part of a line, taken") { test::write_file(taken_path, "b 2"); }
  REQUIRE(add_requests(path, "a 1\n").ok());
  CHECK(taken(path) == Lines{"a 1"});
  REQUIRE(finish_requests(path).ok());
  CHECK(test::list(temp.path()).empty());
}

TEST_CASE("A request that cannot be written leaves what was there, and no empty file") {
  test::TempDir temp;
  const std::string path = temp / "lock.resend";
  const bool is_there = GENERATE(false, true);
  if (is_there) REQUIRE(add_requests(path, "a 1\n").ok());
  {
    const test::FileSizeLimit full(6);
    CHECK_FALSE(add_requests(path, "b 2222222222\n").ok());
  }
  CHECK(test::list(temp.path()).size() == (is_there ? 1 : 0));
  CHECK(taken(path) == (is_there ? Lines{"a 1"} : Lines{}));
}

TEST_CASE("More than 4 MiB is not taken on, and changes nothing") {
  test::TempDir temp;
  const std::string path = temp / "lock.resend";
  REQUIRE(add_requests(path, "a 1\n").ok());
  const Status status = add_requests(path, std::string(std::size_t{4} << 20, 'x') + "\n");
  CHECK(status.message.find(path + ": more is asked for than fits into 4 MiB: run the relay") == 0);
  CHECK(taken(path) == Lines{"a 1"});
}

TEST_CASE("While a process writes it, the file is not taken") {
  test::TempDir temp;
  const std::string path = temp / "lock.resend";
  REQUIRE(add_requests(path, "a 1\n").ok());
  UniqueFd writer(open(path.c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(flock(writer.get(), LOCK_EX) == 0);
  CHECK(taken(path).empty());
  writer.reset();
  CHECK(taken(path) == Lines{"a 1"});
}

TEST_CASE("What several processes ask for while it is taken is taken once") {
  test::TempDir temp;
  const std::string path = temp / "lock.resend";
  constexpr int kEach = 50;
  std::vector<std::thread> writers;
  std::atomic<int> failed = 0;
  std::atomic<int> running = 3;
  for (int writer = 0; writer < 3; ++writer)
    writers.emplace_back([&, writer] {
      for (int i = 0; i < kEach; ++i) {
        Status status;
        do status = add_requests(path, std::to_string(writer) + " " + std::to_string(i) + "\n");
        while (status.fault == Fault::kWait);  // the others had the lock all the time
        if (!status.ok()) ++failed;
      }
      --running;
    });
  Lines all;
  for (bool is_last = false; !is_last;) {
    is_last = running == 0;
    for (const std::string& line : taken(path)) all.push_back(line);
    REQUIRE(finish_requests(path).ok());
  }
  for (std::thread& each : writers) each.join();
  CHECK(failed == 0);
  CHECK(all.size() == 3 * kEach);
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == 3 * kEach);
}

}  // namespace paxect::link

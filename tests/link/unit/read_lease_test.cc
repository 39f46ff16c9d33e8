#include "base/read_lease.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/completeness.h"
#include "base/move_file.h"
#include "base/removal.h"
#include "support/catch.h"
#include "support/files.h"
#include "support/no_leases.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

using test::TempDir;
using test::write_file;

std::atomic<int> signals{0};

// Somebody who wants to open a file for writing and would rather not wait.
bool can_open_for_writing(const std::string& path) {
  return static_cast<bool>(UniqueFd(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)));
}

struct Rig {
  TempDir temp;
  Directory folder;
  bool works = false;

  Rig() {
    REQUIRE(Directory::open(temp.path(), &folder).ok());
    write_file(temp / "probe", "");
    UniqueFd fd = reader("probe");
    works = take_lease(folder, fd.get()) == Lease::kGranted;
    std::filesystem::remove(temp / "probe");
    if (!works) WARN("skipped: no leases in " << temp.path());
  }
  UniqueFd reader(const std::string& name) const {
    UniqueFd fd;
    FileIdentity identity;
    REQUIRE(folder.open_source(name, &fd, &identity).ok());
    return fd;
  }
};

TEST_CASE("A lease is refused while anybody has the file open for writing, mapped or not") {
  Rig rig;
  if (!rig.works) return;
  write_file(rig.temp / "f", "data");
  UniqueFd fd = rig.reader("f");
  {
    std::ofstream writer(rig.temp / "f", std::ios::app);
    CHECK(take_lease(rig.folder, fd.get()) == Lease::kOpenForWriting);
    CHECK(is_open_for_writing(rig.folder, "f"));
  }
  void* map = MAP_FAILED;
  {
    UniqueFd mapped(open((rig.temp / "f").c_str(), O_RDWR | O_CLOEXEC));
    map = mmap(nullptr, 4, PROT_READ | PROT_WRITE, MAP_SHARED, mapped.get(), 0);
  }
  REQUIRE(map != MAP_FAILED);
  CHECK(take_lease(rig.folder, fd.get()) == Lease::kOpenForWriting);
  REQUIRE(munmap(map, 4) == 0);
  CHECK(take_lease(rig.folder, fd.get()) == Lease::kGranted);
  CHECK_FALSE(is_open_for_writing(rig.folder, "f"));
}

TEST_CASE("Who opens a leased file for writing waits, breaks the lease, and sends no signal") {
  Rig rig;
  if (!rig.works) return;
  for (int signal : {SIGIO, SIGURG}) std::signal(signal, [](int) { ++signals; });
  write_file(rig.temp / "f", "data");
  UniqueFd fd = rig.reader("f");
  REQUIRE(take_lease(rig.folder, fd.get()) == Lease::kGranted);
  CHECK_FALSE(is_lease_broken(fd.get()));
  CHECK_FALSE(can_open_for_writing(rig.temp / "f"));
  CHECK(is_lease_broken(fd.get()));
  fd.reset();
  CHECK(can_open_for_writing(rig.temp / "f"));
  CHECK(signals == 0);
  for (int signal : {SIGIO, SIGURG}) std::signal(signal, SIG_DFL);
}

TEST_CASE("A file that is written to is neither removed nor moved") {
  Rig rig;
  if (!rig.works) return;
  Directory to;
  TempDir elsewhere;
  REQUIRE(Directory::open(elsewhere.path(), &to).ok());
  write_file(rig.temp / "f", "data");
  std::vector<std::string> returned;
  const FileIdentity identity = rig.folder.stat_of("f").identity;
  bool taken = false;
  {
    std::ofstream writer(rig.temp / "f", std::ios::app);
    CHECK(remove_same(rig.folder, "f", identity, &returned).fault == Fault::kOpenForWriting);
    CHECK(move_file(
              rig.folder, "f", identity, to, "f", [] { return false; }, &taken, &returned)
              .fault == Fault::kOpenForWriting);
  }
  CHECK(test::list(rig.temp.path()) == test::Names{"f"});
  CHECK(test::list(elsewhere.path()).empty());
  CHECK(remove_same(rig.folder, "f", identity, &returned).ok());
  CHECK(test::list(rig.temp.path()).empty());
  CHECK(returned.empty());
}

TEST_CASE("A file is judged by who has it open, then by its age on the clock of its file system") {
  Rig rig;
  if (!rig.works) return;
  bool is_written = false;
  constexpr std::uint64_t kHour = 3'600'000'000'000;
  auto judge = [&](std::uint64_t settle_ns, bool written) {
    const Completeness::Events events{.is_written = [&](const std::string&) { return is_written; },
                                      .may_be_open = [](const std::string&) { return true; }};
    Completeness completeness(settle_ns, events);
    return completeness.judge(rig.folder, "f", "f", rig.folder.stat_of("f").identity, written).progress;
  };
  std::ofstream writer(rig.temp / "f");
  CHECK(judge(kHour, false) == Progress::kWritten);
  // Nothing happens to it for longer than the settle time.
  const FileIdentity identity = rig.folder.stat_of("f").identity;
  REQUIRE(test::eventually([&] { return file_system_now(rig.folder) > identity.ctime_ns + 20'000'000; }));
  CHECK(judge(1, false) == Progress::kComplete);
  CHECK(judge(1, true) == Progress::kWritten);
  writer.close();
  CHECK(judge(kHour, false) == Progress::kComplete);
  is_written = true;
  CHECK(judge(kHour, false) == Progress::kWritten);
}

TEST_CASE("A file is removed under the lease it was read with, unless somebody waits to write to it") {
  Rig rig;
  if (!rig.works) return;
  for (const bool is_wanted : {false, true}) {
    write_file(rig.temp / "f", "data");
    const UniqueFd reader = rig.reader("f");
    REQUIRE(take_lease(rig.folder, reader.get()) == Lease::kGranted);
    const FileStat observed = rig.folder.stat_of("f");
    if (is_wanted) REQUIRE_FALSE(can_open_for_writing(rig.temp / "f"));
    std::vector<std::string> returned;
    bool removed = false;
    CHECK(remove_leased(rig.folder, "f", observed, reader.get(), &returned, &removed).ok());
    CHECK(removed == !is_wanted);
    CHECK(test::list(rig.temp.path()) == (is_wanted ? test::Names{"f"} : test::Names{}));
  }
}

TEST_CASE("Another file that has the name is not removed under the lease of the first one") {
  Rig rig;
  if (!rig.works) return;
  write_file(rig.temp / "f", "data");
  const UniqueFd reader = rig.reader("f");
  REQUIRE(take_lease(rig.folder, reader.get()) == Lease::kGranted);
  const FileStat observed = rig.folder.stat_of("f");
  write_file(rig.temp / "g", "other");
  std::filesystem::rename(rig.temp / "g", rig.temp / "f");
  std::vector<std::string> returned;
  bool removed = true;
  CHECK(remove_leased(rig.folder, "f", observed, reader.get(), &returned, &removed).ok());
  CHECK_FALSE(removed);
  CHECK(test::read_file(rig.temp / "f") == "other");
  CHECK(returned == std::vector<std::string>{"f"});
}

TEST_CASE("Without leases, a file that events show to be open waits however old it is") {
  test::NoLeases none;
  Rig rig;
  write_file(rig.temp / "f", "data");
  if (!none.works() || !test::NoLeases::give_away(rig.temp / "f")) return;
  bool may_be_open = true;
  const Completeness::Events events{.is_written = [](const std::string&) { return false; },
                                    .may_be_open = [&](const std::string&) { return may_be_open; }};
  Completeness completeness(1, events);
  const FileIdentity identity = rig.folder.stat_of("f").identity;
  REQUIRE(test::eventually([&] { return file_system_now(rig.folder) > identity.ctime_ns + 20'000'000; }));
  CHECK(completeness.judge(rig.folder, "f", "f", identity, false).progress == Progress::kWritten);
  may_be_open = false;
  CHECK(completeness.judge(rig.folder, "f", "f", identity, false).progress == Progress::kComplete);
}

TEST_CASE("The clock of a file system is that of a file made there") {
  TempDir temp;
  Directory folder;
  REQUIRE(Directory::open(temp.path(), &folder).ok());
  const std::int64_t before = file_system_now(folder);
  write_file(temp / "f", "");
  const std::int64_t made = folder.stat_of("f").identity.ctime_ns;
  CHECK(made >= before);
  CHECK(made - before < 10'000'000'000);
  CHECK(test::list(temp.path()) == test::Names{"f"});
}

}  // namespace
}  // namespace paxect::link

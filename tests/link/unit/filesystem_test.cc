#include "base/filesystem.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/catch.h"
#include "support/files.h"
#include "support/open_watch.h"
#include "support/temp_dir.h"

namespace paxect::link {
namespace {

using test::TempDir;
using test::write_file;

Directory open(const std::string& path) {
  Directory directory;
  REQUIRE(Directory::open(path, &directory).ok());
  return directory;
}

TEST_CASE("A rename never replaces") {
  TempDir temp;
  write_file(temp / "from", "new");
  write_file(temp / "to", "old");
  Directory directory = open(temp.path());
  bool taken = false;
  CHECK_FALSE(directory.rename_new("from", "to", &taken).ok());
  CHECK(taken);
  CHECK(test::read_file(temp / "to") == "old");
  CHECK(directory.rename_new("from", "elsewhere", &taken).ok());
  CHECK_FALSE(taken);
  CHECK(test::list(temp.path()) == std::vector<std::string>{"elsewhere", "to"});
}

TEST_CASE("A source is a regular file, opened without following or waiting") {
  TempDir temp;
  write_file(temp / "file", "data");
  REQUIRE(symlink("file", (temp / "link").c_str()) == 0);
  REQUIRE(mkfifo((temp / "fifo").c_str(), 0600) == 0);
  Directory directory = open(temp.path());
  UniqueFd fd;
  FileIdentity identity;
  CHECK(directory.open_source("file", &fd, &identity).ok());
  CHECK(identity.size == 4);
  CHECK(directory.open_source("link", &fd, &identity).fault == Fault::kChanged);
  CHECK(directory.open_source("fifo", &fd, &identity).fault == Fault::kChanged);
  CHECK(directory.open_source("nothing", &fd, &identity).fault == Fault::kGone);
}

TEST_CASE("A small file is read where it is a regular file, and nothing else is opened") {
  TempDir temp;
  write_file(temp / "file", "data");
  REQUIRE(symlink("file", (temp / "link").c_str()) == 0);
  REQUIRE(symlink("nothing", (temp / "dangling").c_str()) == 0);
  REQUIRE(mkdir((temp / "folder").c_str(), 0700) == 0);
  REQUIRE(mkfifo((temp / "fifo").c_str(), 0600) == 0);
  Directory directory = open(temp.path());
  std::string text;
  CHECK(directory.read_small("file", 4, &text).ok());
  CHECK(text == "data");
  CHECK(directory.read_small("file", 3, &text).fault == Fault::kRefused);
  CHECK(directory.read_small("nothing", 4, &text).fault == Fault::kGone);
  CHECK(read_small_file(temp / "file", 4, &text).ok());
  CHECK(text == "data");
  CHECK(read_small_file(temp / "file", 3, &text).fault == Fault::kRefused);
  CHECK(read_small_file(temp / "nothing", 4, &text).fault == Fault::kGone);
  CHECK(read_small_file(temp / "nowhere/file", 4, &text).fault == Fault::kGone);
  test::OpenWatch file(temp / "file");
  test::OpenWatch fifo(temp / "fifo");
  test::OpenWatch folder(temp / "folder");
  for (const char* name : {"link", "dangling", "fifo", "folder"}) {
    INFO(name);
    CHECK(directory.read_small(name, 4, &text).fault == Fault::kChanged);
    const Status status = read_small_file(temp / name, 4, &text);
    CHECK(status.fault == Fault::kRefused);
    CHECK(status.message.find(temp / name + " is not a regular file") == 0);
  }
  CHECK_FALSE(file.was_opened());
  CHECK_FALSE(fifo.was_opened());
  CHECK_FALSE(folder.was_opened());
}

// Beyond what nanoseconds since 1970 can count in 64 bits: the sanitizers look at that.
TEST_CASE("A time of the 25th century is a time like any other") {
  TempDir temp;
  write_file(temp / "file", "data");
  Directory directory = open(temp.path());
  FileIdentity now = directory.stat_of("file").identity;
  const timespec times[] = {{13'600'000'000, 0}, {13'600'000'000, 0}};
  REQUIRE(utimensat(AT_FDCWD, (temp / "file").c_str(), times, 0) == 0);
  FileStat observed = directory.stat_of("file");
  CHECK(observed.kind == FileKind::kRegular);
  CHECK(observed.identity.mtime_ns != now.mtime_ns);
}

TEST_CASE("A temporary file of a dead writer is replaced, one of a live writer is not") {
  TempDir temp;
  Directory directory = open(temp.path());
  write_file(temp / ".a.part", "left by a crash");
  UniqueFd first;
  REQUIRE(directory.create_temporary(".a.part", &first).ok());
  CHECK(test::read_file(temp / ".a.part").empty());
  UniqueFd second;
  CHECK(directory.create_temporary(".a.part", &second).fault == Fault::kWait);
  first.reset();
  CHECK(directory.create_temporary(".a.part", &second).ok());
}

TEST_CASE("Folders below are reached without symbolic links") {
  TempDir temp;
  Directory directory = open(temp.path());
  Directory below;
  REQUIRE(directory.open_below("a/b", true, &below).ok());
  CHECK(below.path() == temp / "a/b");
  REQUIRE(symlink("a", (temp / "trap").c_str()) == 0);
  CHECK_FALSE(directory.open_below("trap/b", true, &below).ok());
  CHECK(directory.open_below("missing", false, &below).fault == Fault::kGone);
}

TEST_CASE("A directory that was moved away is not in place") {
  TempDir temp;
  REQUIRE(make_directories(temp / "x/y").ok());
  Directory directory = open(temp / "x/y");
  CHECK(directory.is_in_place());
  CHECK_FALSE(directory.is_mount_point());
  REQUIRE(rename((temp / "x/y").c_str(), (temp / "x/z").c_str()) == 0);
  CHECK_FALSE(directory.is_in_place());
  REQUIRE(make_directories(temp / "x/y").ok());
  CHECK_FALSE(directory.is_in_place());
}

TEST_CASE("Replacing a file leaves the new contents and nothing else") {
  TempDir temp;
  CHECK(replace_file(temp / "f", "one").ok());
  CHECK(replace_file(temp / "f", "two").ok());
  CHECK(test::read_file(temp / "f") == "two");
  CHECK(test::list(temp.path()).size() == 1);
}

TEST_CASE("Reading refuses what is too large, or no file") {
  TempDir temp;
  write_file(temp / "f", std::string(100, 'x'));
  std::string text;
  CHECK(read_file(temp / "f", 100, &text).ok());
  CHECK(read_file(temp / "f", 99, &text).fault == Fault::kRefused);
  CHECK(read_file(temp.path(), 99, &text).fault == Fault::kRefused);
  CHECK(read_file(temp / "g", 99, &text).fault == Fault::kGone);
}

}  // namespace
}  // namespace paxect::link

#include "plugin_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

using namespace paxect::host;
using paxect::test::write_file;

namespace {

struct Fixture {
  Fixture() { make("d"); }

  std::string make(const std::string& name, mode_t mode = 0755) const {
    std::string path = root / name;
    REQUIRE(mkdir(path.c_str(), mode) == 0);
    REQUIRE(chmod(path.c_str(), mode) == 0);
    return path;
  }
  std::string module(const std::string& name, mode_t mode = 0644) const {
    std::string path = root / ("d/" + name);
    write_file(path, "content");
    REQUIRE(chmod(path.c_str(), mode) == 0);
    return path;
  }
  Status open(const std::string& name) { return PluginDirectory::open(root / name, &directory); }
  std::string refusal_to_open(const std::string& name) {
    Status status = open(name);
    REQUIRE(status.code() == 78);
    return status.message();
  }
  // The reason why d/NAME.so may not be loaded.
  std::string refusal(const std::string& name) {
    REQUIRE(open("d").ok());
    std::string path;
    Status status = directory.check(name, &path);
    REQUIRE(status.code() == 78);
    return status.message();
  }

  paxect::test::TempDir root;
  PluginDirectory directory;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE_METHOD(Fixture, "A file that only the user can write is accepted") {
  module("good.so");
  REQUIRE(open("d").ok());
  CHECK(directory.path() == root / "d");
  std::string path;
  Status status = directory.check("good", &path);
  INFO(status.message());
  CHECK(status.ok());
  CHECK(path == root / "d/good.so");
}

TEST_CASE_METHOD(Fixture, "A name that is a path or malformed is refused before any file is opened") {
  write_file(root / "outside.so", "content");
  for (const char* name : {"../outside", "/bin/sh", "", ".", "..", "a/b", "Good", "a.b", "-a", "1a"}) {
    CAPTURE(name);
    CHECK(has(refusal(name), "is no plugin name"));
  }
}

TEST_CASE_METHOD(Fixture, "A module that is missing is named") {
  CHECK(refusal("none") == "no plugin 'none': " + (root / "d/none.so") +
                               " does not exist: see paxect plugins, or set plugin = NAME in the section");
}

TEST_CASE_METHOD(Fixture, "A module that others can write is refused") {
  module("group.so", 0664);
  module("world.so", 0646);
  CHECK(refusal("group") == root / "d/group.so" + ": writable by its group: chmod g-w");
  CHECK(refusal("world") == root / "d/world.so" + ": writable by everyone: chmod go-w");
}

TEST_CASE_METHOD(Fixture, "A module of another user is refused") {
  std::string path = module("foreign.so");
  if (chown(path.c_str(), 12345, 12345) != 0) {
    WARN("not root: cannot give a file away");
    return;
  }
  CHECK(has(refusal("foreign"), "owned by user 12345"));
}

TEST_CASE_METHOD(Fixture, "What is not a regular file is refused") {
  module("good.so");
  REQUIRE(symlink("good.so", (root / "d/link.so").c_str()) == 0);
  REQUIRE(symlink("none.so", (root / "d/dangling.so").c_str()) == 0);
  REQUIRE(mkfifo((root / "d/fifo.so").c_str(), 0600) == 0);
  make("d/directory.so");
  CHECK(has(refusal("link"), "a symbolic link"));
  CHECK(has(refusal("dangling"), "a symbolic link"));
  CHECK(refusal("fifo") == root / "d/fifo.so" + ": not a regular file");
  CHECK(refusal("directory") == root / "d/directory.so" + ": not a regular file");
}

TEST_CASE_METHOD(Fixture, "A plugin directory that others can write is refused") {
  make("group", 0775);
  make("world", 0757);
  make("sticky", 01777);
  CHECK(refusal_to_open("group") ==
        "plugin directory " + (root / "group") + " is writable by its group: chmod g-w");
  CHECK(has(refusal_to_open("world"), "is writable by everyone"));
  CHECK(has(refusal_to_open("sticky"), "is writable by everyone"));
}

TEST_CASE_METHOD(
    Fixture,
    "Every directory above it is validated, and only a sticky one of root's may be writable by all") {
  make("loose", 0777);
  make("loose/d");
  CHECK(refusal_to_open("loose/d") == "plugin directory " + (root / "loose/d") + ": " + (root / "loose") +
                                          " is writable by everyone: chmod go-w");
  if (geteuid() == 0) {
    make("tmp", 01777);
    make("tmp/d");
    CHECK(open("tmp/d").ok());
    REQUIRE(chown((root / "tmp").c_str(), 12345, 12345) == 0);
    CHECK(has(refusal_to_open("tmp/d"), "owned by user 12345"));
  }
}

TEST_CASE_METHOD(Fixture, "A plugin directory named by links is validated at their target") {
  REQUIRE(symlink("d", (root / "alias").c_str()) == 0);
  REQUIRE(open("alias").ok());
  CHECK(directory.path() == root / "d");
  make("loose", 0777);
  REQUIRE(symlink("loose", (root / "trap").c_str()) == 0);
  CHECK(has(refusal_to_open("trap"), root / "loose"));
}

TEST_CASE_METHOD(Fixture, "A plugin directory that is missing or no directory is refused") {
  write_file(root / "file", "");
  CHECK(has(refusal_to_open("none"), "No such file or directory"));
  CHECK(has(refusal_to_open("file"), "Not a directory"));
}

TEST_CASE_METHOD(Fixture, "All modules are listed by name in order") {
  for (const char* name : {"b.so", "a.so", "Odd Name.so", "readme.txt", "c.so.1"}) module(name);
  REQUIRE(open("d").ok());
  std::vector<std::string> names;
  REQUIRE(directory.list(&names).ok());
  CHECK(names == std::vector<std::string>{"Odd Name", "a", "b"});
}

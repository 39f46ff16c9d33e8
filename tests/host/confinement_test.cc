#include "confinement.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <thread>

#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"

using namespace paxect::host;
using paxect::test::TempDir;
using paxect::test::write_file;
namespace fs = std::filesystem;

namespace {

// 0, or the errno of opening it.
int try_open(const std::string& path, int flags) {
  int fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

// Confines a thread of its own to these paths and does something in it.
template <typename Work>
void confined(const std::vector<AllowedPath>& paths, Work&& work) {
  std::thread([&] {
    REQUIRE(confine_thread(paths) == 0);
    work();
  }).join();
}

bool is_missing() {
  if (landlock_version() >= 2) return false;
  WARN("not shown: this kernel has no Landlock, or an early one");
  return true;
}

}  // namespace

TEST_CASE("A confined thread keeps the allowed paths with their rights and no others") {
  if (is_missing()) return;
  TempDir temp;
  for (const char* name : {"own", "own/below", "read", "outside"}) fs::create_directory(temp / name);
  for (const char* name : {"own/a", "read/a", "outside/a"}) write_file(temp / name, "a");
  confined({{temp / "own", true, true, false},
            {temp / "read", true, false, false},
            {temp / "gone", true, true, true}},
           [&] {
             CHECK(try_open(temp / "own/a", O_RDWR) == 0);
             CHECK(try_open(temp / "own/new", O_WRONLY | O_CREAT) == 0);
             CHECK(rename((temp / "own/a").c_str(), (temp / "own/below/a").c_str()) == 0);
             CHECK(truncate((temp / "own/below/a").c_str(), 0) == 0);
             CHECK(try_open(temp / "read/a", O_RDONLY) == 0);
             CHECK(try_open(temp / "read/a", O_WRONLY) == EACCES);
             CHECK(try_open(temp / "read/new", O_WRONLY | O_CREAT) == EACCES);
             CHECK(try_open(temp / "outside/a", O_RDONLY) == EACCES);
             CHECK(try_open("/etc/passwd", O_RDONLY) == EACCES);
             CHECK(unlink((temp / "outside/a").c_str()) == -1);
             CHECK(rename((temp / "own/new").c_str(), (temp / "outside/new").c_str()) == -1);
             CHECK(symlink("a", (temp / "own/link").c_str()) == -1);
             std::thread([&] { CHECK(try_open(temp / "outside/a", O_RDONLY) == EACCES); }).join();
           });
  CHECK(try_open(temp / "outside/a", O_RDWR) == 0);  // this thread is not restricted
}

TEST_CASE(
    "A directory that replaces one is reached by a rule for a directory above, and open files stay open") {
  if (is_missing()) return;
  TempDir temp;
  fs::create_directories(temp / "above/inbox");
  fs::create_directories(temp / "alone");
  write_file(temp / "outside", "x");
  int before = open((temp / "outside").c_str(), O_RDONLY | O_CLOEXEC);
  confined({{temp / "above", true, true, false}, {temp / "alone", true, true, false}}, [&] {
    CHECK(rename((temp / "above/inbox").c_str(), (temp / "above/old").c_str()) == 0);
    CHECK(mkdir((temp / "above/inbox").c_str(), 0700) == 0);
    CHECK(try_open(temp / "above/inbox/new", O_WRONLY | O_CREAT) == 0);
    char byte = 0;
    CHECK(read(before, &byte, 1) == 1);
  });
  close(before);
  fs::rename(temp / "alone", temp / "moved");
  fs::create_directory(temp / "alone");
  confined({{temp / "moved", true, true, false}},
           [&] { CHECK(try_open(temp / "alone/new", O_WRONLY | O_CREAT) == EACCES); });
}

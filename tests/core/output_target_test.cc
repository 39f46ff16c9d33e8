// OutputTarget and OutputFile: what exists under an output's name, and so how it is written.
#include "output_target.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"
#include "support/temp_dir.h"
#include "written_files.h"

namespace paxect::core {
namespace {

using test::list;
using test::read_file;
using test::TempDir;
using test::write_file;

TEST_CASE("an open descriptor is written to from where it is, under each of its names") {
  TempDir dir;
  std::string pid = std::to_string(getpid());
  for (int flags : {O_RDWR, O_RDWR | O_APPEND}) {
    for (const char* folder : {"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/"}) {
      write_file(dir / "file", "0123456789");
      Descriptor file(open((dir / "file").c_str(), flags | O_CLOEXEC));
      REQUIRE(lseek(file.get(), 4, SEEK_SET) == 4);
      ino_t inode = stat_of(dir / "file").st_ino;
      CHECK(code_of(std::string(folder) + std::to_string(file.get())) == PAXECT_OK);
      CHECK(read_file(dir / "file") == ((flags & O_APPEND) != 0 ? "0123456789new" : "0123new789"));
      CHECK(stat_of(dir / "file").st_ino == inode);
    }
  }
  write_file(dir / "file", "0123456789");
  Descriptor file(open((dir / "file").c_str(), O_RDWR | O_CLOEXEC));
  std::string number = std::to_string(file.get());
  std::filesystem::create_symlink("/proc/self/fd/" + number, dir / "link");
  CHECK(code_of(dir / "link") == PAXECT_OK);
  CHECK(code_of("/proc/" + pid + "/fd/" + number) == PAXECT_OK);
  CHECK(code_of("/proc/" + pid + "/task/" + pid + "/fd/" + number) == PAXECT_OK);
  CHECK(read_file(dir / "file") == "newnewnew9");
  CHECK(list(dir.path()) == std::vector<std::string>{"file", "link"});
}

TEST_CASE("a descriptor that is closed, or open for reading only, is refused") {
  TempDir dir;
  write_file(dir / "file", "old");
  Descriptor file(open((dir / "file").c_str(), O_RDONLY | O_CLOEXEC));
  std::string name = "/dev/fd/" + std::to_string(file.get());
  CHECK(message_of(name) == "is not open for writing");
  file.close();
  CHECK(message_of(name) == "cannot open: Bad file descriptor");
  CHECK(read_file(dir / "file") == "old");
}

TEST_CASE("a file that another process has open is not replaced by its name in /proc") {
  TempDir dir;
  write_file(dir / "file", "old");
  test::Background other({.argv = {"sh", "-c", "exec sleep 100 3>>\"$0\"", dir / "file"}});
  std::string name = "/proc/" + std::to_string(other.pid()) + "/fd/3";
  std::error_code none_yet;
  REQUIRE(test::eventually([&] { return std::filesystem::read_symlink(name, none_yet) == dir / "file"; }));
  CHECK(message_of(name) == "is a file that another process has open: give the file's own name");
  CHECK(read_file(dir / "file") == "old");
}

TEST_CASE("symbolic links are followed to the file they point to, and are kept") {
  TempDir dir;
  std::filesystem::create_directories(dir / "a/b");
  write_file(dir / "a/real", "old");
  std::filesystem::create_symlink("../real", dir / "a/b/second");
  std::filesystem::create_symlink("a/b/second", dir / "first");
  CHECK(code_of(dir / "first") == PAXECT_OK);
  CHECK(read_file(dir / "a/real") == "new");
  CHECK(std::filesystem::is_symlink(dir / "first"));
  CHECK(std::filesystem::is_symlink(dir / "a/b/second"));
  std::filesystem::create_symlink("nowhere", dir / "dangling");
  CHECK(message_of(dir / "dangling") == "is a symbolic link to nothing: remove it first");
  std::filesystem::create_symlink("loop", dir / "loop");
  CHECK(message_of(dir / "loop") == "cannot open: Too many levels of symbolic links");
  CHECK(list(dir.path()) == std::vector<std::string>{"a", "dangling", "first", "loop"});
}

TEST_CASE("a link of another user in a sticky directory is not followed where the kernel would not") {
  if (!is_root()) return;
  TempDir dir;
  chmod(dir.path().c_str(), 01777);
  write_file(dir / "victim", "old");
  REQUIRE(symlink((dir / "victim").c_str(), (dir / "link").c_str()) == 0);
  REQUIRE(lchown((dir / "link").c_str(), kNobody, kNogroup) == 0);
  if (access((dir / "link").c_str(), F_OK) == 0) {
    WARN("skipped: fs.protected_symlinks is off");
    return;
  }
  CHECK(message_of(dir / "link") == "cannot open: Permission denied");
  CHECK(read_file(dir / "victim") == "old");
}

TEST_CASE("directories and sockets are refused, devices and FIFOs written to and left in place") {
  TempDir dir;
  CHECK(message_of(dir.path()) == "is a directory");
  CHECK(message_of(dir.path() + "/") == "is a directory");
  CHECK(message_of(dir / ".") == "is a directory");
  CHECK(write_output("", "new").status.message == "'': cannot create: No such file or directory");
  sockaddr_un address{AF_UNIX, {}};
  (dir / "socket").copy(address.sun_path, sizeof address.sun_path - 1);
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(message_of(dir / "socket") == "is a socket");
  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  Descriptor reader(open((dir / "fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  CHECK(code_of(dir / "fifo") == PAXECT_OK);
  std::array<char, 10> buffer{};
  CHECK(read(reader.get(), buffer.data(), buffer.size()) == 3);
  CHECK(S_ISFIFO(stat_of(dir / "fifo").st_mode));
  CHECK(code_of("/dev/null") == PAXECT_OK);
  CHECK(S_ISCHR(stat_of("/dev/null").st_mode));
  CHECK(list(dir.path()) == std::vector<std::string>{"fifo", "socket"});
}

TEST_CASE("a file or FIFO that another user put into a sticky directory is no output, not even for root") {
  if (!is_root()) return;
  TempDir dir;
  const std::string refused =
      "belongs to another user, in a sticky directory that others can write to: give the output another name";
  make(dir / "file", 0666, kNobody, kNogroup);
  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  REQUIRE(chown((dir / "fifo").c_str(), kNobody, kNogroup) == 0);
  Descriptor reader(open((dir / "fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  for (mode_t mode : {01777u, 01770u, 01757u}) {
    REQUIRE(chmod(dir.path().c_str(), mode) == 0);
    CHECK(message_of(dir / "file") == refused);
    CHECK(message_of(dir / "fifo") == refused);
    CHECK(read_file(dir / "file") == "old");
  }
  // The directory's owner could replace them anyway.
  REQUIRE(chmod(dir.path().c_str(), 01777) == 0);
  REQUIRE(chown(dir.path().c_str(), kNobody, kNogroup) == 0);
  CHECK(code_of(dir / "file") == PAXECT_OK);
  CHECK(code_of(dir / "fifo") == PAXECT_OK);
  // Nobody but its owner can create files in this one.
  REQUIRE(chown(dir.path().c_str(), 0, 0) == 0);
  REQUIRE(chmod(dir.path().c_str(), 01755) == 0);
  CHECK(code_of(dir / "file") == PAXECT_OK);
  CHECK(stat_of(dir / "file").st_uid == kNobody);
}

TEST_CASE("an output that cannot take its name is refused before the work") {
  if (!is_root()) return;
  TempDir dir;
  chmod(dir.path().c_str(), 01777);
  make(dir / "root", 0666);
  CHECK(as_nobody([&] { return message_of(dir / "root"); }) ==
        "cannot be replaced: it belongs to another user, and its directory is sticky");
  make(dir / "read_only", 0444);
  CHECK(as_nobody([&] { return message_of(dir / "read_only"); }) == "cannot write: Permission denied");
  chmod(dir.path().c_str(), 0755);
  CHECK(as_nobody([&] { return message_of(dir / "new"); }) ==
        "cannot create a file in its directory: Permission denied");

  test::Result mounted =
      test::run({.argv = {"unshare", "-m", "sh", "-c",
                          "mount --bind \"$0\" \"$0\" && \"$1\" encode -i /dev/null -o \"$0\"", dir / "root",
                          PAXECT_TEST_BIN "/paxect-core"}});
  CHECK(mounted.status == 3);
  CHECK(mounted.error.find("cannot be replaced: it is a mount point") != std::string::npos);

  Descriptor file(open((dir / "root").c_str(), O_RDONLY | O_CLOEXEC));
  for (int flag : {FS_APPEND_FL, FS_IMMUTABLE_FL}) {
    if (ioctl(file.get(), FS_IOC_SETFLAGS, &flag) != 0) continue;  // not on this file system
    CHECK(code_of(dir / "root") == PAXECT_ERROR_OPEN);
    int none = 0;
    REQUIRE(ioctl(file.get(), FS_IOC_SETFLAGS, &none) == 0);
  }
  CHECK(read_file(dir / "root") == "old");
  CHECK(list(dir.path()) == std::vector<std::string>{"read_only", "root"});
}

}  // namespace
}  // namespace paxect::core

// OutputFile: what exists under a name, what of it is kept, and what must not be overwritten.
#include "output_file.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>
#include <vector>

#include "input_file.h"
#include "support/catch.h"
#include "support/emulation.h"
#include "support/files.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace paxect::core {
namespace {

using test::list;
using test::read_file;
using test::TempDir;
using test::write_file;

constexpr uid_t kNobody = 65534;
constexpr gid_t kNogroup = 65534;

bool never() { return false; }

struct Written {
  Status status;
  std::string warning;
};

Written write_output(const std::string& path, const std::string& data,
                     const OutputFile::Context& context = {}) {
  OutputFile file;
  Status status = file.open(path, context, &never);
  if (status.ok()) status = file.write(data.data(), data.size(), &never);
  if (status.ok()) status = file.commit(false);
  return {status, file.warning()};
}
paxect_status code_of(const std::string& path, const OutputFile::Context& context = {}) {
  return write_output(path, "new", context).status.code;
}
std::string message_of(const std::string& path) {
  Status status = write_output(path, "new").status;
  return status.ok() ? "" : status.message.substr(path.size() + 2);
}

FileIdentity identity_of(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  auto identity = FileIdentity::of(file.get());
  REQUIRE(identity);
  return *identity;
}
FileAttributes attributes_of(const std::string& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat there {};
  REQUIRE(fstat(file.get(), &there) == 0);
  return {there, file.get()};
}

struct stat stat_of(const std::string& path) {
  struct stat file {};
  INFO(path);
  REQUIRE(stat(path.c_str(), &file) == 0);
  return file;
}
mode_t mode_of(const std::string& path) { return stat_of(path).st_mode & 07777; }

void make(const std::string& path, mode_t mode, uid_t user = geteuid(), gid_t group = getegid()) {
  write_file(path, "old");
  REQUIRE(chown(path.c_str(), user, group) == 0);
  REQUIRE(chmod(path.c_str(), mode) == 0);
}

// Runs in a process of another user; what it returns comes back.
std::string as_nobody(const std::function<std::string()>& work) {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    std::string result = "cannot change the user";
    if (setgroups(0, nullptr) == 0 && setresgid(kNogroup, kNogroup, kNogroup) == 0 &&
        setresuid(kNobody, kNobody, kNobody) == 0)
      result = work();
    [[maybe_unused]] ssize_t ignored = write(ends[1], result.data(), result.size());
    _exit(0);
  }
  close(ends[1]);
  std::string result(4096, '\0');
  ssize_t got = read(ends[0], result.data(), result.size());
  close(ends[0]);
  waitpid(pid, nullptr, 0);
  result.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return result;
}

bool is_root() {
  if (geteuid() == 0) return true;
  WARN("skipped: needs root");
  return false;
}

// ---- What exists under the name

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

TEST_CASE("symbolic links are followed to the file they mean, and stay") {
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
  CHECK(message_of("") == "cannot create: No such file or directory");
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

TEST_CASE("a name that becomes something else while the output is written is not replaced") {
  TempDir dir;
  OutputFile file;
  REQUIRE(file.open(dir / "out", {}, &never).ok());
  REQUIRE(file.write("new", 3, &never).ok());
  REQUIRE(mkfifo((dir / "out").c_str(), 0600) == 0);
  CHECK(file.commit(false).message == (dir / "out") + ": is no regular file any more");
  CHECK(S_ISFIFO(stat_of(dir / "out").st_mode));
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

TEST_CASE("a writable file in a directory that may be searched and written only is flushed all the same") {
  if (!is_root()) return;
  TempDir dir;
  REQUIRE(chown(dir.path().c_str(), kNobody, kNogroup) == 0);
  chmod(dir.path().c_str(), 0300);
  CHECK(as_nobody([&] {
          OutputFile file;
          Status status = file.open(dir / "out", {}, &never);
          return status.ok() ? file.commit(true).message : status.message;
        }).empty());
  CHECK(test::exists(dir / "out"));
}

// ---- Identity

TEST_CASE("an output is no input and no other output, under any name") {
  TempDir dir;
  write_file(dir / "in", "old");
  std::filesystem::create_hard_link(dir / "in", dir / "hard");
  std::filesystem::create_symlink("in", dir / "soft");
  std::vector<FileIdentity> inputs{identity_of(dir / "in")};
  for (const char* name : {"in", "./in", "hard", "soft"})
    CHECK(code_of(dir / name, {.inputs = inputs}) == PAXECT_ERROR_SAME_FILE);
  OutputTarget missing;
  REQUIRE(missing.find(dir / "out").ok());
  std::vector<FileIdentity> outputs{missing.identity()};
  std::filesystem::create_symlink(".", dir / "here");
  for (const char* name : {"out", "./out", "here/out"})
    CHECK(code_of(dir / name, {.outputs = outputs}) == PAXECT_ERROR_SAME_FILE);
  CHECK(code_of(dir / "other", {.inputs = inputs, .outputs = outputs}) == PAXECT_OK);
  CHECK(read_file(dir / "in") == "old");

  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  Descriptor fifo(open((dir / "fifo").c_str(), O_RDWR | O_CLOEXEC));
  std::vector<FileIdentity> pipes{*FileIdentity::of(fifo.get())};
  CHECK(code_of(dir / "fifo", {.outputs = pipes}) == PAXECT_ERROR_SAME_FILE);
  CHECK(code_of(dir / "fifo", {.inputs = pipes}) == PAXECT_OK);  // a socket is both for a network service
}

TEST_CASE("a block device overlaps itself, the file behind it, and what lies on it") {
  if (!is_root()) return;
  TempDir dir;
  write_file(dir / "image", std::string(1 << 20, '\0'));
  test::Result attached = test::run({.argv = {"losetup", "--find", "--show", dir / "image"}});
  if (attached.status != 0) {
    WARN("skipped: no loop device: " << attached.error);
    return;
  }
  std::string device = attached.output.substr(0, attached.output.find('\n'));
  CAPTURE(device);
  std::vector<FileIdentity> image{identity_of(dir / "image")};
  std::vector<FileIdentity> loop{identity_of(device)};
  CHECK(code_of(device, {.inputs = loop}) == PAXECT_ERROR_SAME_FILE);
  CHECK(code_of(device, {.inputs = image}) == PAXECT_ERROR_SAME_FILE);
  CHECK(code_of(dir / "image", {.inputs = loop}) == PAXECT_ERROR_SAME_FILE);
  write_file(dir / "other", "old");
  CHECK(code_of(dir / "other", {.inputs = loop}) == PAXECT_OK);
  CHECK(code_of(device, {.inputs = std::vector{identity_of(dir / "other")}}) == PAXECT_OK);
  CHECK(read_file(device).substr(0, 4) == std::string("new\0", 4));
  CHECK(S_ISBLK(stat_of(device).st_mode));

  // A file on the file system on it.
  std::string script =
      "mkfs.ext4 -q \"$0\" && mount \"$0\" \"$1\" && echo data >\"$1/file\" && "
      "\"$2\" encode -i \"$1/file\" -o \"$0\"; code=$?; \"$2\" encode -i \"$0\" -o \"$1/out\" && code=0; "
      "exit $code";
  std::filesystem::create_directory(dir / "mount");
  test::Result on_it = test::run(
      {.argv = {"unshare", "-m", "sh", "-c", script, device, dir / "mount", PAXECT_TEST_BIN "/paxect-core"}});
  CHECK(on_it.status == 3);
  test::run({.argv = {"losetup", "--detach", device}});
}

// ---- What is kept

TEST_CASE("a replaced file keeps its permissions, without set-id and sticky bits") {
  TempDir dir;
  for (mode_t mode : {0600u, 0640u, 0664u, 0755u}) {
    make(dir / "out", mode | 07000);
    CHECK(write_output(dir / "out", "new").warning.empty());
    CHECK(mode_of(dir / "out") == mode);
  }
}

TEST_CASE("a new file has the permissions that any program gives it") {
  TempDir dir;
  mode_t old = umask(027);
  CHECK(code_of(dir / "a") == PAXECT_OK);
  CHECK(mode_of(dir / "a") == 0640);
  umask(0);
  CHECK(code_of(dir / "b") == PAXECT_OK);
  CHECK(mode_of(dir / "b") == 0666);
  umask(old);
}

TEST_CASE("owner and group of a replaced file are kept where that is possible") {
  if (!is_root()) return;
  TempDir dir;
  make(dir / "out", 04660, kNobody, kNogroup);
  CHECK(write_output(dir / "out", "new").warning.empty());
  CHECK(stat_of(dir / "out").st_uid == kNobody);
  CHECK(stat_of(dir / "out").st_gid == kNogroup);
  CHECK(mode_of(dir / "out") == 0660);
}

TEST_CASE("where owner or group cannot be kept, nobody gains access and the loss is reported") {
  if (!is_root()) return;
  TempDir dir;
  chmod(dir.path().c_str(), 0777);
  struct Case {
    mode_t before;
    gid_t group;
    mode_t after;
    const char* lost;
  };
  for (const Case& one : {Case{0664, kNogroup, 0664, "owner"}, Case{0066, kNogroup, 0000, "owner"},
                          Case{0666, 0, 0666, "owner, group"}, Case{0626, 0, 0622, "owner, group"},
                          Case{0662, 0, 0622, "owner, group"}}) {
    make(dir / "out", one.before, 0, one.group);
    std::string warning = as_nobody([&] {
      Written written = write_output(dir / "out", "new");
      return written.status.message + written.warning;
    });
    CHECK(warning == (dir / "out") + ": could not keep its " + one.lost);
    CHECK(mode_of(dir / "out") == one.after);
    CHECK(read_file(dir / "out") == "new");
  }
}

// An access control list as the kernel takes it: its version, and entries of tag, permissions and id.
std::string acl_value(std::initializer_list<std::array<unsigned, 3>> entries) {
  std::string value("\2\0\0\0", 4);
  for (const auto& [tag, permissions, id] : entries) {
    value += {static_cast<char>(tag), '\0', static_cast<char>(permissions), '\0'};
    for (int shift : {0, 8, 16, 24}) value += static_cast<char>(id >> shift & 255);
  }
  return value;
}
constexpr unsigned kNoId = ~0u;
// A named user may read and write, the group only read.
const std::string kAcl =
    acl_value({{1, 6, kNoId}, {2, 6, 1234}, {4, 4, kNoId}, {16, 6, kNoId}, {32, 0, kNoId}});

std::string xattr_of(const std::string& path, const char* name) {
  std::string value(1000, '\0');
  ssize_t size = getxattr(path.c_str(), name, value.data(), value.size());
  value.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  return value;
}
bool set_xattr(const std::string& path, const char* name, const std::string& value) {
  if (setxattr(path.c_str(), name, value.data(), value.size(), 0) == 0) return true;
  WARN("skipped: no " << name << " here");
  return false;
}

TEST_CASE("access control list and extended attributes of a replaced file are kept, capabilities are not") {
  TempDir dir;
  make(dir / "out", 0640);
  if (!set_xattr(dir / "out", "system.posix_acl_access", kAcl)) return;
  if (!set_xattr(dir / "out", "user.origin", "here")) return;
  std::string capability("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  if (geteuid() == 0) REQUIRE(set_xattr(dir / "out", "security.capability", capability));
  CHECK(write_output(dir / "out", "new").warning.empty());
  CHECK(read_file(dir / "out") == "new");
  CHECK(xattr_of(dir / "out", "system.posix_acl_access") == kAcl);
  CHECK(xattr_of(dir / "out", "user.origin") == "here");
  CHECK(xattr_of(dir / "out", "security.capability").empty());
  CHECK(mode_of(dir / "out") == 0660);
}

TEST_CASE("where an access control list cannot be kept, nobody gains access and the loss is reported") {
  if (!is_root()) return;
  TempDir dir;
  chmod(dir.path().c_str(), 0777);
  make(dir / "out", 0666, 0, kNogroup);
  std::string acl = acl_value(
      {{1, 6, kNoId}, {2, 0, 1234}, {2, 6, kNobody}, {4, 4, kNoId}, {16, 6, kNoId}, {32, 4, kNoId}});
  if (!set_xattr(dir / "out", "system.posix_acl_access", acl)) return;
  CHECK(as_nobody([&] { return write_output(dir / "out", "new").warning; }) ==
        (dir / "out") + ": could not keep its owner, access control list");
  CHECK(xattr_of(dir / "out", "system.posix_acl_access").empty());
  CHECK(mode_of(dir / "out") == 0600);  // user 1234, who could not read it, is one of the others now
}

TEST_CASE("the default access control list of a directory gives nobody access to a replaced file") {
  TempDir dir;
  make(dir / "out", 0640);
  std::string inherited =
      acl_value({{1, 7, kNoId}, {2, 7, 1234}, {4, 7, kNoId}, {16, 7, kNoId}, {32, 0, kNoId}});
  if (!set_xattr(dir.path(), "system.posix_acl_default", inherited)) return;
  CHECK(code_of(dir / "out") == PAXECT_OK);
  CHECK(xattr_of(dir / "out", "system.posix_acl_access").empty());
  CHECK(mode_of(dir / "out") == 0640);
  CHECK(code_of(dir / "new") == PAXECT_OK);
  CHECK(xattr_of(dir / "new", "system.posix_acl_access") ==
        acl_value({{1, 6, kNoId}, {2, 7, 1234}, {4, 7, kNoId}, {16, 6, kNoId}, {32, 0, kNoId}}));
}

TEST_CASE("the input gives its time, and its permissions limit those of the output") {
  TempDir dir;
  make(dir / "in", 04750);
  std::array<timespec, 2> times{{{1, 0}, {1234567890, 123456789}}};
  REQUIRE(utimensat(AT_FDCWD, (dir / "in").c_str(), times.data(), 0) == 0);
  CHECK(write_output(dir / "out", "new", {.attributes_of = attributes_of(dir / "in")}).warning.empty());
  CHECK(mode_of(dir / "out") == 0750);
  CHECK(stat_of(dir / "out").st_mtim.tv_sec == 1234567890);
  CHECK(stat_of(dir / "out").st_mtim.tv_nsec == 123456789);
  for (mode_t mode : {0600u, 0644u, 0777u}) {
    make(dir / "out", mode);
    CHECK(code_of(dir / "out", {.attributes_of = attributes_of(dir / "in")}) == PAXECT_OK);
    CHECK(mode_of(dir / "out") == (mode & 0750));
  }
}

TEST_CASE("an input whose group cannot be taken over gives its group's access to no other group") {
  if (!is_root()) return;
  TempDir dir;
  chmod(dir.path().c_str(), 0777);
  make(dir / "in", 0664, kNobody, 4);
  FileAttributes input = attributes_of(dir / "in");
  CHECK(
      as_nobody([&] { return write_output(dir / "out", "new", {.attributes_of = input}).warning; }).empty());
  CHECK(mode_of(dir / "out") == 0644);
  CHECK(code_of(dir / "root", {.attributes_of = input}) == PAXECT_OK);
  CHECK(mode_of(dir / "root") == 0664);
  CHECK(stat_of(dir / "root").st_gid == 4);
  CHECK(stat_of(dir / "root").st_uid == 0);
}

// ---- Writing

TEST_CASE("until it is complete an output is invisible, and a failure leaves nothing") {
  TempDir dir;
  write_file(dir / "out", "old");
  {
    OutputFile file;
    REQUIRE(file.open(dir / "out", {}, &never).ok());
    REQUIRE(file.write("new", 3, &never).ok());
    CHECK(read_file(dir / "out") == "old");
  }
  CHECK(read_file(dir / "out") == "old");
  CHECK(list(dir.path()) == std::vector<std::string>{"out"});
}

TEST_CASE("without O_TMPFILE, or a way to name such a file, a hidden file of mode 0600 is written") {
  if (test::skip_when_emulated("qemu-user has no seccomp filters")) return;
  std::string script =
      "\"$0\" encode -i fifo -o out & exec 3>fifo; echo data >&3; "
      "until [ \"$(stat -c %a .paxect-*.part 2>/dev/null)\" = 600 ]; do kill -0 $! || exit 1; done; "
      "exec 3>&-; wait $!";
  for (bool no_tmpfile : {true, false}) {
    TempDir dir;
    write_file(dir / "out", "old");
    REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
    test::Command command{.argv = {"sh", "-c", script, PAXECT_TEST_BIN "/paxect-core"},
                          .directory = dir.path()};
    command.no_tmpfile = no_tmpfile;
    if (!no_tmpfile) command.failing = {{SYS_linkat, ENOENT}};
    test::Result result = test::run(command);
    INFO(result.error);
    CHECK(result.status == 0);
    CHECK(read_file(dir / "out").substr(0, 4) == "PXC1");
    CHECK(list(dir.path()) == std::vector<std::string>{"fifo", "out"});
  }
}

TEST_CASE("threads write at offsets, and zeros stay holes") {
  TempDir dir;
  std::string data = test::noise(100'000) + std::string(1'000'000, '\0') + test::noise(100'000);
  data += std::string(300'000, '\0');
  OutputFile file;
  REQUIRE(file.open(dir / "out", {}, &never).ok());
  REQUIRE(file.is_new_file());
  file.set_sparse(true);
  constexpr std::size_t kPart = 250'000;
  std::vector<std::thread> threads;
  for (std::size_t at = 0; at < data.size(); at += kPart)
    threads.emplace_back([&, at] {
      std::size_t size = std::min(kPart, data.size() - at);
      if (!file.write_at(at, data.data() + at, size).ok()) std::abort();
    });
  for (std::thread& thread : threads) thread.join();
  file.set_size(data.size());
  REQUIRE(file.commit(false).ok());
  CHECK(read_file(dir / "out") == data);
  CHECK(stat_of(dir / "out").st_blocks * 512 < 700'000);
}

TEST_CASE("a limit to the size of files is an error, never SIGXFSZ") {
  TempDir dir;
  pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::string data(1001, 'x');
    Status status = write_output(dir / "out", data).status;
    _exit(status.code == PAXECT_ERROR_WRITE && code_of(dir / "small") == PAXECT_OK ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
  CHECK(list(dir.path()) == std::vector<std::string>{"small"});
}

TEST_CASE("a descriptor that does not block is waited for, in both directions") {
  std::array<int, 2> ends{};
  REQUIRE(pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0);
  Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  std::string data = test::noise(1'000'000);
  std::string got;
  std::thread reader([&] {
    InputFile file;
    if (!file.open("/dev/fd/" + std::to_string(read_end.get()), &never).ok()) return;
    std::string buffer(5000, '\0');
    for (std::size_t size = 1; size != 0;) {
      if (!file.read(buffer.data(), buffer.size(), size, &never).ok()) return;
      got.append(buffer, 0, size);
    }
  });
  CHECK(write_output("/dev/fd/" + std::to_string(write_end.get()), data).status.ok());
  write_end.close();
  reader.join();
  CHECK(got == data);
}

}  // namespace
}  // namespace paxect::core

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
#include "written_files.h"

namespace paxect::core {
namespace {

using test::list;
using test::read_file;
using test::TempDir;
using test::write_file;

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

// An output that was opened while `before` existed under its name (or nothing), and is committed while
// `after` does.
Status commit_between(const std::string& path, const std::function<void()>& before,
                      const std::function<void()>& after, const OutputFile::Context& context = {}) {
  std::filesystem::remove(path);
  before();
  OutputFile file;
  Status status = file.open(path, context, &never);
  if (status.ok()) status = file.write("new", 3, &never);
  REQUIRE(status.ok());
  after();
  return file.commit(false);
}

TEST_CASE("a name that becomes something else while the output is written is not replaced") {
  TempDir dir;
  std::string out = dir / "out";
  auto nothing = [] {};
  auto old = [&] { make(out, 0600); };
  for (const auto& before : std::vector<std::function<void()>>{nothing, old}) {
    auto after = [&](const std::function<void()>& create) {
      return commit_between(out, before, [&] {
        std::filesystem::remove(out);
        create();
      });
    };
    std::string refused = out +
                          ": became something other than a regular file during the work: give the output "
                          "another name";
    CHECK(after([&] { REQUIRE(mkfifo(out.c_str(), 0600) == 0); }).message == refused);
    CHECK(S_ISFIFO(stat_of(out).st_mode));
    CHECK(after([&] { std::filesystem::create_symlink("victim", out); }).message == refused);
    CHECK(std::filesystem::is_symlink(out));
    CHECK(after([&] { std::filesystem::create_directory(out); }).message == refused);
    CHECK(std::filesystem::is_directory(out));
  }
  CHECK(list(dir.path()) == std::vector<std::string>{"out"});
}

TEST_CASE("a regular file that appears while the output is written is replaced as one that existed before") {
  TempDir dir;
  std::string out = dir / "out";
  CHECK(commit_between(
            out, [] {}, [&] { make(out, 0640); })
            .ok());
  CHECK(read_file(out) == "new");
  CHECK(mode_of(out) == 0640);

  // The input under the output's name.
  write_file(dir / "in", "input");
  std::vector<FileIdentity> inputs{identity_of(dir / "in")};
  auto rename_input = [&] { std::filesystem::rename(dir / "in", out); };
  CHECK(commit_between(out, [] {}, rename_input, {.inputs = inputs}).code == PAXECT_ERROR_SAME_FILE);
  CHECK(read_file(out) == "input");
  std::filesystem::rename(out, dir / "in");
  CHECK(commit_between(out, [&] { make(out, 0640); }, rename_input, {.inputs = inputs}).code ==
        PAXECT_ERROR_SAME_FILE);
  CHECK(read_file(out) == "input");
}

TEST_CASE("an output whose name leads elsewhere when it is complete is a failure, and changes nothing") {
  TempDir dir;
  std::filesystem::create_directory(dir / "out");
  std::filesystem::create_directory(dir / "other");
  std::string message =
      ": its directory was moved, replaced or removed during the work: give the output again";
  auto committed = [&](const std::string& path, const std::function<void()>& before_commit) {
    OutputFile file;
    Status status = file.open(path, {}, &never);
    if (status.ok()) status = file.write("new", 3, &never);
    REQUIRE(status.ok());
    before_commit();
    return file.commit(false);
  };
  write_file(dir / "out/file", "old");

  Status moved = committed(dir / "out/file", [&] { std::filesystem::rename(dir / "out", dir / "moved"); });
  CHECK(moved.code == PAXECT_ERROR_WRITE);
  CHECK(moved.message == (dir / "out/file") + message);
  CHECK(read_file(dir / "moved/file") == "old");
  CHECK(list(dir / "moved") == std::vector<std::string>{"file"});

  Status replaced = committed(dir / "moved/new", [&] {
    std::filesystem::rename(dir / "moved", dir / "out");
    std::filesystem::create_directory(dir / "moved");
  });
  CHECK(replaced.message == (dir / "moved/new") + message);
  CHECK(list(dir / "out") == std::vector<std::string>{"file"});

  std::filesystem::create_directory_symlink("out", dir / "link");
  auto switch_link = [&] {
    std::filesystem::remove(dir / "link");
    std::filesystem::create_directory_symlink("other", dir / "link");
  };
  CHECK(committed(dir / "link/new", switch_link).message == (dir / "link/new") + message);
  CHECK(list(dir / "out") == std::vector<std::string>{"file"});

  // A directory that is moved and back, and one that is moved while it is the working directory, are the
  // same.
  CHECK(committed(dir / "out/new", [&] {
          std::filesystem::rename(dir / "out", dir / "aside");
          std::filesystem::rename(dir / "aside", dir / "out");
        }).ok());
  CHECK(read_file(dir / "out/new") == "new");
  Descriptor here(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(chdir((dir / "out").c_str()) == 0);
  CHECK(committed("relative", [&] { std::filesystem::rename(dir / "out", dir / "aside"); }).ok());
  REQUIRE(fchdir(here.get()) == 0);
  CHECK(read_file(dir / "aside/relative") == "new");
}

TEST_CASE("a file that is gone when the output is complete gives it nothing") {
  TempDir dir;
  std::string out = dir / "out";
  mode_t old = umask(022);
  uid_t owner = geteuid() == 0 ? kNobody : geteuid();
  CHECK(commit_between(
            out, [&] { make(out, 0600, owner); }, [&] { std::filesystem::remove(out); })
            .ok());
  umask(old);
  CHECK(stat_of(out).st_uid == geteuid());
  CHECK(mode_of(out) == 0644);
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

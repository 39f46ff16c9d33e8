// OutputFile: how an output is written, and how it gets its name.
#include "output_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

// ---- Completion

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

TEST_CASE("a file of another user that appears while the output is written does not get its data") {
  if (!is_root()) return;
  TempDir dir;
  std::string out = dir / "out";
  std::string in = dir / "in";
  make(in, 0600);
  OutputFile::Context context{.attributes_of = {attributes_of(in)}};
  auto by_nobody = [&] {
    std::filesystem::remove(out);
    make(out, 0600, kNobody, kNogroup);
  };
  for (mode_t mode : {0700u, 0777u, 01777u}) {
    REQUIRE(chmod(dir.path().c_str(), mode) == 0);
    for (const auto& before : std::vector<std::function<void()>>{[] {}, [&] { make(out, 0600); }}) {
      Status status = commit_between(out, before, by_nobody, context);
      CHECK(status.code == PAXECT_ERROR_WRITE);
      CHECK(status.message ==
            out + ": was created by another user during the work: give the output another name");
      CHECK(read_file(out) == "old");
      CHECK(list(dir.path()) == std::vector<std::string>{"in", "out"});
    }
  }
  // The owner of the output may replace it himself in the meantime.
  REQUIRE(chmod(dir.path().c_str(), 0777) == 0);
  CHECK(commit_between(out, by_nobody, by_nobody, context).ok());
  CHECK(stat_of(out).st_uid == kNobody);
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
  CHECK(committed("elsewhere", [&] { REQUIRE(chdir("/") == 0); }).ok());
  REQUIRE(fchdir(here.get()) == 0);
  CHECK(read_file(dir / "aside/relative") == "new");
  CHECK(read_file(dir / "aside/elsewhere") == "new");
}

TEST_CASE("a file that was removed before the output is complete passes nothing on to it") {
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

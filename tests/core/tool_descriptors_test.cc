// paxect-core with standard descriptors in every state, and with little of the system around it.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "codec.h"
#include "support/catch.h"
#include "support/emulation.h"
#include "support/files.h"
#include "support/sanitizer.h"
#include "support/temp_dir.h"
#include "tool.h"

namespace paxect::test {
namespace {

// Where the library of the command is, which the loader finds by /proc otherwise.
const std::string kLibraries = "LD_LIBRARY_PATH=" PAXECT_TEST_BIN "/../lib";

// Runs a shell script in `dir` with the command as $T.
Result script(const TempDir& dir, const std::string& text, const std::string& input = {}) {
  return run({.argv = {"sh", "-c", text},
              .environment = {std::string("T=") + kTool},
              .input = input,
              .directory = dir.path()});
}

bool is_root() {
  if (geteuid() == 0) return true;
  WARN("skipped: needs root");
  return false;
}

TEST_CASE("with descriptors closed, no message or progress gets into a file") {
  if (skip_when_emulated("qemu-user opens files of its own as descriptors 0 to 2")) return;
  TempDir dir;
  std::string data = text(100'000);
  write_file(dir / "in", data);
  write_file(dir / "container", encode(data));
  for (const std::string closed : {"<&-", ">&-", "2>&-", "<&- >&- 2>&-"}) {
    INFO(closed);
    CHECK(script(dir, "$T encode --progress -i in -o out " + closed).status == 0);
    CHECK(read_file(dir / "out") == encode(data));
    CHECK(script(dir, "$T decode --progress -i container -o back " + closed).status == 0);
    CHECK(read_file(dir / "back") == data);
  }
  CHECK(script(dir, "$T decode --progress <container 2>&-").output == data);
}

TEST_CASE("reading from closed standard input and writing to closed standard output are errors") {
  if (skip_when_emulated("qemu-user opens files of its own as descriptors 0 to 2")) return;
  TempDir dir;
  write_file(dir / "in", text(1000));
  write_file(dir / "container", encode(text(1000)));
  Result input = script(dir, "$T encode -o out <&-");
  CHECK(input.status == 3);
  CHECK(input.error == "paxect-core: standard input: is not open for reading\n");
  for (const std::string command : {"encode -i in", "decode -i container", "salvage container -o -"}) {
    Result output = script(dir, "$T " + command + " >&-");
    CHECK(output.status == 3);
    CHECK(output.error == "paxect-core: standard output: is not open for writing\n");
  }
  Result info = script(dir, "$T info container >&-");
  CHECK(info.status == 3);
  CHECK(info.error == "paxect-core: standard output: cannot write: Bad file descriptor\n");
  CHECK(script(dir, "$T info container >/dev/full").error ==
        "paxect-core: standard output: cannot write: No space left on device\n");
  CHECK(list(dir.path()) == std::vector<std::string>{"container", "in"});
}

TEST_CASE("standard output is appended to under each of its names, and never replaced") {
  TempDir dir;
  std::string data = text(100'000);
  write_file(dir / "in", data);
  for (const std::string name : {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}) {
    INFO(name);
    write_file(dir / "log", "first");
    CHECK(script(dir, "$T encode -i in -o " + name + " >>log").status == 0);
    CHECK(read_file(dir / "log") == "first" + encode(data));
    write_file(dir / "log", "");
    Result piped = script(dir, "$T encode -i in --json -o " + name);
    CHECK(piped.output == encode(data));
    CHECK(piped.error.find("\"command\":\"encode\"") != std::string::npos);
  }
}

TEST_CASE("an output is refused when it would replace the file that the summary is printed to") {
  TempDir dir;
  write_file(dir / "in", text(1000));
  write_file(dir / "container", encode(text(1000)));
  std::filesystem::create_symlink("printed", dir / "link");
  for (const std::string command :
       {"encode -i in -o printed", "decode -i container -o link",
        "decode -i container -o printed --range 0:10", "salvage container -o ./printed",
        "repair container -o printed", "salvage container -o data --report printed"}) {
    INFO(command);
    Result result = script(dir, "$T " + command + " --json >printed");
    CHECK(result.status == 3);
    CHECK(one_line(result.error));
    CHECK(result.error.find(
              "is standard output, which the summary is printed to: give the output another name") !=
          std::string::npos);
    CHECK(read_file(dir / "printed").find("PAXECT_ERROR_SAME_FILE") != std::string::npos);
    CHECK_FALSE(exists(dir / "data"));
  }
  // Without a summary there is nothing to lose.
  CHECK(script(dir, "$T decode -i container -o printed >printed").status == 0);
  CHECK(read_file(dir / "printed") == text(1000));
}

TEST_CASE("standard input is read from where it is under each of its names") {
  TempDir dir;
  write_file(dir / "in", "head\nbody\n");
  for (const std::string name : {"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
    CHECK(script(dir, "{ read -r line; $T encode -i " + name + "; } <in").output == encode("body\n"));
}

TEST_CASE("descriptors that do not block are waited for") {
  if (skip_when_emulated("/proc/PID/syscall shows the emulator's system calls")) return;
  TempDir dir;
  std::string data = noise(1'000'000);
  write_file(dir / "in", data);
  write_file(dir / "container", encode(data, {{PAXECT_PARAM_FRAME_SIZE, 1000}}));
  // O_NONBLOCK belongs to the pipe, so the command inherits what the interpreter sets. The other end starts
  // when the command, whose process ID is in a file, waits in poll.
  std::string nonblock =
      "python3 -c 'import os; os.set_blocking(FD, False)' && echo $PPID >/dev/null; sh -c 'echo $PPID' >pid; "
      "exec ";
  std::string poll =
      "{ until grep -qs '^" + std::to_string(kPoll) + " ' /proc/$(cat pid 2>&-)/syscall; do :; done; ";
  auto with = [&](const std::string& fd) {
    std::filesystem::remove(dir / "pid");
    return std::string(nonblock).replace(nonblock.find("FD"), 2, fd);
  };
  CHECK(script(dir, poll + "cat in; } | (" + with("0") + "$T encode)").output == encode(data));
  CHECK(script(dir, "(" + with("1") + "$T encode -i in) | " + poll + "cat; }").output == encode(data));
  Result frames = script(dir, "(" + with("1") + "$T info --frames container) | " + poll + "wc -l; }");
  CHECK(frames.error.empty());
  CHECK(std::stoi(frames.output) > 1000);
}

TEST_CASE("a limit to the size of files is status 3, and leaves what was there") {
  TempDir dir;
  write_file(dir / "in", noise(100'000));
  write_file(dir / "zeros", encode(std::string(1'000'000, '\0')));
  write_file(dir / "out", "old");
  for (const std::string command : {"encode -i in -o out", "encode -i in >>out", "decode -i zeros -o out"}) {
    Result result = script(dir, "ulimit -f 20; $T " + command);
    CHECK(result.status == 3);
    CHECK(result.error.find(": cannot write: File too large\n") != std::string::npos);
    CHECK(read_file(dir / "out").substr(0, 3) == "old");
  }
  CHECK(list(dir.path()) == std::vector<std::string>{"in", "out", "zeros"});
}

TEST_CASE("a disk quota that runs out is status 3, and leaves what was there") {
  if (!is_root()) return;
  TempDir dir;
  write_file(dir / "in", noise(3'000'000));
  write_file(dir / "container", encode(noise(3'000'000)));
  std::string quota =
      "truncate -s 128M image && mkfs.btrfs -qf image >log && mkdir disk && mount -o loop image disk && "
      "btrfs "
      "quota "
      "enable disk && btrfs -q subvolume create disk/user && btrfs qgroup limit 1M disk/user && printf old "
      ">disk/user/out || exit 99; ";
  std::string work = "$T $C -o disk/user/out; echo $? $(ls -A disk/user) $(cat disk/user/out)";
  for (const std::string command :
       {"encode -i in", "encode --sync -i in", "decode -i container", "salvage container"}) {
    INFO(command);
    Result result = run({.argv = {"unshare", "-m", "--propagation", "private", "sh", "-c", quota + work},
                         .environment = {std::string("T=") + kTool, "C=" + command},
                         .directory = dir.path()});
    if (result.status == 99) {
      WARN("skipped: needs btrfs and a loop device: " << result.error);
      return;
    }
    CHECK(result.output == "3 out old\n");
    CHECK(result.error.find(": Disk quota exceeded\n") != std::string::npos);
    std::filesystem::remove_all(dir / "disk");
  }
}

TEST_CASE("commands work without /proc") {
  if (skip_when_emulated("qemu-user needs /proc")) return;
  if (skip_when_sanitized("its run-time reads /proc")) return;
  if (!is_root()) return;
  TempDir dir;
  std::string data = text(100'000);
  write_file(dir / "in", data);
  write_file(dir / "out", "old");
  std::string commands =
      "mount -t tmpfs none /proc && $T encode -i in -o out && $T decode -i out -o back && $T encode -i in -o "
      "/dev/stdout >>log && $T encode -i /dev/stdin <in >piped";
  for (bool no_tmpfile : {false, true}) {
    Command command{.argv = {"unshare", "-m", "sh", "-c", commands},
                    .environment = {std::string("T=") + kTool, kLibraries},
                    .directory = dir.path()};
    command.no_tmpfile = no_tmpfile;
    Result result = run(command);
    INFO(result.error);
    CHECK(result.status == 0);
    for (const char* name : {"out", "log", "piped"}) CHECK(read_file(dir / name) == encode(data));
    CHECK(read_file(dir / "back") == data);
    std::filesystem::remove(dir / "log");
  }
  CHECK(list(dir.path()) == std::vector<std::string>{"back", "in", "out", "piped"});
}

TEST_CASE("an ordinary user without /proc gets the same file") {
  if (skip_when_emulated("qemu-user needs /proc")) return;
  if (skip_when_sanitized("its run-time reads /proc")) return;
  if (!is_root()) return;
  TempDir dir;
  write_file(dir / "in", "data");
  REQUIRE(chown(dir.path().c_str(), 65534, 65534) == 0);
  Result result = run({.argv = {"unshare", "-m", "sh", "-c",
                                "mount -t tmpfs none /proc && exec setpriv --reuid 65534 --regid 65534 "
                                "--clear-groups \"$T\" encode -i in -o out"},
                       .environment = {std::string("T=") + kTool, kLibraries},
                       .directory = dir.path()});
  INFO(result.error);
  CHECK(result.status == 0);
  CHECK(read_file(dir / "out") == encode("data"));
  CHECK(list(dir.path()) == std::vector<std::string>{"in", "out"});
}

TEST_CASE("without /proc the command finds its library only where the environment names it") {
  if (skip_when_emulated("qemu-user needs /proc")) return;
  if (skip_when_sanitized("its run-time reads /proc")) return;
  if (!is_root()) return;
  auto version = [](std::vector<std::string> environment) {
    environment.push_back(std::string("T=") + kTool);
    return run({.argv = {"unshare", "-m", "sh", "-c", "mount -t tmpfs none /proc && exec \"$T\" --version"},
                .environment = environment});
  };
  CHECK(version({kLibraries}).status == 0);
  Result alone = version({"LD_LIBRARY_PATH"});
  CHECK(alone.status == 127);
  CHECK(alone.error.find("libpaxect_core.so") != std::string::npos);
}

TEST_CASE("commands work in a working directory that was removed") {
  TempDir dir;
  write_file(dir / "in", "data");
  CHECK(script(dir, "mkdir gone && cd gone && rmdir ../gone && $T encode -i " + (dir / "in") + " -o " +
                        (dir / "out") + " && $T test " + (dir / "out"))
            .status == 0);
  CHECK(read_file(dir / "out") == encode("data"));
  if (skip_when_emulated("the shell that starts the emulator reports the removed directory")) return;
  Result relative = script(dir, "mkdir gone && cd gone && rmdir ../gone && $T encode -i /dev/null -o out");
  CHECK(relative.status == 3);
  CHECK(one_line(relative.error));
}

TEST_CASE("an ordinary user who may have no further process gets the same file") {
  if (skip_when_emulated("qemu-user starts threads of its own")) return;
  if (skip_when_sanitized("its run-time starts a thread")) return;
  if (!is_root()) return;
  TempDir dir;
  std::string data = text(3'000'000);
  write_file(dir / "in", data);
  REQUIRE(chown(dir.path().c_str(), 65534, 65534) == 0);
  // The limit counts the threads of all processes of the user.
  Result result =
      script(dir,
             "setpriv --reuid 65534 --regid 65534 --clear-groups prlimit --nproc=1 \"$T\" encode "
             "--threads 8 -i in -o out && setpriv --reuid 65534 --regid 65534 --clear-groups prlimit "
             "--nproc=1 \"$T\" decode --threads 8 -i out -o back");
  INFO(result.error);
  CHECK(result.status == 0);
  CHECK(read_file(dir / "out") == encode(data));
  CHECK(read_file(dir / "back") == data);
}

TEST_CASE("mode and time of the input are those of the output, unless that is turned off") {
  TempDir dir;
  write_file(dir / "in", "data");
  chmod((dir / "in").c_str(), 0751);
  CHECK(script(dir,
               "umask 022; touch -d 2001-02-03 in; $T encode -i in -o c && $T decode -i c -o back; "
               "$T encode --no-attributes -i in -o plain; $T encode <in >redirected; "
               "$T decode -o unnamed <c; stat -c '%n %a' c back plain redirected unnamed; "
               "find . -newermt 2001-02-04 | sort")
            .output ==
        "c 751\nback 751\nplain 644\nredirected 644\nunnamed 644\n.\n./plain\n./redirected\n./unnamed\n");
}

TEST_CASE("a range and a salvage are no more open than each container they come from") {
  TempDir dir;
  write_file(dir / "in", "data");
  CHECK(script(dir,
               "umask 022; $T encode -i in -o a; cp a b; chmod 640 a; chmod 604 b; touch -d 2001-02-03 a; "
               "$T decode --range 0:2 -i a -o range; $T salvage a -o one; $T salvage a b -o both; "
               "$T decode --range 0:2 -o redirected <a; "
               "$T decode --no-attributes --range 0:2 -i a -o plain_range; "
               "$T salvage --no-attributes a -o plain; "
               "echo old >replaced; chmod 664 replaced; $T salvage a -o replaced; "
               "stat -c '%n %a' range one both redirected plain_range plain replaced; "
               "find . -type f ! -newermt 2001-02-04 | sort")
            .output ==
        "range 640\none 640\nboth 600\nredirected 644\nplain_range 644\nplain 644\nreplaced 640\n"
        "./a\n./both\n./one\n./range\n./replaced\n");
}

TEST_CASE("a repaired container is no more open than each damaged copy, and has the time of the first") {
  TempDir dir;
  write_file(dir / "in", std::string(200'000, 'x'));
  CHECK(script(dir,
               "umask 022; $T encode --protect 50 -i in -o a; printf xx | dd of=a bs=1 seek=30 conv=notrunc "
               "status=none; "
               "cp a b; chmod 640 a; chmod 604 b; touch -d 2001-02-03 a; "
               "$T repair -q a -o one; $T repair -q a b -o both; $T repair -q --no-attributes a -o plain; "
               "echo old >replaced; chmod 664 replaced; $T repair -q a -o replaced; "
               "stat -c '%n %a' a one both plain replaced; find . -type f ! -newermt 2001-02-04 | sort")
            .output == "a 640\none 640\nboth 600\nplain 644\nreplaced 640\n./a\n./both\n./one\n./replaced\n");
}

TEST_CASE("what could not be kept of a replaced file is reported, with status 0") {
  if (!is_root()) return;
  TempDir dir;
  write_file(dir / "in", "data");
  write_file(dir / "out", "old");
  REQUIRE(chown((dir / "out").c_str(), 0, 65534) == 0);
  chmod((dir / "out").c_str(), 0664);
  chmod(dir.path().c_str(), 0777);
  std::string command = "setpriv --reuid 65534 --regid 65534 --clear-groups \"$T\" encode -i in -o out";
  Result result = script(dir, command);
  CHECK(result.status == 0);
  CHECK(result.error == "paxect-core: out: could not keep its owner\n");
}

TEST_CASE("salvage writes its report as it writes its output") {
  TempDir dir;
  write_file(dir / "in", encode("data"));
  std::filesystem::create_symlink("real", dir / "link");
  write_file(dir / "real", "old");
  CHECK(script(dir, "$T salvage in -o out --report link").status == 0);
  CHECK(std::filesystem::is_symlink(dir / "link"));
  CHECK(read_file(dir / "real").starts_with("{\"command\":\"salvage\""));
  CHECK(script(dir, "$T salvage in -o out --report /dev/null").status == 0);
  CHECK(std::filesystem::is_character_file("/dev/null"));
  CHECK(script(dir, "$T salvage in -o out --report /dev/stdout")
            .output.starts_with("{\"command\":\"salvage\""));
  std::filesystem::remove(dir / "out");
  for (const std::string files : {"-o out --report ./out", "-o - --report /dev/stdout", "-o - --report -",
                                  "-o out --report in", "-o ./in", "-o out --report ."}) {
    INFO(files);
    Result refused = script(dir, "$T salvage in " + files + " | cat; exit $?");
    CHECK(refused.output.empty());
    CHECK(one_line(refused.error));
  }
  CHECK(read_file(dir / "in") == encode("data"));
  CHECK(list(dir.path()) == std::vector<std::string>{"in", "link", "real"});
}

}  // namespace
}  // namespace paxect::test

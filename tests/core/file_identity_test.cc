// FileIdentity and OutputFile: an output must be none of the inputs and no other output, under any name.
#include "file_identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

using test::read_file;
using test::TempDir;
using test::write_file;

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

// ---- One file under two inode numbers

// Two files with the same contents and times, as one file has that is seen through two mounts. The clock of a
// file system has steps of some milliseconds, in which both are usually written. False where it has finer
// ones.
bool make_twins(const std::string& one, const std::string& other, const std::string& data,
                const std::string& other_data) {
  for (int i = 0; i < 2000; ++i) {
    write_file(one, data);
    write_file(other, other_data);
    struct stat a = stat_of(one);
    struct stat b = stat_of(other);
    auto same = [](const timespec& x, const timespec& y) {
      return x.tv_sec == y.tv_sec && x.tv_nsec == y.tv_nsec;
    };
    if (same(a.st_mtim, b.st_mtim) && same(a.st_ctim, b.st_ctim)) return true;
  }
  WARN("skipped: no two files get the same times here");
  return false;
}

TEST_CASE("a file with the size, times and contents of the input is not replaced") {
  TempDir dir;
  std::string in = dir / "in";
  std::string out = dir / "out";
  auto replace = [&] {
    Descriptor input(open(in.c_str(), O_RDONLY | O_CLOEXEC));
    std::vector<FileIdentity> inputs{*FileIdentity::of(input.get())};
    return write_output(out, "new", {.inputs = inputs}).status;
  };
  std::string data = test::noise(70'000);
  if (!make_twins(in, out, data, data)) return;
  CHECK(replace().code == PAXECT_ERROR_SAME_FILE);
  CHECK(replace().message == out +
                                 ": seems to be the input file under another name, since size, times and "
                                 "contents are equal: give the output another name");
  CHECK((read_file(out) == data));

  // These outputs are not the input, and are replaced.
  std::string changed = data;
  changed.back() ^= 1;
  if (!make_twins(in, out, data, changed)) return;
  CHECK(replace().ok());
  if (!make_twins(in, out, data, data + "x")) return;
  CHECK(replace().ok());
  if (!make_twins(in, out, "", "")) return;
  CHECK(replace().ok());
  if (!make_twins(in, out, data, data)) return;
  chmod(out.c_str(), 0600);  // sets the time of the last change
  CHECK(replace().ok());
}

// Runs a script in a mount namespace of its own: it mounts something and sets `input` and `output`, two names
// of one file in it.
void check_alias(const std::string& mount) {
  TempDir dir;
  std::string script = "mkdir real alias; tool=$0; trap 'umount alias; $after' EXIT; " + mount +
                       "\n[ -s \"$output\" ] || exit 99; cp \"$input\" before; "
                       "\"$tool\" encode -i \"$input\" -o \"$output\"; status=$?; "
                       "cmp \"$input\" before || status=1; exit $status";
  test::Result result = test::run({.argv = {"unshare", "-m", "--propagation", "private", "sh", "-c", script,
                                            PAXECT_TEST_BIN "/paxect-core"},
                                   .directory = dir.path()});
  if (result.status == 99) {
    WARN("skipped: cannot be mounted here: " << result.error);
    return;
  }
  CHECK(result.status == 3);
  CHECK(result.error.find("seems to be the input file under another name") != std::string::npos);
}

TEST_CASE("an input that has another inode number under the output's name is not replaced") {
  if (!is_root()) return;
  SECTION("a directory that is mounted a second time by bindfs") {
    check_alias("echo data >real/in; bindfs real alias; input=real/in; output=alias/in");
  }
  SECTION("a layer of overlayfs") {
    check_alias(
        "mkdir up work; echo data >real/in; mount -t overlay overlay -o "
        "lowerdir=real,upperdir=up,workdir=work "
        "alias; input=alias/in; output=real/in");
  }
  SECTION("exFAT in user space, in another case of the name") {
    check_alias(
        "truncate -s 8M image; mkfs.exfat image >/dev/null && device=$(losetup --find --show image) && "
        "after=\"losetup --detach $device\" && mount.exfat-fuse $device alias >/dev/null && echo data "
        ">alias/in; "
        "input=alias/in; output=alias/IN");
  }
}

}  // namespace
}  // namespace paxect::core

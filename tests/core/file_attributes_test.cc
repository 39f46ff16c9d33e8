// The attributes that a new file gets from its input and from the file that it replaces.
#include "file_attributes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "support/catch.h"
#include "support/files.h"
#include "support/temp_dir.h"
#include "written_files.h"

namespace paxect::core {
namespace {

using test::read_file;
using test::TempDir;

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
  CHECK(write_output(dir / "out", "new", {.attributes_of = {attributes_of(dir / "in")}}).warning.empty());
  CHECK(mode_of(dir / "out") == 0750);
  CHECK(stat_of(dir / "out").st_mtim.tv_sec == 1234567890);
  CHECK(stat_of(dir / "out").st_mtim.tv_nsec == 123456789);
  for (mode_t mode : {0600u, 0644u, 0777u}) {
    make(dir / "out", mode);
    CHECK(code_of(dir / "out", {.attributes_of = {attributes_of(dir / "in")}}) == PAXECT_OK);
    CHECK(mode_of(dir / "out") == (mode & 0750));
  }
}

TEST_CASE("an input whose group cannot be taken over gives its group's access to no other group") {
  if (!is_root()) return;
  TempDir dir;
  chmod(dir.path().c_str(), 0777);
  make(dir / "in", 0664, kNobody, 4);
  FileAttributes input = attributes_of(dir / "in");
  CHECK(as_nobody([&] {
          return write_output(dir / "out", "new", {.attributes_of = {input}}).warning;
        }).empty());
  CHECK(mode_of(dir / "out") == 0644);
  CHECK(code_of(dir / "root", {.attributes_of = {input}}) == PAXECT_OK);
  CHECK(mode_of(dir / "root") == 0664);
  CHECK(stat_of(dir / "root").st_gid == 4);
  CHECK(stat_of(dir / "root").st_uid == 0);
}

// The permissions that a file's access control list gives a named user; -1: it does not name that user.
int access_of(const std::string& path, unsigned user) {
  std::string acl = xattr_of(path, "system.posix_acl_access");
  unsigned mask = 7;
  int found = -1;
  for (std::size_t at = 4; at + 8 <= acl.size(); at += 8) {
    unsigned id = 0;
    for (std::size_t byte = 8; byte-- > 4;) id = id << 8 | static_cast<unsigned char>(acl[at + byte]);
    if (acl[at] == 16) mask = static_cast<unsigned char>(acl[at + 2]);
    if (acl[at] == 2 && id == user) found = static_cast<unsigned char>(acl[at + 2]);
  }
  return found < 0 ? found : static_cast<int>(static_cast<unsigned>(found) & mask);
}

TEST_CASE("a kept access control list gives nobody more than the input gives him") {
  TempDir dir;
  struct Case {
    mode_t input;
    int named;    // what the named user has afterwards
    mode_t mode;  // with the mask in the bits of the group
  };
  for (const Case& one : {Case{0640, 0, 0640}, Case{0644, 4, 0640}, Case{0666, 6, 0660}, Case{0604, 0, 0600},
                          Case{0046, 0, 0040}}) {
    INFO(std::oct << one.input);
    make(dir / "out", 0640);
    if (!set_xattr(dir / "out", "system.posix_acl_access", kAcl)) return;
    make(dir / "in", one.input);
    CHECK(write_output(dir / "out", "new", {.attributes_of = {attributes_of(dir / "in")}}).warning.empty());
    CHECK(access_of(dir / "out", 1234) == one.named);
    CHECK(mode_of(dir / "out") == one.mode);
  }
}

TEST_CASE("an input with the same access control list leaves it as it is") {
  TempDir dir;
  for (const char* name : {"in", "out"}) {
    make(dir / name, 0640);
    if (!set_xattr(dir / name, "system.posix_acl_access", kAcl)) return;
  }
  CHECK(write_output(dir / "out", "new", {.attributes_of = {attributes_of(dir / "in")}}).warning.empty());
  CHECK(xattr_of(dir / "out", "system.posix_acl_access") == kAcl);
  CHECK(code_of(dir / "copy", {.attributes_of = {attributes_of(dir / "in")}}) == PAXECT_OK);
  CHECK(xattr_of(dir / "copy", "system.posix_acl_access") == kAcl);
}

TEST_CASE("the owner of an input has no more access to the output of another user than before") {
  if (!is_root()) return;
  TempDir dir;
  make(dir / "in", 0066, kNobody, 0);
  if (!set_xattr(dir / "in", "system.posix_acl_access",
                 acl_value({{1, 0, kNoId}, {2, 6, 1234}, {4, 6, kNoId}, {16, 6, kNoId}, {32, 6, kNoId}})))
    return;
  CHECK(code_of(dir / "out", {.attributes_of = {attributes_of(dir / "in")}}) == PAXECT_OK);
  CHECK(stat_of(dir / "out").st_uid == 0);
  CHECK(mode_of(dir / "out") == 0);
}

}  // namespace
}  // namespace paxect::core

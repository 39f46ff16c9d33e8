#include "environment.h"

#include <cerrno>

#include "support/catch.h"
#include "support/temp_dir.h"

namespace paxect::carrier {
namespace {

TEST_CASE("What may work again is not the fault of a setting") {
  for (const int error : {EIO, ENOSPC, EDQUOT, EROFS, EMFILE, ENFILE, ENOMEM, ESTALE, EREMOTEIO}) {
    INFO(error);
    CHECK(is_environment(Status::system("cannot write x", error)));
  }
  for (const int error : {ENOENT, ENOTDIR, EACCES, EPERM, ELOOP, EISDIR}) {
    INFO(error);
    CHECK_FALSE(is_environment(Status::system("cannot open x", error)));
  }
  CHECK_FALSE(is_environment(Status::failure("mode must be send or receive")));
  CHECK_FALSE(is_environment(Status::success()));
}

TEST_CASE("What is reserved for root is no room for others") {
  struct statvfs info {};
  info.f_blocks = 100;
  info.f_bfree = info.f_bavail = 10;
  info.f_files = 50;
  info.f_ffree = info.f_favail = 5;
  CHECK(has_room(info, false));
  info.f_bavail = 0;
  CHECK_FALSE(has_room(info, false));
  CHECK(has_room(info, true));
  info.f_bfree = 0;
  CHECK_FALSE(has_room(info, true));
  info.f_bfree = info.f_bavail = 10;
  info.f_favail = 0;
  CHECK_FALSE(has_room(info, false));
  CHECK(has_room(info, true));
  info.f_ffree = 0;
  CHECK_FALSE(has_room(info, true));
}

TEST_CASE("A file system that counts no blocks or inodes has room") {
  struct statvfs info {};
  CHECK(has_room(info, false));
  info.f_blocks = 100;
  info.f_bavail = 1;
  CHECK(has_room(info, false));
  CHECK(check_room("/proc").ok());
}

TEST_CASE("The room is that of the file system of a path") {
  const test::TempDir place;
  CHECK(check_room(place / ".").ok());
  CHECK(check_room(place / "missing").error() == ENOENT);
}

}  // namespace
}  // namespace paxect::carrier

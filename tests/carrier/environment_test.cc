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

TEST_CASE("A file system without a free block has no room") {
  const test::TempDir place;
  CHECK(check_room(place / ".").ok());
  const Status full = check_room("/proc");
  CHECK(full.error() == ENOSPC);
  CHECK(full.message() == "cannot write to /proc: No space left on device");
  CHECK(check_room(place / "missing").error() == ENOENT);
}

}  // namespace
}  // namespace paxect::carrier

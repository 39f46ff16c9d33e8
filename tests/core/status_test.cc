#include "status.h"

#include <cerrno>
#include <new>
#include <stdexcept>

#include "support/catch.h"

namespace paxect::core {
namespace {

template <class Exception>
Status status_of(const Exception& exception) {
  try {
    throw exception;
  } catch (...) {
    return caught();
  }
}

TEST_CASE("an exception becomes MEMORY when memory ran out and INTERNAL otherwise") {
  CHECK(status_of(std::bad_alloc()).code == PAXECT_ERROR_MEMORY);
  CHECK(status_of(std::runtime_error("broken")).code == PAXECT_ERROR_INTERNAL);
  CHECK(status_of(std::runtime_error("broken")).message == "internal error: broken");
  CHECK(status_of(1).code == PAXECT_ERROR_INTERNAL);
}

TEST_CASE("a failure always has a text") {
  CHECK(std::string(text_of({})).empty());
  CHECK(std::string(text_of(failure(PAXECT_ERROR_CRC, "differs"))) == "differs");
  CHECK(std::string(text_of({PAXECT_ERROR_MEMORY, 0, 0, {}})) == "out of memory");
  CHECK(std::string(text_of({PAXECT_ERROR_INTERNAL, 0, 0, {}})) == "internal error");
  CHECK(std::string(text_of({PAXECT_ERROR_CRC, 0, 0, {}})) == "PAXECT_ERROR_CRC");
}

TEST_CASE("a system call that finds no memory fails with MEMORY") {
  CHECK(system_failure(PAXECT_ERROR_OPEN, "file", "cannot open", ENOENT).code == PAXECT_ERROR_OPEN);
  CHECK(system_failure(PAXECT_ERROR_OPEN, "file", "cannot open", ENOMEM).code == PAXECT_ERROR_MEMORY);
}

}  // namespace
}  // namespace paxect::core

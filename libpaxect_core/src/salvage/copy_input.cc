#include "salvage/copy_input.h"

#include <unistd.h>

#include <cerrno>

namespace paxect::core {
namespace {

Status size_of(int fd, const struct stat& identity, std::uint64_t& size) {
  if (S_ISREG(identity.st_mode)) {
    size = static_cast<std::uint64_t>(identity.st_size);
    return {};
  }
  off_t here = lseek(fd, 0, SEEK_CUR);
  off_t end = here < 0 ? -1 : lseek(fd, 0, SEEK_END);
  if (end < 0 || lseek(fd, here, SEEK_SET) < 0)
    return failure(PAXECT_ERROR_READ, "is not a file that can be read at any offset: copy it to one first");
  size = static_cast<std::uint64_t>(end);
  return {};
}

}  // namespace

Status open_copy(int fd, const std::string& name, std::size_t earlier, CopyInput& out) {
  if (earlier == kMaxCopies)
    return failure(PAXECT_ERROR_ARGUMENT,
                   "more than " + std::to_string(kMaxCopies) + " copies: give those that are damaged least");
  CopyInput input;
  input.fd = fd;
  input.name = name;
  if (fstat(fd, &input.identity) != 0) return system_failure(PAXECT_ERROR_READ, name, "cannot read", errno);
  if (S_ISDIR(input.identity.st_mode)) return failure(PAXECT_ERROR_READ, name + ": is a directory");
  Status status = size_of(fd, input.identity, input.size);
  if (!status.ok()) status.message = name + ": " + status.message;
  if (status.ok()) out = input;
  return status;
}

}  // namespace paxect::core

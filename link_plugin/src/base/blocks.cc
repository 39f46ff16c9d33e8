#include "base/blocks.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/digest.h"
#include "base/filesystem.h"

namespace paxect::link {
namespace {

constexpr std::size_t kBlock = std::size_t{256} << 10;

}  // namespace

Status each_block(int fd, const std::string& path, std::uint64_t size, const Stop& stop,
                  const TakeBlock& take) {
  std::vector<char> buffer(std::min<std::uint64_t>(kBlock, size));
  for (std::uint64_t offset = 0; offset < size;) {
    if (stop()) return Status::stopped();
    auto capacity = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size - offset));
    ssize_t got = pread(fd, buffer.data(), capacity, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_failure("read", path, errno);
    if (got == 0) break;
    offset += static_cast<std::uint64_t>(got);
    if (Status status = take(buffer.data(), static_cast<std::size_t>(got)); !status.ok()) return status;
  }
  return Status::success();
}

Status measure(int fd, const std::string& path, const Stop& stop, std::uint64_t* size, std::string* digest) {
  Sha256 sha;
  *size = 0;
  Status status =
      each_block(fd, path, stat_fd(fd).identity.size, stop, [&](const void* data, std::size_t got) {
        sha.update(data, got);
        *size += got;
        return Status::success();
      });
  const Status hashed = sha.finish(digest);
  return status.ok() ? hashed : status;
}

Status digest_of(const Directory& directory, const std::string& name, const Stop& stop, std::string* digest) {
  UniqueFd fd;
  FileIdentity identity;
  std::uint64_t size = 0;
  if (Status status = directory.open_source(name, &fd, &identity); !status.ok()) return status;
  return measure(fd.get(), directory.path_of(name), stop, &size, digest);
}

}  // namespace paxect::link

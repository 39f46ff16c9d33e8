#include "records/request_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <thread>
#include <tuple>
#include <utility>

#include "base/filesystem.h"

namespace paxect::link {
namespace {

constexpr std::size_t kMaxFile = std::size_t{4} << 20;
constexpr unsigned kTries = 500;
constexpr std::chrono::milliseconds kPause(10);

std::string taken_of(const std::string& path) { return path + ".taken"; }

// A process that was killed may have left a part of a line at the end.
std::string_view whole_lines(std::string_view text) {
  const std::size_t end = text.rfind('\n');
  return end == std::string_view::npos ? std::string_view{} : text.substr(0, end + 1);
}

// The file that has the name, opened and locked: it is renamed and extended with the lock held alone. Where a
// file system has no locks, one process at a time has to do. `*out` is empty where there is no file and none
// is made, or where another process has the lock after `tries`; `*is_busy` says which.
Status lock_file(const std::string& path, int flags, unsigned tries, UniqueFd* out, bool* is_busy) {
  for (*is_busy = false; tries > 0; --tries) {
    UniqueFd fd(open(path.c_str(), O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, kOwnFileMode));
    if (!fd)
      return errno == ENOENT && (flags & O_CREAT) == 0 ? Status::success() : io_failure("open", path, errno);
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      *is_busy = true;
      if (tries > 1) std::this_thread::sleep_for(kPause);
      continue;
    }
    struct stat opened {};
    struct stat named {};
    if (fstat(fd.get(), &opened) != 0) return io_failure("stat", path, errno);
    // Otherwise it was taken in between.
    if (stat(path.c_str(), &named) != 0 || named.st_ino != opened.st_ino || named.st_dev != opened.st_dev)
      continue;
    *is_busy = false;
    *out = std::move(fd);
    return Status::success();
  }
  return Status::success();
}

}  // namespace

Status add_requests(const std::string& path, std::string_view lines) {
  UniqueFd fd;
  bool is_busy = false;
  Status status = lock_file(path, O_RDWR | O_CREAT, kTries, &fd, &is_busy);
  if (status.ok() && !fd) return Status::wait(path + " is locked by another process: try again");
  std::string text;
  if (status.ok()) status = read_small_file(path, kMaxFile, &text);
  if (!status.ok()) return status;
  const std::size_t size = whole_lines(text).size();
  if (lines.size() > kMaxFile - size)
    return Status::invalid(path +
                           ": more is asked for than fits into 4 MiB: run the relay, which removes the "
                           "file when it has done what is in it");
  const auto end = static_cast<off_t>(size);
  if (ftruncate(fd.get(), end) != 0 || lseek(fd.get(), end, SEEK_SET) != end)
    return io_failure("write", path, errno);
  status = write_all(fd.get(), lines.data(), lines.size(), path);
  if (status.ok()) status = sync_file(fd.get(), path);
  if (status.ok()) return sync_names_beside(path);
  // With the lock, so that nobody else has added anything.
  std::ignore = end == 0 ? unlink(path.c_str()) : ftruncate(fd.get(), end);
  return status;
}

Status take_requests(const std::string& path, std::vector<std::string>* lines) {
  lines->clear();
  std::string text;
  Status status = read_small_file(taken_of(path), kMaxFile, &text);
  bool is_taken = status.fault != Fault::kGone;
  // Of a process that was killed before it had written a line.
  if (status.ok() && whole_lines(text).empty()) {
    is_taken = false;
    status = finish_requests(path);
    if (!status.ok()) return status;
  }
  if (!is_taken) {
    UniqueFd fd;
    bool is_busy = false;  // then it is taken next time
    status = lock_file(path, O_RDONLY, 1, &fd, &is_busy);
    if (!status.ok() || !fd) return status;
    if (rename(path.c_str(), taken_of(path).c_str()) != 0) return io_failure("rename", path, errno);
    fd.reset();
    status = sync_names_beside(path);
    if (status.ok()) status = read_small_file(taken_of(path), kMaxFile, &text);
  }
  if (!status.ok()) return status;
  for (std::string_view rest = whole_lines(text); !rest.empty();) {
    const std::size_t end = rest.find('\n');
    lines->emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  return status;
}

Status finish_requests(const std::string& path) {
  const std::string taken = taken_of(path);
  return unlink(taken.c_str()) == 0 || errno == ENOENT ? Status::success()
                                                       : io_failure("remove", taken, errno);
}

}  // namespace paxect::link

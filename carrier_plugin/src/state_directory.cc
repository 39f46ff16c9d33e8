#include "state_directory.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>

namespace paxect::carrier {
namespace {

constexpr std::size_t kTokenBytes = 8;
constexpr int kLockAttempts = 10;
constexpr useconds_t kLockPauseUs = 20'000;

bool is_token(const std::string& text) {
  return text.size() == 2 * kTokenBytes && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Status write_durably(const std::string& path, const std::string& contents) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return Status::system("cannot create " + path);
  for (std::size_t done = 0; done < contents.size();) {
    const ssize_t size = write(fd.get(), contents.data() + done, contents.size() - done);
    if (size < 0) return Status::system("cannot write " + path);
    done += static_cast<std::size_t>(size);
  }
  return fsync(fd.get()) == 0 ? Status::success() : Status::system("cannot flush " + path);
}

}  // namespace

std::string random_token() {
  std::array<unsigned char, kTokenBytes> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::array<char, 2 * kTokenBytes + 1> text{};
  sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  return text.data();
}

std::string parent_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status sync_directory(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return Status::system("cannot open " + path);
  return fsync(fd.get()) == 0 ? Status::success() : Status::system("cannot flush " + path);
}

Status make_directories(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) == 0) {
    return S_ISDIR(info.st_mode) ? Status::success() : Status::failure(path + " is not a directory");
  }
  const std::string parent = parent_path(path);
  if (parent != path)
    if (Status status = make_directories(parent); !status.ok()) return status;
  if (mkdir(path.c_str(), 0750) != 0 && errno != EEXIST) return Status::system("cannot create " + path);
  return sync_directory(parent);
}

Status replace_file(const std::string& path, const std::string& contents) {
  const std::string temporary = path + ".part";
  if (Status status = write_durably(temporary, contents); !status.ok()) return status;
  if (rename(temporary.c_str(), path.c_str()) != 0) return Status::system("cannot rename " + temporary);
  return sync_directory(parent_path(path));
}

Status read_file(const std::string& path, std::size_t limit, std::string* out, bool* missing) {
  *missing = false;
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd.valid()) {
    *missing = errno == ENOENT;
    return *missing ? Status::success() : Status::system("cannot open " + path);
  }
  out->clear();
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t size = read(fd.get(), buffer.data(), buffer.size());
    if (size < 0) return Status::system("cannot read " + path);
    if (size == 0) return Status::success();
    out->append(buffer.data(), static_cast<std::size_t>(size));
    if (out->size() > limit)
      return Status::failure(path + " has more than " + std::to_string(limit) + " bytes");
  }
}

Status StateDirectory::open(const Settings& settings, bool* busy) {
  *busy = false;
  path_ = settings.state;
  if (Status status = make_directories(path_); !status.ok()) return status;
  lock_ = UniqueFd(::open(settings.lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
  if (!lock_.valid()) return Status::system("cannot open the lock " + settings.lock);
  // Who may read the report may see whether the instance runs, whatever the umask of the service is.
  fchmod(lock_.get(), 0640);
  // A command that looks whether an instance runs holds the lock for a moment.
  bool is_locked = flock(lock_.get(), LOCK_EX | LOCK_NB) == 0;
  for (int attempt = 0; !is_locked && errno == EWOULDBLOCK && attempt < kLockAttempts; ++attempt) {
    usleep(kLockPauseUs);
    is_locked = flock(lock_.get(), LOCK_EX | LOCK_NB) == 0;
  }
  if (!is_locked) {
    *busy = errno == EWOULDBLOCK;
    return *busy ? Status::failure("another process holds the lock " + settings.lock)
                 : Status::system("cannot lock " + settings.lock);
  }
  return read_token();
}

Status StateDirectory::read_token() {
  std::string text;
  bool missing = false;
  if (Status status = read_file(path("id"), 64, &text, &missing); !status.ok()) return status;
  while (text.ends_with('\n')) text.pop_back();
  if (!missing && !is_token(text))
    return Status::failure(path("id") +
                           " is damaged: it must be 16 hexadecimal digits; remove it for a new identity");
  token_ = missing ? random_token() : text;
  return missing ? replace_file(path("id"), token_ + "\n") : Status::success();
}

Status find_running(const Settings& settings, bool* running) {
  *running = false;
  const UniqueFd fd(::open(settings.lock.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid())
    return errno == ENOENT ? Status::success() : Status::system("cannot open the lock " + settings.lock);
  *running = flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  return Status::success();
}

}  // namespace paxect::carrier

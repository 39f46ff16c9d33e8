#include "temporary_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace paxect::core {
namespace {

constexpr int kNameAttempts = 100;
constexpr std::string_view kHiddenPrefix = ".paxect-";
constexpr std::string_view kHiddenSuffix = ".part";
constexpr int kMaxDescriptor = 1024;  // how far remove_own_hidden_files searches

std::string hidden_name(int attempt) {
  std::uint64_t random = 0;
  if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
    random = static_cast<std::uint64_t>(getpid()) << 32;
  random += static_cast<std::uint64_t>(attempt);
  std::array<char, 40> name;
  std::snprintf(name.data(), name.size(), "%s%016llx%s", kHiddenPrefix.data(),
                static_cast<unsigned long long>(random), kHiddenSuffix.data());
  return name.data();
}

bool is_hidden_name(std::string_view name) {
  return name.size() == kHiddenPrefix.size() + 16 + kHiddenSuffix.size() && name.starts_with(kHiddenPrefix) &&
         name.ends_with(kHiddenSuffix);
}

// Calls `attempt` with one hidden name after the other until it does not report EEXIST. 0 and the name, or
// the errno value.
template <class Attempt>
int with_hidden_name(std::string& name, Attempt attempt) {
  for (int i = 0; i < kNameAttempts; ++i) {
    name = hidden_name(i);
    int error = attempt(name);
    if (error == 0) return 0;
    if (error != EEXIST || i + 1 == kNameAttempts) {
      name.clear();
      return error;
    }
  }
  return EEXIST;
}

int create_exclusively(int directory, const std::string& name, mode_t mode, Descriptor& out) {
  out = open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  return out.valid() ? 0 : errno;
}

// Whether it can be a temporary file of ours: we open all our files close-on-exec, which no inherited
// descriptor is, and temporary files for writing only. An input may have any name.
bool may_be_temporary(int fd) noexcept {
  const int flags = fcntl(fd, F_GETFD);
  return flags >= 0 && (flags & FD_CLOEXEC) != 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
}

}  // namespace

int TemporaryFile::create(int directory) {
  directory_ = directory;
  file_ = open_at(directory_, ".", O_TMPFILE | O_WRONLY, 0600);
  if (file_.valid() && can_be_named()) return 0;
  return create_hidden();
}

int TemporaryFile::create_hidden() {
  return with_hidden_name(hidden_name_, [this](const std::string& name) {
    return create_exclusively(directory_, name, 0600, file_);
  });
}

// A link from a file without a name goes by /proc, or needs a privilege. Its source is looked up before its
// target, so the attempt to link to a name that always exists shows whether that works.
bool TemporaryFile::can_be_named() const { return link_to(".") == EEXIST; }

int TemporaryFile::link_to(const std::string& name) const {
  std::string self = "/proc/self/fd/" + std::to_string(file_.get());
  if (linkat(AT_FDCWD, self.c_str(), directory_, name.c_str(), AT_SYMLINK_FOLLOW) == 0) return 0;
  if (errno != ENOENT) return errno;
  return linkat(file_.get(), "", directory_, name.c_str(), AT_EMPTY_PATH) == 0 ? 0 : errno;
}

int TemporaryFile::link_hidden() {
  return with_hidden_name(hidden_name_, [this](const std::string& name) { return link_to(name); });
}

// What the umask, or the default access control list of the directory, leaves of 0666 can be seen at a file
// only.
int TemporaryFile::find_usual_mode(mode_t& mode) {
  struct stat file {};
  Descriptor sample;
  std::string name;
  if (hidden_name_.empty()) {
    sample = open_at(directory_, ".", O_TMPFILE | O_WRONLY, 0666);
    if (!sample.valid()) return errno;
  } else {
    int error = with_hidden_name(name, [&](const std::string& candidate) {
      return create_exclusively(directory_, candidate, 0666, sample);
    });
    if (error != 0) return error;
  }
  int error = fstat(sample.get(), &file) == 0 ? 0 : errno;
  if (!name.empty()) unlinkat(directory_, name.c_str(), 0);
  mode = file.st_mode & 0777;
  return error;
}

int TemporaryFile::flush() const {
  Descriptor second(fcntl(file_.get(), F_DUPFD_CLOEXEC, file_.get()));
  return second.close();
}

int TemporaryFile::move_to(const std::string& name, bool replace) {
  if (int error = flush()) return error;
  if (hidden_name_.empty()) {
    int error = replace ? link_hidden() : link_to(name);
    if (error != 0 || !replace) return error;
  }
  if (!replace) return rename_to_free(name);
  if (renameat(directory_, hidden_name_.c_str(), directory_, name.c_str()) != 0) return errno;
  hidden_name_.clear();
  return 0;
}

// File systems without RENAME_NOREPLACE, such as NFS, have hard links, which do not replace anything either.
// Where neither exists, as in some FUSE file systems, another process has a moment to create the name.
int TemporaryFile::rename_to_free(const std::string& name) {
  int error = renameat2(directory_, hidden_name_.c_str(), directory_, name.c_str(), RENAME_NOREPLACE) == 0
                  ? 0
                  : errno;
  if (error == EINVAL || error == ENOSYS) {
    if (linkat(directory_, hidden_name_.c_str(), directory_, name.c_str(), 0) == 0) {
      discard();
      return 0;
    }
    struct stat file {};
    if (errno == EEXIST || fstatat(directory_, name.c_str(), &file, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
    error = renameat(directory_, hidden_name_.c_str(), directory_, name.c_str()) == 0 ? 0 : errno;
  }
  if (error == 0) hidden_name_.clear();
  return error;
}

void TemporaryFile::discard() {
  if (!hidden_name_.empty()) unlinkat(directory_, hidden_name_.c_str(), 0);
  hidden_name_.clear();
}

// Calls only what a signal handler may call: no snprintf, no std::string.
void remove_own_hidden_files() noexcept {
  static constexpr std::string_view kFolder = "/proc/self/fd/";
  std::array<char, 32> link{};
  std::copy(kFolder.begin(), kFolder.end(), link.begin());
  for (int fd = 0; fd < kMaxDescriptor; ++fd) {
    if (!may_be_temporary(fd)) continue;
    *std::to_chars(link.data() + kFolder.size(), link.data() + link.size() - 1, fd).ptr = '\0';
    std::array<char, PATH_MAX> path;
    ssize_t size = readlink(link.data(), path.data(), path.size() - 1);
    if (size <= 0) continue;
    path[static_cast<std::size_t>(size)] = '\0';
    std::string_view text(path.data(), static_cast<std::size_t>(size));
    if (is_hidden_name(text.substr(text.rfind('/') + 1))) unlink(path.data());
  }
}

}  // namespace paxect::core

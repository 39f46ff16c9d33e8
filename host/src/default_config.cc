#include "default_config.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <string>
#include <utility>

#include "file_trust.h"
#include "resources.h"

namespace paxect::host {
namespace {

// As many as the kernel follows.
constexpr unsigned kMaxLinks = 40;

Status failure(int error) { return open_error(kDefaultConfig, error); }

// `fault` begins with a verb.
Status distrust(const std::string& fault) {
  const std::string name = kDefaultConfig;
  return config_error(name + " " + fault +
                      ": it names programs to run, so it is read only when you name it: -c ./" + name);
}

// Walks from the working directory to the file, one component at a time. Validates the owner of a link by the
// descriptor that the target is read from: the link cannot be replaced between the two.
class Walk {
 public:
  // *out is not valid when ./paxect.conf does not exist.
  Status open_file(UniqueFd* out) {
    for (;;) {
      take_component();
      const int flags = is_last_ ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH;
      UniqueFd fd(openat(at(), component_.c_str(), flags | O_NOFOLLOW | O_CLOEXEC));
      if (!fd.valid() && errno == ENOENT) return missing();
      if (!fd.valid() && errno != ELOOP) return failure(errno);
      struct stat file {};
      if (fd.valid() && fstat(fd.get(), &file) != 0) return failure(errno);
      if (!fd.valid() || S_ISLNK(file.st_mode)) {
        Status status = follow();
        if (!status.ok()) return status;
      } else if (is_last_) {
        *out = std::move(fd);
        return {};
      } else {
        directory_ = std::move(fd);
      }
    }
  }

 private:
  int at() const { return directory_.valid() ? directory_.get() : AT_FDCWD; }

  // Moves the first component of rest_ to component_.
  void take_component() {
    std::size_t end = rest_.find('/');
    is_last_ = end == std::string::npos;
    component_ = end == 0 ? "/" : rest_.substr(0, end);
    if (is_last_) return;
    rest_.erase(0, rest_.find_first_not_of('/', end));
    if (rest_.empty()) rest_ = ".";  // a slash at the end
  }

  // Replaces component_, which is a symbolic link, by its target.
  Status follow() {
    if (++links_ > kMaxLinks) return failure(ELOOP);
    UniqueFd link(openat(at(), component_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat file {};
    if (!link.valid() || fstat(link.get(), &file) != 0) return failure(errno);
    std::string target = component_;  // another file may have replaced the link in the meantime
    if (S_ISLNK(file.st_mode)) {
      const std::string fault = owner_fault(file);
      if (!fault.empty())
        return distrust(links_ == 1 ? "is a symbolic link " + fault
                                    : "leads to '" + component_ + "', a symbolic link " + fault);
      target.resize(PATH_MAX);
      const ssize_t size = readlinkat(link.get(), "", target.data(), target.size());
      if (size < 0) return failure(errno);
      target.resize(static_cast<std::size_t>(size));
    }
    rest_ = is_last_ ? target : target + "/" + rest_;
    return {};
  }

  Status missing() const {
    if (links_ == 0) return {};
    return config_error(kDefaultConfig + std::string(": a symbolic link to a file that does not exist"));
  }

  std::string rest_ = kDefaultConfig;
  std::string component_;
  bool is_last_ = false;
  UniqueFd directory_;  // where component_ is looked up; not valid: the working directory
  unsigned links_ = 0;
};

}  // namespace

Status open_default_config(UniqueFd* out) {
  Status status = Walk().open_file(out);
  if (!status.ok() || !out->valid()) return status;
  struct stat file {};
  if (fstat(out->get(), &file) != 0) return failure(errno);
  const std::string fault = S_ISREG(file.st_mode) ? write_fault(file) : "not a regular file";
  return fault.empty() ? Status() : distrust("is " + fault);
}

}  // namespace paxect::host

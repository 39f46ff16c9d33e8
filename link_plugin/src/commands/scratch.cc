#include "commands/scratch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <cstdlib>
#include <tuple>
#include <vector>

namespace paxect::link {
namespace {

constexpr int kMaxTries = 16;

// Some file systems in user space pass over a file when others of the directory are removed while it is read.
void remove_tree(const std::string& path) {
  boost::system::error_code error;
  for (int i = 0; i < kMaxTries; ++i) {
    boost::filesystem::remove_all(path, error);
    if (!error) break;
  }
}

// Whoever works in one has it locked, so that one without a lock is nobody's. Where a file system has no
// locks nothing is removed.
void remove_abandoned(const Directory& parent, const std::string& prefix) {
  std::vector<std::string> names;
  std::ignore = parent.list([&](const char* name) {
    if (std::string_view(name).starts_with(prefix)) names.emplace_back(name);
    return true;
  });
  for (const std::string& name : names) {
    UniqueFd fd(openat(parent.fd(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat info {};
    if (!fd || fstat(fd.get(), &info) != 0 || info.st_uid != geteuid()) continue;
    if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) remove_tree(parent.path_of(name));
  }
}

}  // namespace

ScratchDirectory::~ScratchDirectory() {
  if (!path_.empty()) remove_tree(path_);
}

Status ScratchDirectory::open(const std::string& parent, const std::string& purpose) {
  const std::string prefix = ".paxect_" + purpose + ".";
  Directory above;
  if (Directory::open(parent, &above).ok()) remove_abandoned(above, prefix);
  Status status;
  // Between its making and the lock another process may take it for abandoned.
  for (int i = 0; i < kMaxTries; ++i) {
    std::string pattern = parent + "/" + prefix + "XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) return io_failure("create a directory in", parent, errno);
    path_ = pattern;
    status = Directory::open(path_, &directory_);
    bool contested = status.ok() && flock(directory_.fd(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (status.ok() && !contested && directory_.is_in_place()) return status;
  }
  return status.ok() ? Status::environment("cannot keep a directory in " + parent) : status;
}

}  // namespace paxect::link

#include "confinement.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "unique_fd.h"

namespace paxect::host {
namespace {

// glibc has no functions for Landlock, and older headers lack some of the rights. (landlock(7))
constexpr std::uint64_t kRefer = std::uint64_t{1} << 13;     // version 2: renames between directories
constexpr std::uint64_t kTruncate = std::uint64_t{1} << 14;  // version 3

constexpr std::uint64_t kReadFile = LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t kWriteFile = LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
constexpr std::uint64_t kNames = LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | kRefer;
constexpr std::uint64_t kNever = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                                 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                                 LANDLOCK_ACCESS_FS_MAKE_SYM;
constexpr std::uint64_t kOfFiles = kReadFile | kWriteFile | LANDLOCK_ACCESS_FS_EXECUTE;

std::uint64_t rights_of(const AllowedPath& allowed, bool directory) {
  std::uint64_t rights = 0;
  if (allowed.read) rights |= kReadFile | LANDLOCK_ACCESS_FS_READ_DIR;
  if (allowed.write) rights |= kWriteFile | kNames;
  if (allowed.execute) rights |= LANDLOCK_ACCESS_FS_EXECUTE;
  return directory ? rights : rights & kOfFiles;
}

int allow(int ruleset, const AllowedPath& allowed, std::uint64_t known) {
  UniqueFd fd(open(allowed.path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd.valid()) return errno == ENOENT || errno == EACCES ? 0 : errno;
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return errno;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = rights_of(allowed, S_ISDIR(info.st_mode)) & known;
  rule.parent_fd = fd.get();
  if (rule.allowed_access == 0) return 0;
  return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 ? 0 : errno;
}

}  // namespace

int landlock_version() {
  long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version > 0 ? static_cast<int>(version) : 0;
}

int confine_thread(const std::vector<AllowedPath>& paths) {
  int version = landlock_version();
  if (version == 0) return ENOSYS;
  // Version 1 refuses every rename between directories, which a plugin needs to move a file: no sandbox then.
  if (version == 1) return ENOSYS;
  std::uint64_t known = kOfFiles | LANDLOCK_ACCESS_FS_READ_DIR | kNames | kNever;
  if (version < 3) known &= ~kTruncate;
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = known;
  UniqueFd ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
  if (!ruleset.valid()) return errno;
  for (const AllowedPath& allowed : paths)
    if (int error = allow(ruleset.get(), allowed, known); error != 0) return error;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return syscall(SYS_landlock_restrict_self, ruleset.get(), 0) == 0 ? 0 : errno;
}

}  // namespace paxect::host

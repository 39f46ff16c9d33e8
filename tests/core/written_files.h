// Outputs written by a test, and the files to be replaced by them.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "output_file.h"

namespace paxect::core {

inline constexpr uid_t kNobody = 65534;
inline constexpr gid_t kNogroup = 65534;

inline bool never() { return false; }

struct Written {
  Status status;
  std::string warning;
};
Written write_output(const std::string& path, const std::string& data,
                     const OutputFile::Context& context = {});
paxect_status code_of(const std::string& path, const OutputFile::Context& context = {});
// Without the name; "" after success.
std::string message_of(const std::string& path);

FileAttributes attributes_of(const std::string& path);
// For comparisons by inode: the descriptor behind it is closed.
FileIdentity identity_of(const std::string& path);
struct stat stat_of(const std::string& path);
mode_t mode_of(const std::string& path);
// A file that holds "old".
void make(const std::string& path, mode_t mode, uid_t user = geteuid(), gid_t group = getegid());

// Runs a function in a process of another user, and returns its result.
std::string as_nobody(const std::function<std::string()>& work);
bool is_root();

}  // namespace paxect::core

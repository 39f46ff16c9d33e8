#include "file_identity.h"

#include <unistd.h>

namespace paxect::core {

std::optional<FileIdentity> FileIdentity::of_output(const std::string& path) {
  if (path == "-") return of(STDOUT_FILENO);
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) return std::nullopt;
  return FileIdentity(file);
}

std::optional<FileIdentity> FileIdentity::of(int fd) {
  struct stat file {};
  if (fstat(fd, &file) != 0) return std::nullopt;
  return FileIdentity(file);
}

bool FileIdentity::same_as(const FileIdentity& other) const {
  return S_ISREG(file_.st_mode) && S_ISREG(other.file_.st_mode) && file_.st_dev == other.file_.st_dev &&
         file_.st_ino == other.file_.st_ino;
}

}  // namespace paxect::core

// Which file a name or a descriptor refers to, to find out whether two of them are the same file. A value;
// any thread.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

namespace paxect::core {

class FileIdentity {
 public:
  explicit FileIdentity(const struct stat& file) : file_(file) {}
  // The file that a name leads to, "-" being standard output; none where nothing exists there.
  static std::optional<FileIdentity> of_output(const std::string& path);
  // The file behind a descriptor; none where it is not open.
  static std::optional<FileIdentity> of(int fd);

  // Whether writing to one changes what is read from the other.
  bool same_as(const FileIdentity& other) const;

 private:
  struct stat file_ {};
};

}  // namespace paxect::core

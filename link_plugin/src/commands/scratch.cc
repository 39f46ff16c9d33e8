#include "commands/scratch.h"

#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <cstdlib>

namespace paxect::link {

ScratchDirectory::~ScratchDirectory() {
  boost::system::error_code ignored;
  if (!path_.empty()) boost::filesystem::remove_all(path_, ignored);
}

Status ScratchDirectory::open(const std::string& parent, const std::string& purpose) {
  std::string pattern = parent + "/.paxect_" + purpose + ".XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) return io_failure("create a directory in", parent, errno);
  path_ = pattern;
  return Directory::open(path_, &directory_);
}

}  // namespace paxect::link

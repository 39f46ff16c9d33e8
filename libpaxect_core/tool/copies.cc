#include "copies.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace paxect::tool {

namespace {

core::Descriptor open_copy(const std::string& name) {
  if (name == "-") return core::Descriptor(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
  return core::open_at(AT_FDCWD, name, O_RDONLY | O_NONBLOCK);  // not wait at a FIFO
}

}  // namespace

Outcome Copies::open(const std::vector<std::string>& names,
                     const std::function<Outcome(int fd, const std::string& name)>& add) {
  for (const std::string& name : names) {
    core::Descriptor file = open_copy(name);
    if (!file.valid())
      return {PAXECT_ERROR_OPEN,
              shown_name(name) + ": cannot open: " + std::generic_category().message(errno)};
    files_.push_back(std::move(file));
    if (Outcome added = add(files_.back().get(), shown_name(name)); added.status != PAXECT_OK) return added;
  }
  return {};
}

std::vector<core::FileIdentity> Copies::identities() const {
  std::vector<core::FileIdentity> found;
  for (const core::Descriptor& file : files_)
    if (auto identity = core::FileIdentity::of(file.get())) found.push_back(*identity);
  return found;
}

std::uint64_t total_size(const std::vector<std::string>& files) {
  std::uint64_t total = 0;
  for (const std::string& file : files) total += file_size(file);
  return total;
}

}  // namespace paxect::tool

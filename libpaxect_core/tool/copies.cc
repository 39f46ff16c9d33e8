#include "copies.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <system_error>
#include <utility>

namespace paxect::tool {

namespace {

core::Descriptor open_copy(const std::string& name) {
  if (name == "-") return core::Descriptor(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0));
  return core::open_at(AT_FDCWD, name, O_RDONLY | O_NONBLOCK);  // not wait at a FIFO
}

bool reads_all(int fd, std::uint64_t offset, std::span<char> out) {
  for (std::size_t done = 0; done != out.size();) {
    const ssize_t got = pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<std::size_t>(got);
  }
  return true;
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

CopyComparison::CopyComparison(const Copies& copies) : copies_(copies), same_(copies.files().size()) {
  std::iota(same_.begin(), same_.end(), std::size_t{0});
}

void CopyComparison::take(std::span<const char> bytes) {
  std::array<char, 65536> block;
  for (std::size_t done = 0; done != bytes.size() && !same_.empty();) {
    const std::size_t size = std::min(block.size(), bytes.size() - done);
    std::erase_if(same_, [&](std::size_t copy) {
      return !reads_all(copies_.files()[copy].get(), offset_ + done, std::span(block).first(size)) ||
             std::memcmp(block.data(), bytes.data() + done, size) != 0;
    });
    done += size;
  }
  offset_ += bytes.size();
}

std::int32_t CopyComparison::sink(void* opaque, const void* data, std::size_t size) {
  static_cast<CopyComparison*>(opaque)->take({static_cast<const char*>(data), size});
  return 0;
}

void CopyComparison::take_file(const std::string& path) {
  core::Descriptor file = core::open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
  std::array<char, 65536> block;
  for (;;) {
    const ssize_t got = file.valid() ? read(file.get(), block.data(), block.size()) : -1;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) same_.clear();
    if (got <= 0) return;
    take({block.data(), static_cast<std::size_t>(got)});
  }
}

std::optional<std::size_t> CopyComparison::whole_copy() const {
  const auto whole = std::find_if(same_.begin(), same_.end(), [&](std::size_t copy) {
    struct stat file {};
    return fstat(copies_.files()[copy].get(), &file) == 0 &&
           (!S_ISREG(file.st_mode) || static_cast<std::uint64_t>(file.st_size) == offset_);
  });
  return whole == same_.end() ? std::nullopt : std::optional(*whole);
}

std::uint64_t total_size(const std::vector<std::string>& files) {
  std::uint64_t total = 0;
  for (const std::string& file : files) total += file_size(file);
  return total;
}

}  // namespace paxect::tool

#include "descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace paxect::core {
namespace {

constexpr int kFirstOwnDescriptor = 3;

std::optional<int> number(std::string_view text) {
  int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::string shown_path(const std::string& path, const char* stream) {
  if (path.empty()) return "''";
  return path == "-" ? stream : path;
}

}  // namespace

int Descriptor::close() {
  if (fd_ < 0) return 0;
  return ::close(std::exchange(fd_, -1)) == 0 || errno == EINTR ? 0 : errno;
}

Descriptor open_at(int directory, const std::string& path, int flags, mode_t mode) {
  Descriptor opened(::openat(directory, path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode));
  if (!opened.valid() || opened.get() >= kFirstOwnDescriptor) return opened;
  return Descriptor(fcntl(opened.get(), F_DUPFD_CLOEXEC, kFirstOwnDescriptor));
}

std::optional<int> descriptor_named(const std::string& path) {
  static constexpr std::array<const char*, 3> kStandard = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
  for (std::size_t fd = 0; fd < kStandard.size(); ++fd)
    if (path == kStandard[fd]) return static_cast<int>(fd);
  for (const char* prefix : {"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/"})
    if (path.starts_with(prefix))
      return number(std::string_view(path).substr(std::string_view(prefix).size()));
  return std::nullopt;
}

std::string shown_input(const std::string& path) { return shown_path(path, "standard input"); }
std::string shown_output(const std::string& path) { return shown_path(path, "standard output"); }

Status check_descriptor(int fd, Direction direction, const std::string& name) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return system_failure(PAXECT_ERROR_OPEN, name, "cannot open", errno);
  int wrong = direction == Direction::kReading ? O_WRONLY : O_RDONLY;
  if ((flags & O_PATH) == 0 && (flags & O_ACCMODE) != wrong) return {};
  return failure(PAXECT_ERROR_OPEN, name + (direction == Direction::kReading ? ": is not open for reading"
                                                                             : ": is not open for writing"));
}

}  // namespace paxect::core

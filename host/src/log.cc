#include "log.h"

#include <paxect/plugin.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "fd_output.h"
#include "names.h"
#include "unicode.h"

namespace paxect::host {
namespace {

std::string hex(unsigned char byte) {
  static constexpr char kDigits[] = "0123456789abcdef";
  return {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

// What systemd.exec(5) says of JOURNAL_STREAM: the device and inode of the journal's socket.
bool is_journal(int fd) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat info {};
  if (stream == nullptr || fstat(fd, &info) != 0) return false;
  return stream == std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

// The prefixes of sd-daemon(3), which are the levels of syslog(3).
const char* priority_of(std::int32_t level) {
  switch (level) {
    case PAXECT_LOG_DEBUG:
      return "<7>";
    case PAXECT_LOG_INFO:
      return "<6>";
    case PAXECT_LOG_WARN:
      return "<4>";
    default:
      return "<3>";
  }
}

}  // namespace

std::string escape(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    Character character = first_character(text);
    text.remove_prefix(character.bytes.size());
    if (character.bytes == "\n")
      result += "\\n";
    else if (character.bytes == "\t")
      result += "\\t";
    else if (character.valid && !is_control(character.code))
      result += character.bytes;
    else
      for (char byte : character.bytes) result += hex(static_cast<unsigned char>(byte));
  }
  return result;
}

Log::Log(bool verbose, int fd) : fd_(fd), verbose_(verbose), journal_(is_journal(fd)) {}

void Log::write(std::string_view instance, std::int32_t level, std::string_view message) const {
  if (level < PAXECT_LOG_WARN && !verbose_) return;
  put(line(level, "[" + upper(instance) + "] " + escape(message)));
}

void Log::write(std::int32_t level, std::string_view message) const {
  put(line(level, "paxect: " + escape(message)));
}

void Log::write(const Status& failure) const {
  write(failure.message());
  for (const std::string& message : failure.further_messages()) write(message);
}

void Log::write_if_ready(std::int32_t level, std::string_view message) const {
  const std::string text = line(level, "paxect: " + escape(message));
  std::unique_lock lock(mutex_, std::try_to_lock);
  pollfd writable{fd_, POLLOUT, 0};
  if (!lock || poll(&writable, 1, 0) != 1 || (writable.revents & POLLOUT) == 0) return;
  [[maybe_unused]] ssize_t written = ::write(fd_, text.data(), text.size());
}

std::string Log::line(std::int32_t level, std::string_view text) const {
  std::string result = journal_ ? priority_of(level) : "";
  return result.append(text).append("\n");
}

void Log::put(const std::string& line) const {
  std::lock_guard lock(mutex_);
  write_all(fd_, line);  // A failure cannot be reported to anybody.
}

}  // namespace paxect::host

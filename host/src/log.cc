#include "log.h"

#include <paxect/plugin.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "fd_output.h"
#include "names.h"

namespace paxect::host {
namespace {

std::string hex(unsigned char byte) {
  static constexpr char kDigits[] = "0123456789abcdef";
  return {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

// The length of the well-formed UTF-8 sequence at the front, or 0 (RFC 3629, table of section 4). Control
// characters are well-formed.
std::size_t utf8_length(std::string_view text) {
  struct Form {
    unsigned char first_low, first_high, second_low, second_high;
    std::size_t length;
  };
  static constexpr std::array<Form, 9> kForms = {{{0x00, 0x7f, 0, 0, 1},
                                                  {0xc2, 0xdf, 0x80, 0xbf, 2},
                                                  {0xe0, 0xe0, 0xa0, 0xbf, 3},
                                                  {0xe1, 0xec, 0x80, 0xbf, 3},
                                                  {0xed, 0xed, 0x80, 0x9f, 3},
                                                  {0xee, 0xef, 0x80, 0xbf, 3},
                                                  {0xf0, 0xf0, 0x90, 0xbf, 4},
                                                  {0xf1, 0xf3, 0x80, 0xbf, 4},
                                                  {0xf4, 0xf4, 0x80, 0x8f, 4}}};
  auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  auto within = [](unsigned char value, unsigned char low, unsigned char high) {
    return value >= low && value <= high;
  };
  for (const Form& form : kForms) {
    if (!within(byte(0), form.first_low, form.first_high)) continue;
    if (text.size() < form.length) return 0;
    if (form.length > 1 && !within(byte(1), form.second_low, form.second_high)) return 0;
    for (std::size_t i = 2; i < form.length; ++i)
      if (!within(byte(i), 0x80, 0xbf)) return 0;
    return form.length;
  }
  return 0;
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

// The code point of one well-formed sequence.
char32_t code_point(std::string_view character) {
  auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first;
  char32_t value = first & (0x7f >> character.size());
  for (char byte : character.substr(1)) value = value << 6 | (static_cast<unsigned char>(byte) & 0x3f);
  return value;
}

// What a terminal does not show as a character of its own. (Unicode 15: general categories Cc, Zl and Zp, and
// those of Cf that hide or reorder the text around them)
bool is_control(std::string_view character) {
  struct Range {
    char32_t first, last;
  };
  static constexpr std::array<Range, 10> kRanges = {
      {{0x00, 0x1f},          // C0
       {0x7f, 0x9f},          // DEL, C1
       {0xad, 0xad},          // soft hyphen
       {0x061c, 0x061c},      // Arabic letter mark
       {0x180e, 0x180e},      // Mongolian vowel separator
       {0x200b, 0x200f},      // zero width, direction marks
       {0x2028, 0x202e},      // line separators, embeddings, overrides
       {0x2060, 0x206f},      // word joiner, isolates
       {0xfeff, 0xfeff},      // byte order mark
       {0xe0000, 0xe007f}}};  // tags
  char32_t value = code_point(character);
  return std::any_of(kRanges.begin(), kRanges.end(),
                     [&](const Range& range) { return value >= range.first && value <= range.last; });
}

}  // namespace

std::string escape(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    std::size_t length = utf8_length(text);
    std::string_view character = text.substr(0, length == 0 ? 1 : length);
    text.remove_prefix(character.size());
    if (character == "\n")
      result += "\\n";
    else if (character == "\t")
      result += "\\t";
    else if (length != 0 && !is_control(character))
      result += character;
    else
      for (char byte : character) result += hex(static_cast<unsigned char>(byte));
  }
  return result;
}

Log::Log(bool verbose, int fd) : fd_(fd), verbose_(verbose), journal_(is_journal(fd)) {}

void Log::write(std::string_view instance, std::int32_t level, std::string_view message) const {
  if (level < PAXECT_LOG_WARN && !verbose_) return;
  put(line(level, "[" + upper(instance) + "] " + escape(message)));
}

void Log::write(std::string_view message) const { put(line(PAXECT_LOG_ERROR, "paxect: " + escape(message))); }

void Log::write_if_ready(std::string_view message) const {
  const std::string text = line(PAXECT_LOG_ERROR, "paxect: " + escape(message));
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

#include "log.h"

#include <paxect/plugin.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "names.h"

namespace paxect::host {
namespace {

std::string hex(unsigned char byte) {
  static constexpr char kDigits[] = "0123456789abcdef";
  return {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

// The length of the well-formed UTF-8 sequence at the front (RFC 3629, table of section 4), or 0. What it
// says of C1 control characters is not asked here.
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

// As in sd-daemon(3).
const char* priority_of(std::int32_t level) {
  switch (level) {
    case PAXECT_LOG_DEBUG:
      return SD_DEBUG;
    case PAXECT_LOG_INFO:
      return SD_INFO;
    case PAXECT_LOG_WARN:
      return SD_WARNING;
    default:
      return SD_ERR;
  }
}

bool is_control(std::string_view character) {
  auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  return character.size() == 2 && first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
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
  put(level, "[" + upper(instance) + "] " + escape(message));
}

void Log::write(std::string_view message) const { put(PAXECT_LOG_ERROR, "paxect: " + escape(message)); }

void Log::put(std::int32_t level, const std::string& text) const {
  const std::string line = (journal_ ? priority_of(level) : "") + text + "\n";
  std::string_view left = line;
  while (!left.empty()) {
    ssize_t written = ::write(fd_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // There is nobody to tell it to.
    left.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace paxect::host

#include "config_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <string_view>
#include <system_error>
#include <unordered_map>

#include "file_trust.h"
#include "names.h"
#include "unicode.h"
#include "unique_fd.h"

namespace paxect::host {
namespace {

constexpr const char* kDefaultPath = "paxect.conf";
constexpr std::size_t kMaxFileSize = 1 << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool begins_comment(char c) { return c == '#' || c == ';'; }
// Unicode's blanks that are not ASCII (category Zs), as editors and web pages leave them behind.
bool is_wide_blank(char32_t code) {
  return code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x202f ||
         code == 0x205f || code == 0x3000;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool has_comment(std::string_view value) {
  for (std::size_t i = 0; i < value.size(); ++i)
    if (begins_comment(value[i]) && (i == 0 || is_blank(value[i - 1]))) return true;
  return false;
}

// $NAME, ${NAME} or $(COMMAND).
bool has_expansion(std::string_view value) {
  for (std::size_t at = value.find('$'); at != std::string_view::npos; at = value.find('$', at + 1)) {
    char next = at + 1 < value.size() ? value[at + 1] : ' ';
    if (next == '{' || next == '(' || next == '_' || is_ascii_letter(next)) return true;
  }
  return false;
}

bool is_quoted(std::string_view value) {
  return value.size() > 1 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
}

std::string number_of(char32_t code) {
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), "U+%04X", static_cast<unsigned>(code));
  return text.data();
}

// The fault of the first character that a line may not hold, and the remedy; empty when there is none.
std::string character_fault(std::string_view line) {
  while (!line.empty()) {
    Character character = first_character(line);
    line.remove_prefix(character.bytes.size());
    if (!character.valid)
      return "text that is not UTF-8: save the file as UTF-8; --set and the environment take a name in "
             "another "
             "encoding";
    if (character.code == '\t' || !is_control(character.code)) continue;
    if (character.code < 0xa0) return "a control character (" + number_of(character.code) + "): remove it";
    return "an invisible character (" + number_of(character.code) + "): remove it";
  }
  return {};
}

// A wide blank at the beginning or end of a value would be a part of it; 0 when there is none.
char32_t edge_blank(std::string_view value) {
  char32_t first = 0;
  char32_t last = 0;
  for (bool at_start = true; !value.empty(); at_start = false) {
    Character character = first_character(value);
    value.remove_prefix(character.bytes.size());
    last = character.code;
    if (at_start) first = last;
  }
  return is_wide_blank(first) ? first : is_wide_blank(last) ? last : 0;
}

// Why a value is refused, and the remedy; empty when it is taken. The text never repeats the value, which may
// be a key.
std::string fault_of(std::string_view value) {
  if (is_quoted(value)) return "quotes would become part of the value: leave them out";
  if (value.starts_with('~')) return "'~' is not replaced by a home directory: write the whole path";
  if (has_expansion(value)) return "variables and commands ('$') are not replaced: write the value itself";
  if (has_comment(value))
    return "a comment behind a value would become part of it: give the comment a line of its own";
  if (char32_t blank = edge_blank(value); blank != 0)
    return "a blank at its edge that is no space or tab (" + number_of(blank) +
           ") would become part of it: remove it";
  return {};
}

// A name for a message; what is no name may have any length.
std::string shown(std::string_view name) {
  constexpr std::size_t kMaxShown = 80;
  return "'" + std::string(name.substr(0, kMaxShown)) + (name.size() > kMaxShown ? "...'" : "'");
}

class Scanner {
 public:
  Scanner(const std::string& path, std::vector<ConfigSection>* sections) : path_(path), sections_(sections) {}

  Status scan(std::string_view text) {
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
      return config_error(path_ + ": text in UTF-16: save the file as UTF-8");
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    while (!text.empty()) {
      ++line_;
      std::size_t end = std::min(text.find('\n'), text.size());
      Status status = scan_line(text.substr(0, end));
      if (!status.ok()) return status;
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    return {};
  }

 private:
  Status error(const std::string& what) const {
    return config_error(path_ + ":" + std::to_string(line_) + ": " + what);
  }

  Status scan_line(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find('\0') != std::string_view::npos)
      return error("a NUL byte: this is not a text file, or not one in UTF-8");
    if (line.find('\r') != std::string_view::npos)
      return error("a carriage return inside a line: end lines with LF or CRLF");
    if (std::string fault = character_fault(line); !fault.empty()) return error(fault);
    std::string_view content = trim(line);
    if (content.empty() || begins_comment(content.front())) return {};
    if (content.front() == '[') return scan_section(content);
    std::size_t equals = content.find('=');
    if (equals == std::string_view::npos) return error("neither [SECTION] nor KEY = VALUE");
    return add_entry(trim(content.substr(0, equals)), trim(content.substr(equals + 1)));
  }

  Status scan_section(std::string_view content) {
    if (content.back() == ']') return add_section(content.substr(1, content.size() - 2));
    if (content.find(']') != std::string_view::npos)
      return error("text behind [SECTION]: give it, or the comment, a line of its own");
    return error("'[' without ']': write [SECTION]");
  }

  Status add_section(std::string_view name) {
    if (!is_instance_name(name)) return error(shown(name) + " is no section name: [a-z][a-z0-9_-]{0,63}");
    auto [found, is_new] = sections_by_variable_.try_emplace(variable_part(name), sections_->size());
    if (!is_new) {
      const ConfigSection& other = (*sections_)[found->second];
      const std::string first = "first in line " + std::to_string(other.line);
      if (other.name == name) return error("section [" + other.name + "] is given twice, " + first);
      return error("section [" + std::string(name) + "] would share its environment variables with [" +
                   other.name + "], " + first);
    }
    key_lines_.clear();
    sections_->push_back({std::string(name), line_, {}});
    return {};
  }

  Status add_entry(std::string_view key, std::string_view value) {
    if (!is_key(key)) return error(shown(key) + " is no key: [a-z][a-z0-9_]{0,63}");
    if (sections_->empty())
      return error("key " + shown(key) + " is outside a section: write [link], for instance, above it");
    ConfigSection& section = sections_->back();
    auto [found, is_new] = key_lines_.try_emplace(std::string(key), line_);
    if (!is_new)
      return error("key '" + found->first + "' is given twice in [" + section.name + "], first in line " +
                   std::to_string(found->second));
    if (std::string fault = fault_of(value); !fault.empty())
      return error("value of '" + std::string(key) + "': " + fault +
                   ", or set it by --set or in the environment, which are taken literally");
    section.entries.push_back({std::string(key), std::string(value), line_});
    return {};
  }

  const std::string& path_;
  std::vector<ConfigSection>* sections_;
  std::unordered_map<std::string, std::size_t> sections_by_variable_;
  std::unordered_map<std::string, unsigned> key_lines_;  // of the last section
  unsigned line_ = 0;
};

std::string reason(int error) { return std::generic_category().message(error); }

// O_NONBLOCK: opening a FIFO would block otherwise.
constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

Status default_error(int error) { return config_error(kDefaultPath + (": " + reason(error))); }

Status distrust(const std::string& fault) {
  const std::string name = kDefaultPath;
  return config_error(name + " is " + fault +
                      ": it names programs to run, so it is read only when you name it: -c ./" + name);
}

// Opens what ./paxect.conf, a symbolic link, leads to. Reads the link by its descriptor: it cannot be
// replaced between the check of its owner and its use.
Status open_behind_link(UniqueFd* out) {
  UniqueFd link(open(kDefaultPath, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat file {};
  if (!link.valid() || fstat(link.get(), &file) != 0) return default_error(errno);
  std::array<char, PATH_MAX> target{};
  ssize_t size = readlinkat(link.get(), "", target.data(), target.size() - 1);
  if (size < 0) return default_error(errno);
  *out = UniqueFd(open(target.data(), kOpenFlags));
  if (!out->valid())
    return errno == ENOENT
               ? config_error(kDefaultPath + std::string(": a symbolic link to a file that does not exist"))
               : default_error(errno);
  std::string fault = owner_fault(file);
  return fault.empty() ? Status() : distrust("a symbolic link " + fault);
}

// Every check is of a descriptor, so that it is about the file that is read.
Status open_default(UniqueFd* out) {
  *out = UniqueFd(open(kDefaultPath, kOpenFlags | O_NOFOLLOW));
  if (!out->valid()) {
    if (errno == ENOENT) return {};
    if (errno != ELOOP) return default_error(errno);
    Status status = open_behind_link(out);
    if (!status.ok()) return status;
  }
  struct stat file {};
  if (fstat(out->get(), &file) != 0) return default_error(errno);
  std::string fault = S_ISREG(file.st_mode) ? write_fault(file) : "not a regular file";
  return fault.empty() ? Status() : distrust(fault);
}

Status open_named(const std::string& path, UniqueFd* out) {
  // A FIFO is opened at once, and wait_for_data() blocks for its writer.
  *out = UniqueFd(open(path.c_str(), kOpenFlags));
  return out->valid() ? Status() : config_error(path + ": " + reason(errno));
}

// False when a stop was requested first.
bool wait_for_data(int fd, const StopRequest* stop) {
  std::array<pollfd, 2> polled{{{fd, POLLIN, 0}, {stop == nullptr ? -1 : stop->fd(), POLLIN, 0}}};
  while (poll(polled.data(), polled.size(), -1) < 0 && errno == EINTR) {
  }
  return polled[1].revents == 0;
}

Status read_text(int fd, const std::string& path, const StopRequest* stop, std::string* text) {
  text->resize(kMaxFileSize + 1);
  std::size_t size = 0;
  while (size < text->size()) {
    if (!wait_for_data(fd, stop)) return config_error(path + ": stopped while reading it");
    ssize_t got = read(fd, text->data() + size, text->size() - size);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return config_error(path + ": cannot be read: " + reason(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text->resize(size);
  if (size > kMaxFileSize) return config_error(path + ": larger than 1 MiB: not a configuration");
  return {};
}

}  // namespace

Status parse_config(const std::string& text, const std::string& path, ConfigFile* out) {
  *out = {path, {}};
  return Scanner(out->path, &out->sections).scan(text);
}

Status read_config(const std::optional<std::string>& path, const StopRequest* stop, ConfigFile* out) {
  UniqueFd fd;
  Status status = path ? open_named(*path, &fd) : open_default(&fd);
  if (!status.ok()) return status;
  if (!fd.valid()) {
    *out = {{}, {{"link", 0, {}}}};
    return {};
  }
  const std::string name = path.value_or(kDefaultPath);
  std::string text;
  status = read_text(fd.get(), name, stop, &text);
  return status.ok() ? parse_config(text, name, out) : status;
}

}  // namespace paxect::host

#include "config_file.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <system_error>
#include <unordered_map>

#include "config_value.h"
#include "default_config.h"
#include "names.h"
#include "resources.h"
#include "unicode.h"
#include "unique_fd.h"

namespace paxect::host {
namespace {

constexpr std::size_t kMaxFileSize = 1 << 20;
constexpr std::size_t kMaxFaults = 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool begins_comment(char c) { return c == '#' || c == ';'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// The fault of the first character that a line may not hold, and the remedy; empty when there is none.
std::string character_fault(std::string_view line) {
  while (!line.empty()) {
    Character character = first_character(line);
    line.remove_prefix(character.bytes.size());
    if (!character.valid)
      return "text that is not UTF-8: save the file as UTF-8; --set and the environment take a name in "
             "another encoding";
    if (character.code == '\t' || !is_control(character.code)) continue;
    if (character.code < 0xa0) return "a control character (" + code_point(character.code) + "): remove it";
    return "an invisible character (" + code_point(character.code) + "): remove it";
  }
  return {};
}

// A name for a message; what is no name may have any length.
std::string shown(std::string_view name) {
  constexpr std::size_t kMaxShown = 80;
  std::string text = "'";
  text += name.substr(0, kMaxShown);
  return text + (name.size() > kMaxShown ? "...'" : "'");
}

class Scanner {
 public:
  Scanner(const std::string& path, std::vector<ConfigSection>* sections) : path_(path), sections_(sections) {}

  // Returns all faults.
  Status scan(std::string_view text) {
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
      return config_error(path_ + ": text in UTF-16: save the file as UTF-8");
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    while (!text.empty()) {
      ++line_;
      std::size_t end = std::min(text.find('\n'), text.size());
      if (!scan_line(text.substr(0, end))) break;
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (fault_count_ > kMaxFaults)
      faults_.add(
          config_error(path_ + ": and " + std::to_string(fault_count_ - kMaxFaults) + " more faults"));
    return std::move(faults_);
  }

 private:
  void fault(const std::string& what) {
    if (++fault_count_ <= kMaxFaults)
      faults_.add(config_error(path_ + ":" + std::to_string(line_) + ": " + what));
  }

  // False when the text is not worth reading on.
  bool scan_line(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find('\0') != std::string_view::npos) {
      fault("a NUL byte: this is not a text file, or not one in UTF-8");
      return false;
    }
    if (line.find('\r') != std::string_view::npos) {
      fault("a carriage return inside a line: end lines with LF or CRLF");
      return true;
    }
    const std::string of_character = character_fault(line);
    if (!of_character.empty()) fault(of_character);
    // A line with such a fault is read on only if it begins a section: its keys would seem to be another's.
    std::string_view content = trim(line);
    if (content.empty() || begins_comment(content.front())) return true;
    if (content.front() == '[') {
      scan_section(content, of_character.empty());
    } else if (of_character.empty()) {
      std::size_t equals = content.find('=');
      if (equals == std::string_view::npos)
        fault("neither [SECTION] nor KEY = VALUE");
      else
        add_entry(trim(content.substr(0, equals)), trim(content.substr(equals + 1)));
    }
    return true;
  }

  // The keys behind a line that is no good as a section's are still read, for their own faults.
  void scan_section(std::string_view content, bool is_plain) {
    key_lines_.clear();
    section_ = &discarded_;
    discarded_ = {"...", line_, {}};
    if (!is_plain) return;
    if (content.back() == ']')
      add_section(content.substr(1, content.size() - 2));
    else if (content.find(']') != std::string_view::npos)
      fault("text behind [SECTION]: give it, or the comment, a line of its own");
    else
      fault("'[' without ']': write [SECTION]");
  }

  void add_section(std::string_view name) {
    if (!is_instance_name(name)) return fault(shown(name) + " is no section name: [a-z][a-z0-9_-]{0,63}");
    auto [found, is_new] = sections_by_variable_.try_emplace(variable_part(name), sections_->size());
    if (!is_new) {
      const ConfigSection& other = (*sections_)[found->second];
      const std::string first = "first in line " + std::to_string(other.line);
      if (other.name == name) return fault("section [" + other.name + "] is given twice, " + first);
      return fault("section [" + std::string(name) + "] would share its environment variables with [" +
                   other.name + "], " + first);
    }
    sections_->push_back({std::string(name), line_, {}});
    section_ = &sections_->back();
  }

  void add_entry(std::string_view key, std::string_view value) {
    if (!is_key(key)) return fault(shown(key) + " is no key: [a-z][a-z0-9_]{0,63}");
    if (section_ == nullptr)
      return fault("key " + shown(key) + " is outside a section: write [link], for instance, above it");
    auto [found, is_new] = key_lines_.try_emplace(std::string(key), line_);
    if (!is_new)
      return fault("key '" + found->first + "' is given twice in [" + section_->name + "], first in line " +
                   std::to_string(found->second));
    if (std::string reason = value_fault(value); !reason.empty())
      return fault("value of '" + std::string(key) + "': " + reason +
                   ", or set it by --set or in the environment, which are taken literally");
    section_->entries.push_back({std::string(key), std::string(value), line_});
  }

  const std::string& path_;
  std::vector<ConfigSection>* sections_;
  std::unordered_map<std::string, std::size_t> sections_by_variable_;
  std::unordered_map<std::string, unsigned> key_lines_;  // of section_
  ConfigSection* section_ = nullptr;                     // the one of the lines that are read
  ConfigSection discarded_;
  Status faults_;
  std::size_t fault_count_ = 0;
  unsigned line_ = 0;
};

std::string reason(int error) { return std::generic_category().message(error); }

Status open_named(const std::string& path, UniqueFd* out) {
  // O_NONBLOCK: a FIFO is opened at once, and wait_for_data() blocks for its writer.
  *out = UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  return out->valid() ? Status() : open_error(path, errno);
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
  Status status = path ? open_named(*path, &fd) : open_default_config(&fd);
  if (!status.ok()) return status;
  if (!fd.valid()) {
    *out = {{}, {{"link", 0, {}}}};
    return {};
  }
  const std::string name = path.value_or(kDefaultConfig);
  std::string text;
  status = read_text(fd.get(), name, stop, &text);
  return status.ok() ? parse_config(text, name, out) : status;
}

}  // namespace paxect::host

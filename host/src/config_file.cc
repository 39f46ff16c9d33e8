#include "config_file.h"

#include <boost/program_options.hpp>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

#include "names.h"

namespace paxect::host {
namespace {

namespace po = boost::program_options;

constexpr const char* kDefaultPath = "paxect.conf";
constexpr std::size_t kLargestFile = 1 << 20;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// Looks at the lines before Program_options does, because that neither reports sections without keys nor
// counts lines, and reads a line it should refuse. Fills in all but the values.
class Scanner {
 public:
  Scanner(const std::string& path, std::vector<ConfigSection>* sections) : path_(path), sections_(sections) {}

  Status scan(const std::string& text) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      ++line_;
      Status status = scan_line(line);
      if (!status.ok()) return status;
    }
    return {};
  }

 private:
  Status error(const std::string& what) const {
    return config_error(path_ + ":" + std::to_string(line_) + ": " + what);
  }

  Status scan_line(std::string_view line) {
    if (line.find('\0') != std::string_view::npos) return error("a NUL byte: this is not a text file");
    std::size_t comment = line.find('#');
    std::string_view content = trim(line.substr(0, comment));
    if (content.empty()) return {};
    if (content.front() == '[' && content.back() == ']')
      return add_section(std::string(content.substr(1, content.size() - 2)));
    std::size_t equals = content.find('=');
    if (equals == std::string_view::npos) return error("neither [SECTION] nor KEY = VALUE");
    Status status = add_key(std::string(trim(content.substr(0, equals))));
    if (!status.ok() || comment == std::string_view::npos) return status;
    // What follows the '#' is dropped. That must not happen unseen to a value which has one in it, a key for
    // instance.
    bool nothing_left = trim(content.substr(equals + 1)).empty();
    bool blank_before = trim(line.substr(comment - 1, 1)).empty();
    if (nothing_left || !blank_before)
      return error(
          "'#' begins a comment and cuts off the value: give this value by --set or in the "
          "environment, or put a blank before the comment");
    return {};
  }

  Status add_section(const std::string& name) {
    if (!is_instance_name(name)) return error("'" + name + "' is no section name: [a-z][a-z0-9_-]{0,63}");
    for (const ConfigSection& other : *sections_) {
      std::string first = "first in line " + std::to_string(other.line);
      if (other.name == name) return error("section [" + name + "] is given twice, " + first);
      if (variable_part(other.name) == variable_part(name))
        return error("section [" + name + "] would share its environment variables with [" + other.name +
                     "], " + first);
    }
    sections_->push_back({name, line_, {}});
    return {};
  }

  Status add_key(const std::string& key) {
    if (!is_key(key)) return error("'" + key + "' is no key: [a-z][a-z0-9_]{0,63}");
    if (sections_->empty()) return error("key '" + key + "' stands outside a section");
    ConfigSection& section = sections_->back();
    for (const ConfigEntry& other : section.entries)
      if (other.key == key)
        return error("key '" + key + "' is given twice in [" + section.name + "], first in line " +
                     std::to_string(other.line));
    section.entries.push_back({key, {}, line_});
    return {};
  }

  const std::string& path_;
  std::vector<ConfigSection>* sections_;
  unsigned line_ = 0;
};

// The values, in the order in which the scanner met the keys.
Status read_values(const std::string& text, ConfigFile* file) {
  std::istringstream in(text);
  po::parsed_options parsed = po::parse_config_file(in, po::options_description(), true);
  auto option = parsed.options.begin();
  for (ConfigSection& section : file->sections) {
    for (ConfigEntry& entry : section.entries) {
      bool matches = option != parsed.options.end() && option->string_key == section.name + "." + entry.key &&
                     option->value.size() == 1;
      if (!matches)
        return internal_error(file->path + ":" + std::to_string(entry.line) + ": was read in two ways");
      entry.value = (option++)->value.front();
    }
  }
  if (option != parsed.options.end())
    return internal_error(file->path + ": '" + option->string_key + "' was read in two ways");
  return {};
}

}  // namespace

Status parse_config(const std::string& text, const std::string& path, ConfigFile* out) {
  *out = {path, {}};
  Status status = Scanner(out->path, &out->sections).scan(text);
  if (!status.ok()) return status;
  try {
    return read_values(text, out);
  } catch (const po::error& error) {
    return config_error(path + ": " + error.what());
  }
}

Status read_config(const std::optional<std::string>& path, ConfigFile* out) {
  const std::string name = path.value_or(kDefaultPath);
  std::ifstream in(name, std::ios::binary);
  if (!in) {
    int reason = errno;
    if (!path && reason == ENOENT) {
      *out = {{}, {{"link", 0, {}}}};
      return {};
    }
    return config_error(name + ": " + std::generic_category().message(reason));
  }
  std::string text(kLargestFile + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return config_error(name + ": cannot be read: " + std::generic_category().message(errno));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kLargestFile) return config_error(name + ": larger than 1 MiB: not a configuration");
  return parse_config(text, name, out);
}

}  // namespace paxect::host

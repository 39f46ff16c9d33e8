// The configuration file: INI, as Boost.Program_options reads it, with stricter rules and line numbers.
//
//   # a comment, to the end of the line
//   [link]                 a section is an instance; the name says which plugin, or a key `plugin` does
//   inbox = /srv/in        blanks around key and value do not count
//
// Refused, with file and line: anything else, a section or a key given twice, a key outside a section, a name
// that is not one, a value that a '#' would cut off.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "status.h"

namespace paxect::host {

struct ConfigEntry {
  std::string key;
  std::string value;
  unsigned line;
};

struct ConfigSection {
  std::string name;
  unsigned line;
  std::vector<ConfigEntry> entries;
};

struct ConfigFile {
  std::string path;  // as named to us, for messages; empty when there is no file
  std::vector<ConfigSection> sections;
};

// Parses `text`. A failure has status 78 and names `path`, and the line where there is one.
Status parse_config(const std::string& text, const std::string& path, ConfigFile* out);

// Reads and parses the file at `path`; without a path, ./paxect.conf if it is there, and otherwise no file,
// which is one empty section [link].
Status read_config(const std::optional<std::string>& path, ConfigFile* out);

}  // namespace paxect::host

// The configuration file: sections of KEY = VALUE lines, in UTF-8.
//
//   # a comment, which is a line of its own and begins with '#' or ';'
//   [link]                       a section is an instance; its name, or its key `plugin`, names the plugin
//   inbox = /srv/in box          blanks around key and value are ignored, blanks inside a value belong to it
//
// A value is taken literally. Text to which shells and other configuration formats give a meaning is refused
// (config_value.h), so that it never becomes part of a file name: surrounding quotes, a leading '~', $NAME,
// `COMMAND`, a comment behind a value, a backslash at the end. `--set` and the environment accept such
// values.
//
// Also refused, each with file and line: any other line, a section or a key given twice, a key outside a
// section, a malformed name, text that is not UTF-8, control and invisible characters, and a blank at the
// edge of a value that is no space or tab, such as U+00A0. A byte order mark of UTF-8 is skipped.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "status.h"
#include "stop_request.h"

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
  std::string path;  // as the user gave it, for messages; empty when there is no file
  std::vector<ConfigSection> sections;
};

// Parses `text`. A failure has status 78 and a message for each fault, up to 20, with `path` and the line
// where there is one.
Status parse_config(const std::string& text, const std::string& path, ConfigFile* out);

// Reads and parses the file at `path`, which may be a pipe. Without a path it reads ./paxect.conf, and
// without that file the result is one empty section [link].
//
// ./paxect.conf is read only if no other user can choose what is in it (default_config.h).
//
// Blocks on a pipe until there is data. A request to stop ends that wait with a failure; `stop` may be null.
Status read_config(const std::optional<std::string>& path, const StopRequest* stop, ConfigFile* out);

}  // namespace paxect::host

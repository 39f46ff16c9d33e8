// The command line of `paxect` as the user typed it. Parsing opens no file and reads no environment variable.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "status.h"

namespace paxect::host {

enum class Command { kHelp, kVersion, kRun, kCheck, kPlugins, kSection };

// --set SECTION.KEY=VALUE
struct Override {
  std::string section;
  std::string key;
  std::string value;
};

struct CommandLine {
  Command command = Command::kHelp;
  std::optional<std::string> config_path;
  std::optional<std::string> plugin_directory;  // absolute
  std::vector<Override> overrides;              // in the order given; the last for a key wins
  bool once = false;
  bool verbose = false;
  // With kSection: the section whose plugin runs the command, and the command with its arguments. Without
  // words the commands are listed.
  std::string section;
  std::vector<std::string> words;
};

// Requires: `arguments` does not contain the program's name. A failure has status 64.
Status parse_command_line(const std::vector<std::string>& arguments, CommandLine* out);

// The text of --help.
std::string help_text();

}  // namespace paxect::host
